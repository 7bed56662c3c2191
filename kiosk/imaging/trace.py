"""Pale traces where the ink ends: there the pen or the pad ran dry, and a part of the mark is missing.

Three looks. The fine one sees thin traces that are just above the paper's grain. The smooth one averages the grain away
and sees a twentieth of the ink's strength, if it begins where strokes end, and does not go on away from the ink as a
watermark or a crease does. The third one counts the specks into which a dry pen's stroke is broken.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import optics
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.strokes import Marks

REACH = 9  # mm around the ink in which the fine look sees
RIM = 14  # pixels along the window's sides where the box's own rules lie
HALF = WORK / 2
NEAR = 14.0  # mm around the ink in which the smooth look counts
JOIN = 2.5  # mm between strokes of one trace
CLUTTER = 15.0  # mm; what is longer is a crease or a watermark, not the paper's unrest
PALEST = 0.33  # of the ink; a stroke of more ink is written
AT_ENDS = 0.3  # share of what touches the ink that does so at the end of a stroke; a watermark passes under its side
CREASE = 11.0  # mm
SPECKS_NEAR = 3.0  # mm
SPECK_MM2 = 0.3
LARGEST = 1.0  # times the ink that is left


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
    """Square millimetres of pale strokes that begin at the own ink, beyond what clutter would lay there; their mask.

    Strokes are joined over ``JOIN`` mm: a watermark or a crease then goes on far from the ink and does not count.
    """
    solid = float(np.percentile(marks.strong[own > 0], 75))
    bold = cv2.bitwise_and(marks.own, _over(marks.strong, 0.35 * solid))
    ink, pale = _inked(bold), _strokes(marks, solid)
    x, y, wide, high = cv2.boundingRect(ink)
    reach = round(NEAR * HALF)
    near = np.zeros_like(pale)
    near[max(0, y - reach) : y + high + reach, max(0, x - reach) : x + wide + reach] = 255
    side = round(JOIN * HALF) | 1
    count, labels, stats = optics.clusters(cv2.dilate(pale, np.ones((side, side), np.uint8)))

    def areas(where: Pixels) -> NDArray[Any]:
        out: NDArray[Any] = np.bincount(labels[cv2.bitwise_and(pale, where) > 0], minlength=count) / HALF**2
        return out

    everywhere, inside = areas(pale), areas(near)
    touching = areas(cv2.dilate(ink, np.ones((9, 9), np.uint8)))
    at_ends = areas(cv2.dilate(_stroke_ends(bold), np.ones((9, 9), np.uint8)))
    kept = (touching > 0.12) & (at_ends > AT_ENDS * touching) & (inside > 0.85 * everywhere)
    short = np.maximum(stats[:, 2], stats[:, 3]) < CLUTTER * HALF
    clutter = float(everywhere[short & (inside < 0.15 * everywhere)].sum())
    held = float(everywhere[kept].sum())
    beside = cv2.countNonZero(near)
    excess = held - clutter * beside / max(1, near.size - beside)
    if excess <= 0 or held > LARGEST * cv2.countNonZero(bold) / WORK**2:
        return 0.0, np.zeros_like(own)
    mask = pale * kept[labels].astype(np.uint8)
    full: Pixels = cv2.resize(mask, (own.shape[1], own.shape[0]), interpolation=cv2.INTER_NEAREST)
    return excess, full


def specks(marks: Marks, own: Pixels) -> tuple[int, Pixels]:
    """How many specks lie about the own ink, into which a pen that runs dry breaks its stroke; their mask."""
    solid = float(np.percentile(marks.strong[own > 0], 75))
    x, y, wide, high = cv2.boundingRect(own)
    reach = round(SPECKS_NEAR * WORK)
    part = (slice(max(0, y - reach), y + high + reach), slice(max(0, x - reach), x + wide + reach))
    inked = cv2.threshold(marks.strong[part], 0.3 * solid, 255, cv2.THRESH_BINARY)[1]
    printed = cv2.dilate(cv2.bitwise_or(marks.text[part], marks.rules[part]), np.ones((9, 9), np.uint8))
    inked = cv2.bitwise_and(inked, cv2.bitwise_not(printed))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8, ltype=cv2.CV_32S)
    small = (stats[:, cv2.CC_STAT_AREA] < SPECK_MM2 * WORK**2) & (stats[:, cv2.CC_STAT_AREA] > 1)
    small[0] = False
    out = np.zeros_like(own)
    out[part] = 255 * small[labels].astype(np.uint8)
    return int(np.count_nonzero(small)), out


def _strokes(marks: Marks, solid: float) -> Pixels:
    """Pale thin strokes at half size, off all that is dark; specks left out."""
    thin = cv2.GaussianBlur(_half(marks.strong), (3, 3), 0.6)
    thin = cv2.morphologyEx(thin, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8))
    dark = cv2.bitwise_or(cv2.bitwise_or(_over(marks.strong, 0.4 * solid), marks.text), marks.rules)
    pale = cv2.inRange(thin, round(max(5.0, 0.035 * solid)), int(PALEST * solid))
    pale = cv2.bitwise_and(pale, cv2.bitwise_not(_creases(pale)))
    pale = cv2.bitwise_and(pale, cv2.bitwise_not(cv2.dilate(_inked(dark), np.ones((5, 5), np.uint8))))
    rim = round(0.75 * RIM)
    pale[:rim] = pale[-rim:] = pale[:, :rim] = pale[:, -rim:] = 0
    count, labels, stats = optics.clusters(cv2.dilate(pale, np.ones((3, 3), np.uint8)))
    area = np.bincount(labels[pale > 0], minlength=count) / HALF**2
    keep = (area > 0.5) & (np.maximum(stats[:, 2], stats[:, 3]) > 2.2 * HALF)
    keep[0] = False
    out: Pixels = pale * keep[labels].astype(np.uint8)
    return out


def _creases(pale: Pixels) -> Pixels:
    """Level and upright runs longer than a stroke is: the paper was folded there."""
    long, thick = round(CREASE * HALF), cv2.dilate(pale, np.ones((3, 3), np.uint8))
    runs = [cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(shape, np.uint8)) for shape in ((1, long), (long, 1))]
    out: Pixels = cv2.dilate(cv2.bitwise_or(*runs), np.ones((3, 3), np.uint8))
    return out


def _stroke_ends(bold: Pixels) -> Pixels:
    """Points of the outline where a stroke ends, at half size: there it turns back within a millimetre."""
    out = np.zeros((bold.shape[0] // 2, bold.shape[1] // 2), np.uint8)
    outlines, _ = cv2.findContours(bold, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for outline in (one.reshape(-1, 2) for one in outlines if len(one) > 12):
        step = min(round(1.2 * WORK), len(outline) // 3)
        across = np.hypot(*(np.roll(outline, step, 0) - np.roll(outline, -step, 0)).T)
        cols, rows = outline[across < 1.4 * step].T // 2
        out[rows.clip(0, out.shape[0] - 1), cols.clip(0, out.shape[1] - 1)] = 255
    return out


def _over(one: Pixels, least: float) -> Pixels:
    out: Pixels = cv2.threshold(one, least, 255, cv2.THRESH_BINARY)[1]
    return out


def _half(one: Pixels) -> Pixels:
    out: Pixels = cv2.resize(one, (one.shape[1] // 2, one.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return out


def _inked(mask: Pixels) -> Pixels:
    out: Pixels = cv2.threshold(_half(mask), 60, 255, cv2.THRESH_BINARY)[1]
    return out
