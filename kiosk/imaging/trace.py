"""Pale traces where the ink ends: there the pen or the pad ran dry, and a part of the mark is missing.

Three looks. The fine one sees thin traces that are just above the paper's grain. The smooth one averages the grain away
and sees a twentieth of the ink's strength, if it begins at the ink and is not as pale as what lies apart from it: that
is a watermark. The third one counts the specks into which a dry pen's stroke is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import optics
from kiosk.imaging.frame import WORK
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.strokes import Marks

REACH = 9  # mm around the ink in which the fine look sees
RIM = 14  # pixels along the window's sides where the box's own rules lie
HALF = WORK / 2
NEAR = 8.0  # mm around the ink in which the smooth look counts
PALE = 0.05  # of the ink; less is the paper's unrest
WRITTEN = 0.36  # of the ink; a stroke of more ink is written
RIM_MM = 0.5  # about the ink, where its own blurred rim is as pale
TOUCHES = 0.3  # mm beyond that rim in which a trace begins
FRONT = 0.15  # mm along the ink at which it begins, at least
SLIM = 0.45  # of the pen's breadth; a thinner trace is the end of a stroke running out
MARKED = 3.0  # mm² of pale strokes far from the ink: the paper has a watermark
DARKER = 1.5  # times as dark as the watermark
APART = 0.05  # of the trace; as pale strokes apart from the ink are fewer
# Share of what touches the ink that does so at the end of a stroke; a watermark passes under its side. The second one
# holds where other pale strokes lie apart.
AT_ENDS = (0.35, 0.6)
CREASE = 11.0  # mm
PAST = 4.0  # mm beyond the ink that a fold goes on
SLOPE = 4.0  # mm across that it may lie askew
PALEST = 0.33  # of the ink, of what is looked at far from it
SPECKS_NEAR, SPECKS_FAR = 3.0, 8.0  # mm
SIDE = 3.6  # mm of the window that lie outside the box or on its sides
DRY = (0.3, 0.45)  # of the ink
SPECK_MM2 = 0.3
LARGEST = 1.0  # times the ink that is left
LEAST_MM2 = 0.4  # of one pale cluster


def fine(marks: Marks, own: Pixels) -> tuple[float, Pixels]:
    """Square millimetres of pale strokes about the own ink, none if there are others elsewhere; their mask."""
    solid = marks.solid(own)
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
    """Square millimetres of pale strokes that go on where the own ink stops; their mask.

    A watermark is told by its strokes far from the ink or apart from it: what is as pale as they are belongs to it.
    """
    solid = marks.solid(own)
    x, y, wide, high = cv2.boundingRect(own)
    reach = round(NEAR * WORK)
    part = (slice(max(0, y - reach), y + high + reach), slice(max(0, x - reach), x + wide + reach))
    full = np.zeros_like(own)
    labels, every, ink = _beside(marks, part, solid)
    if not any(one.front > FRONT for one in every):
        return 0.0, full
    mark = _watermark(marks, part, solid)
    every = [one for one in every if one.level > DARKER * mark]
    held = [one for one in every if one.front > FRONT and one.breadth > SLIM]
    area, front = sum(one.area for one in held), sum(one.front for one in held)
    apart = sum(one.area for one in every if one.front <= FRONT)
    least = 0.0 if mark else AT_ENDS[apart > APART * area]
    if sum(one.at_ends for one in held) < least * front or area > LARGEST * ink:
        return 0.0, full
    full[part] = 255 * np.isin(labels, [one.label for one in held]).astype(np.uint8)
    return area, full


@dataclass(frozen=True)
class _Pale:
    """A pale cluster: ``area`` mm², absorption, ``breadth`` against the pen's, mm at which it begins at the ink and at
    the ends of strokes."""

    label: int
    area: float
    level: float
    breadth: float
    front: float
    at_ends: float


def _beside(marks: Marks, part: tuple[slice, slice], solid: float) -> tuple[NDArray[Any], list[_Pale], float]:
    """The pale clusters in a part of the window, labelled, and the mm² of ink there."""
    strong = marks.strong[part]
    pale, bold, far = _pale_about(marks, part, solid)
    count, labels = cv2.connectedComponents(pale, connectivity=8)
    area = np.bincount(labels.ravel(), minlength=count) / WORK**2
    large = np.flatnonzero(area[1:] > LEAST_MM2) + 1
    if not large.size:
        return labels, [], 0.0
    begins = far < RIM_MM + TOUCHES
    ends = cv2.resize(_stroke_ends(bold), bold.shape[::-1], interpolation=cv2.INTER_NEAREST)
    at_ends = begins & (cv2.dilate(ends, np.ones((9, 9), np.uint8)) > 0)
    front, end = (np.bincount(labels[where], minlength=count) / WORK for where in (begins, at_ends))
    pen, across = _breadth(bold, 80), cv2.distanceTransform(pale, cv2.DIST_L2, 3)
    out = []
    for k in large:
        here = labels == k
        breadth = 2 * float(np.percentile(across[here], 85)) / WORK / pen
        level = float(np.percentile(strong[here], 70))
        out.append(_Pale(int(k), float(area[k]), level, breadth, float(front[k]), float(end[k])))
    return labels, out, cv2.countNonZero(bold) / WORK**2


def _pale_about(marks: Marks, part: tuple[slice, slice], solid: float) -> tuple[Pixels, Pixels, Float]:
    """Pale strokes off the ink's rim, off print and off folds; the ink itself; how far (mm) each pixel is from it."""
    strong, own = marks.strong[part], cv2.dilate(marks.own[part], np.ones((7, 7), np.uint8))
    dark = _over(strong, WRITTEN * solid)
    bold = cv2.bitwise_and(dark, own)
    printed = cv2.bitwise_or(marks.text[part], marks.rules[part])
    other = cv2.bitwise_and(dark, cv2.bitwise_or(printed, cv2.bitwise_not(own)))  # a pale end may be taken for print
    even = cv2.GaussianBlur(strong, (0, 0), 0.8)
    stains = cv2.blur(cv2.morphologyEx(even, cv2.MORPH_OPEN, np.ones((17, 17), np.uint8)), (17, 17))
    pale = _over(cv2.subtract(even, stains), max(5.0, PALE * solid))
    seen = pale.copy()
    far: Float = cv2.distanceTransform(cv2.bitwise_not(bold), cv2.DIST_L2, 3) / WORK
    pale[far <= RIM_MM] = 0
    pale = cv2.bitwise_and(pale, cv2.bitwise_not(cv2.dilate(other, np.ones((7, 7), np.uint8))))
    if cv2.countNonZero(pale) > LEAST_MM2 * WORK**2:
        folds = cv2.resize(_folds(_inked(seen), _inked(bold)), pale.shape[::-1], interpolation=cv2.INTER_NEAREST)
        pale = cv2.bitwise_and(pale, cv2.bitwise_not(folds))
    two = np.ones((2, 2), np.uint8)
    pale = cv2.dilate(cv2.erode(pale, two), two, anchor=(0, 0))  # an opening by an even kernel would move it
    pale[:2] = pale[-2:] = pale[:, :2] = pale[:, -2:] = 0
    return pale, bold, far


def _breadth(bold: Pixels, share: float) -> float:
    """How broad (mm) strokes are."""
    across = cv2.distanceTransform(bold, cv2.DIST_L2, 3)
    return 2 * float(np.percentile(across[bold > 0], share)) / WORK if cv2.countNonZero(bold) else 1.0


def _watermark(marks: Marks, part: tuple[slice, slice], solid: float) -> float:
    """How much light pale strokes far from the ink take, 0 if there are none."""
    pale = _strokes(marks, solid)
    _, labels = cv2.connectedComponents(cv2.dilate(pale, np.ones((5, 5), np.uint8)), connectivity=8)
    rows, cols = (slice(one.start // 2, (one.stop + 1) // 2) for one in part)
    pale[np.isin(labels, np.unique(labels[rows, cols]))] = 0  # what begins near the ink may be its own trace
    if cv2.countNonZero(pale) < MARKED * HALF**2:
        return 0.0
    return float(np.median(_half(marks.strong)[pale > 0]))


def specks(marks: Marks, own: Pixels) -> tuple[int, Pixels]:
    """How many specks lie about the own ink, into which a pen that runs dry breaks its stroke, of middling and of full
    strength together; their mask."""
    solid = marks.solid(own)
    x, y, wide, high = cv2.boundingRect(own)
    part = (_reach(y, high, own.shape[0]), _reach(x, wide, own.shape[1]))
    printed = cv2.dilate(cv2.bitwise_or(marks.text[part], marks.rules[part]), np.ones((9, 9), np.uint8))
    seen, found = np.zeros_like(printed), 0
    for share in DRY:
        inked = _over(marks.strong[part], share * solid)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8, ltype=cv2.CV_32S)
        small = (stats[:, cv2.CC_STAT_AREA] < SPECK_MM2 * WORK**2) & (stats[:, cv2.CC_STAT_AREA] > 1)
        small[0] = False
        small[labels[printed > 0]] = False
        found += int(np.count_nonzero(small))
        seen = cv2.bitwise_or(seen, 255 * small[labels].astype(np.uint8))
    out = np.zeros_like(own)
    out[part] = seen
    return found, out


def _reach(start: int, length: int, end: int) -> slice:
    """SPECKS_NEAR about the ink, and as far as SPECKS_FAR where that lies within the box."""
    near, far, side = (round(mm * WORK) for mm in (SPECKS_NEAR, SPECKS_FAR, SIDE))
    low = min(start - near, max(side, start - far))
    high = max(start + length + near, min(end - side, start + length + far))
    return slice(max(0, low), high)


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


def _runs(pale: Pixels) -> tuple[Pixels, Pixels]:
    """Level and upright runs, at half size, longer than a stroke is."""
    long, thick = round(CREASE * HALF), cv2.dilate(pale, np.ones((3, 3), np.uint8))
    level, upright = (
        cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(shape, np.uint8)) for shape in ((1, long), (long, 1))
    )
    return level, upright


def _creases(pale: Pixels) -> Pixels:
    """Where the paper was folded."""
    out: Pixels = cv2.dilate(cv2.bitwise_or(*_runs(pale)), np.ones((3, 3), np.uint8))
    return out


def _folds(inked: Pixels, ink: Pixels) -> Pixels:
    """Straight runs that go on beyond the ink on both sides."""
    out = np.zeros_like(inked)
    x, y, wide, high = cv2.boundingRect(ink)
    past, slim = round(PAST * HALF), round(SLOPE * HALF)
    for runs, first, last, end, side in zip(
        _runs(inked), (x, y), (x + wide, y + high), (inked.shape[1], inked.shape[0]), (0, 1), strict=True
    ):
        for box in optics.clusters(runs)[2][1:]:
            start, length = int(box[side]), int(box[2 + side])
            beyond = start < max(3, first - past) and start + length > min(end - 3, last + past)
            if beyond and box[3 - side] < slim:
                part = (slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2]))
                out[part] = cv2.bitwise_or(out[part], runs[part])
    return cv2.dilate(out, np.ones((3, 3), np.uint8))


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
