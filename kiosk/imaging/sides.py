"""Short strokes that lie across a side of the box: each is too little to count as a mark, but it belongs to one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import optics
from kiosk.imaging.boxes import Cell
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot
from kiosk.imaging.strokes import Marks
from kiosk.imaging.verdict import Label

DEPTH = (2, 6)  # pixels inside a side, between which such a stroke is seen: its rule is blurred, or not quite level
SHORT, LONG = 0.2, 4.0  # mm along the side; more is the rule itself
NEAR = 6.0  # mm beside the mark
STRONG = 0.6  # of the mark's strength
FAINT = 80  # of 255; so pale a mark cannot be told from the blurred rim of a rule
RULED = 27  # pixels
MOST = 3  # more places are the unrest of a rough rule


def across(marks: Marks, own: Pixels, cell: Cell) -> list[Spot]:
    """Where ink as strong as the mark's (``own``) begins at a closed side of the box and leads into it."""
    solid = marks.solid(own)
    if solid < FAINT:
        return []
    ink = cv2.threshold(marks.strong, STRONG * solid, 255, cv2.THRESH_BINARY)[1]
    rules = cv2.dilate(marks.rules, np.ones((RULED, RULED), np.uint8))  # they, too, may reach the side
    ink = cv2.bitwise_and(ink, cv2.bitwise_not(cv2.bitwise_or(marks.text, rules)))
    left, top = (round(v * WORK) for v in (cell.left - marks.left, cell.top - marks.top))
    right, bottom = (round(v * WORK) for v in (cell.right - marks.left, cell.bottom - marks.top))
    x, y, wide, high = cv2.boundingRect(own)
    reach, (near, far) = round(NEAR * WORK), DEPTH
    rows = slice(max(top + far, y - reach), min(bottom - far, y + high + reach))
    cols = slice(max(left + far, x - reach), min(right - far, x + wide + reach))
    strips = (ink[rows, left + near : left + far].T, ink[top + near : top + far, cols],
              ink[rows, right - far : right - near].T[::-1], ink[bottom - far : bottom - near, cols][::-1])  # fmt: skip
    out = []
    for k, (strip, is_open) in enumerate(zip(strips, cell.open, strict=True)):
        places = [] if is_open or strip.shape[0] < far - near else _runs(strip)
        if len(places) > MOST:
            continue
        for low, length in places:
            start = (low + (cols if k % 2 else rows).start) / WORK
            ends = (start, start + length / WORK)
            side = (cell.left, cell.top, cell.right, cell.bottom)[k]
            out.append(_spot(ends, side, (marks.left, marks.top), upright=k % 2 == 0))
    return out


def _runs(strip: NDArray[Any]) -> list[tuple[int, int]]:
    """Start and length of each run of columns that are inked at the side (row 0) and at least two pixels on."""
    first, last = optics.runs((strip[0] > 0) & (strip[1] > 0))
    if (last - first > LONG * WORK).any():
        return []
    return [(int(a), int(b - a)) for a, b in zip(first, last, strict=True) if b - a > SHORT * WORK]


def _spot(ends: tuple[float, float], side: float, corner: tuple[float, float], upright: bool) -> Spot:
    low, high = ends
    if upright:
        return Spot(Label.TOUCH_BORDER, (side - 0.6, corner[1] + low, side + 0.6, corner[1] + high))
    return Spot(Label.TOUCH_BORDER, (corner[0] + low, side - 0.6, corner[0] + high, side + 0.6))
