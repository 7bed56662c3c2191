"""Pale traces where the ink ends: there the pen or the pad ran dry, and a part of the mark is missing.

Two looks. The fine one sees thin traces that are just above the paper's grain. The smooth one averages the grain away
and sees even a tenth of the ink's strength, if nothing like it (a watermark, a shadow) lies elsewhere in the box.
"""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import optics
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.strokes import Marks

REACH = 9  # mm around the ink in which the fine look sees
RIM = 14  # pixels along the window's sides where the box's own rules lie
HALF = WORK / 2
FARTHEST = 25.0  # mm from the ink; a shadow reaches farther
LARGEST = 1.5  # times the ink that is left


def fine(marks: Marks, own: Pixels) -> tuple[float, Pixels]:
    """Square millimetres of pale strokes about the own ink, none if there are others elsewhere; their mask."""
    solid = float(np.percentile(marks.strong[own > 0], 75))
    thin = cv2.morphologyEx(marks.strong, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8))
    pale = cv2.inRange(thin, max(8, round(0.045 * solid)), round(0.3 * solid))
    other = cv2.bitwise_or(cv2.bitwise_or(marks.own, marks.text), marks.rules)
    pale = cv2.bitwise_and(pale, cv2.bitwise_not(cv2.dilate(other, np.ones((7, 7), np.uint8))))
    pale = cv2.morphologyEx(pale, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    x, y, wide, high = cv2.boundingRect(own)
    reach = round(REACH * WORK)
    near = np.zeros_like(pale)
    near[max(0, y - reach) : y + high + reach, max(0, x - reach) : x + wide + reach] = 255
    near[:RIM] = near[-RIM:] = near[:, :RIM] = near[:, -RIM:] = 0
    joined = cv2.dilate(pale, np.ones((7, 7), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    near = cv2.bitwise_and(pale, near)
    inked = np.bincount(labels[near > 0], minlength=count)
    everywhere = np.bincount(labels[pale > 0], minlength=count)
    keep = (inked > 0.95 * everywhere) & (inked > 0.8 * WORK**2)
    held = float(inked[keep].sum())
    if held == 0 or float(everywhere[1:].sum()) - held >= 0.5 * held:  # a watermark goes on elsewhere
        return 0.0, np.zeros_like(pale)
    return held / WORK**2, near * keep[labels].astype(np.uint8)


def smooth(marks: Marks, own: Pixels) -> tuple[float, Pixels]:
    """Square millimetres of pale strokes that begin at the own ink, none if there are as many others; their mask."""
    solid = float(np.percentile(marks.strong[own > 0], 75))
    half = cv2.GaussianBlur(_half(marks.strong), (3, 3), 0.6)
    thin = cv2.morphologyEx(half, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8))
    bold = cv2.bitwise_and(marks.own, cv2.threshold(marks.strong, 0.35 * solid, 255, cv2.THRESH_BINARY)[1])
    away = cv2.dilate(_inked(cv2.bitwise_or(cv2.bitwise_or(bold, marks.text), marks.rules)), np.ones((5, 5), np.uint8))
    pale = cv2.inRange(thin, round(max(5.0, 0.035 * solid)), int(0.4 * solid))
    pale = cv2.bitwise_and(pale, cv2.bitwise_not(away))
    rim = round(0.75 * RIM)
    pale[:rim] = pale[-rim:] = pale[:, :rim] = pale[:, -rim:] = 0
    ink = _inked(bold)
    count, labels, stats = optics.clusters(cv2.dilate(pale, np.ones((3, 3), np.uint8)))
    area = np.bincount(labels[pale > 0], minlength=count) / HALF**2
    beside = cv2.bitwise_and(pale, cv2.dilate(ink, np.ones((9, 9), np.uint8)))
    begins = np.bincount(labels[beside > 0], minlength=count) / HALF**2 > 0.12
    strokes = (area > 0.5) & (np.maximum(stats[:, 2], stats[:, 3]) > 2.2 * HALF)
    strokes[0] = False
    held, beyond = float(area[strokes & begins].sum()), float(area[strokes & ~begins].sum())
    kept = pale * (strokes & begins)[labels].astype(np.uint8)
    nothing = np.zeros_like(own)
    if held == 0 or beyond > 0.9 * held or held > LARGEST * cv2.countNonZero(bold) / WORK**2:
        return 0.0, nothing
    far = cv2.distanceTransform(cv2.bitwise_not(ink), cv2.DIST_L2, 3)[kept > 0]
    if float(np.percentile(far, 90)) > FARTHEST * HALF:
        return 0.0, nothing
    full: Pixels = cv2.resize(kept, (own.shape[1], own.shape[0]), interpolation=cv2.INTER_NEAREST)
    return held, full


def _half(one: Pixels) -> Pixels:
    out: Pixels = cv2.resize(one, (one.shape[1] // 2, one.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return out


def _inked(mask: Pixels) -> Pixels:
    out: Pixels = cv2.threshold(_half(mask), 60, 255, cv2.THRESH_BINARY)[1]
    return out
