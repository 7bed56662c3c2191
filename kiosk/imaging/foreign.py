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
TEXT_MM2 = 0.25  # of print
PALE = 50  # of 255: a hair line keeps a fifth of its light's loss, creases and watermarks take less


def foreign(found: Finding, ink: Pixels, fine: Circle, cell: Cell, origin: tuple[float, float], frame: Frame) -> None:
    """Print and lines under the seal: ink that stops red light, in the disc, off the box's own rules."""
    found.measures["text_mm2"] = found.measures["line_mm"] = 0.0
    if Label.NOT_RED in found.defects:
        return
    dark, pale = _print(ink, found)
    disc = np.zeros_like(dark)
    cv2.circle(disc, (round(fine.x), round(fine.y)), round(fine.radius + TOUCH_MM * FINE), 255, -1)
    x, y = (start + np.arange(size) / FINE for start, size in zip(origin, dark.shape[::-1], strict=True))
    near, far = 0.7, 1.7
    free = np.outer(_between(y, cell.top + near, cell.bottom - near), _between(x, cell.left + near, cell.right - near))
    within = np.outer(_between(y, cell.top - far, cell.bottom + far), _between(x, cell.left - far, cell.right + far))
    disc = double.seen_only(frame, disc, *origin)
    disc[within & ~free] = 0
    lines, straight, rest = separate(cv2.bitwise_and(dark, disc), cv2.bitwise_and(pale, disc), FINE)
    text = cv2.countNonZero(rest) / FINE**2
    found.measures["line_mm"] = lines
    found.measures["text_mm2"] = text
    if text > (2.0 if lines else TEXT_MM2):
        found.defects.add(Label.OVER_TEXT)
        found.spots += spots.regions(Label.OVER_TEXT, rest, origin, FINE, 4.0)
    if lines > 2.2:
        found.defects.add(Label.OVER_LINE)
        found.spots += spots.regions(Label.OVER_LINE, straight, origin, FINE)


def _print(ink: Pixels, found: Finding) -> tuple[Pixels, Pixels]:
    """Masks of what is too dark in red light to be the seal's own ink, and of any grey off the seal's ink."""
    red, green, _blue = cv2.split(ink)
    own, stopped = (found.measures.get(key, usual) * 255 for key, usual in (("ink_red", 0.1), ("ink_green", 0.6)))
    _, dark = cv2.threshold(red, max(62.0, 1.9 * own, own + 45), 255, cv2.THRESH_BINARY)
    _, grey = cv2.threshold(red, PALE, 255, cv2.THRESH_BINARY)
    reddish = cv2.subtract(green, red)
    _, other = cv2.threshold(reddish, max(8.0, 0.25 * (stopped - own)), 255, cv2.THRESH_BINARY_INV)
    # two layers of red ink are darker than one, and still red
    dark = cv2.bitwise_and(dark, cv2.compare(cv2.add(red, red), green, cv2.CMP_GT))
    return dark, cv2.bitwise_or(dark, cv2.bitwise_and(grey, other))


def _between(values: Float, low: float, high: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (values > low) & (values < high)
    return inside


def separate(dark: Pixels, pale: Pixels, px_mm: float) -> tuple[float, Pixels, Pixels]:
    """Length (mm) of the straight thin strokes in a mask of ``pale`` and dark ink, these strokes, and all else dark."""
    if cv2.countNonZero(pale) < TEXT_MM2 * px_mm**2:
        return 0.0, np.zeros_like(dark), np.zeros_like(dark)
    k = round(5.5 * px_mm)
    straight = np.zeros_like(dark)
    grown = cv2.dilate(pale, np.ones((2, 2), np.uint8))
    length = 0.0
    for slope in (-0.06, -0.03, 0.0, 0.03, 0.06):
        rise = round(abs(slope) * k)
        kernel = np.zeros((rise + 1, k), np.uint8)
        ends = ((0, 0), (k - 1, rise)) if slope >= 0 else ((0, rise), (k - 1, 0))
        cv2.line(kernel, ends[0], ends[1], 1)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, kernel)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, np.ascontiguousarray(kernel.T))
    straight = cv2.bitwise_and(straight, pale)
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
