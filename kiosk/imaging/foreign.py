"""Print and lines under a seal."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import double, spots
from kiosk.imaging.boxes import Cell
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import FINE, Finding
from kiosk.imaging.frame import Frame
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label

TOUCH_MM = 0.3  # print nearer than this to the ring touches it
TEXT_MM2 = 0.4  # of print


def foreign(found: Finding, ink: Pixels, fine: Circle, cell: Cell, origin: tuple[float, float], frame: Frame) -> None:
    """Print and lines under the seal: ink that stops red light, in the disc, off the box's own rules."""
    found.measures["text_mm2"] = found.measures["line_mm"] = 0.0
    if Label.NOT_RED in found.defects:
        return
    red, _green, _blue = cv2.split(ink)
    own = found.measures.get("ink_red", 0.1) * 255
    _, dark = cv2.threshold(red, max(62.0, 1.9 * own, own + 45), 255, cv2.THRESH_BINARY)
    disc = np.zeros_like(dark)
    cv2.circle(disc, (round(fine.x), round(fine.y)), round(fine.radius + TOUCH_MM * FINE), 255, -1)
    x, y = (start + np.arange(size) / FINE for start, size in zip(origin, dark.shape[::-1], strict=True))
    near, far = 0.7, 1.7
    free = np.outer(_between(y, cell.top + near, cell.bottom - near), _between(x, cell.left + near, cell.right - near))
    within = np.outer(_between(y, cell.top - far, cell.bottom + far), _between(x, cell.left - far, cell.right + far))
    dark = double.seen_only(frame, cv2.bitwise_and(dark, disc), *origin)
    dark[within & ~free] = 0
    lines, straight, rest = separate(dark, FINE)
    text = cv2.countNonZero(rest) / FINE**2
    found.measures["line_mm"] = lines
    found.measures["text_mm2"] = text
    if text > (2.0 if lines else TEXT_MM2):
        found.defects.add(Label.OVER_TEXT)
        found.spots += spots.regions(Label.OVER_TEXT, rest, origin, FINE, 4.0)
    if lines > 2.2:
        found.defects.add(Label.OVER_LINE)
        found.spots += spots.regions(Label.OVER_LINE, straight, origin, FINE)


def _between(values: Float, low: float, high: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (values > low) & (values < high)
    return inside


def separate(dark: Pixels, px_mm: float) -> tuple[float, Pixels, Pixels]:
    """Length (mm) of the straight thin strokes in a mask of dark ink, these strokes, and everything else."""
    if cv2.countNonZero(dark) < 0.4 * px_mm**2:
        return 0.0, np.zeros_like(dark), np.zeros_like(dark)
    k = round(5.5 * px_mm)
    straight = np.zeros_like(dark)
    grown = cv2.dilate(dark, np.ones((2, 2), np.uint8))
    length = 0.0
    for slope in (-0.06, -0.03, 0.0, 0.03, 0.06):
        rise = round(abs(slope) * k)
        kernel = np.zeros((rise + 1, k), np.uint8)
        ends = ((0, 0), (k - 1, rise)) if slope >= 0 else ((0, rise), (k - 1, 0))
        cv2.line(kernel, ends[0], ends[1], 1)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, kernel)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, np.ascontiguousarray(kernel.T))
    straight = cv2.bitwise_and(straight, dark)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(straight, connectivity=8)
    lines = np.zeros_like(dark)
    for n in range(1, count):
        w, h, area = (int(stats[n, c]) for c in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
        long = float(np.hypot(w, h))
        if long > 5.0 * px_mm and area < long * 1.1 * px_mm:
            lines[labels == n] = 255
            length += long / px_mm
    rest = cv2.bitwise_and(dark, cv2.bitwise_not(cv2.dilate(lines, np.ones((7, 7), np.uint8))))
    rest = cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return length, lines, rest
