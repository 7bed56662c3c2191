"""Print and lines under a seal."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import double, lines, spots
from kiosk.imaging.boxes import Cell
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import FINE, Finding
from kiosk.imaging.frame import Frame
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label

TOUCH_MM = 0.3  # print nearer than this to the ring touches it
TEXT_MM2 = 0.25  # of print
LINE_MM = 8.0  # of lines beside print; bold letters that run into each other have less
GREY_MM2 = 0.6  # the same of print paler than the seal
LETTER_MM2 = 0.15  # the smallest part of a letter that is looked at where print is pale
LINED = 2.0  # beside lines, which leave ends and crossings, so much more (mm²) is print
STROKE = round(1.5 * FINE)  # pixels, broader than any stroke of print
PALE = 42  # of 255: a hair line takes a fifth of the light, creases and watermarks take less
GRAIN = 1.5  # times the noise of a dark photo, which is no print


def foreign(found: Finding, ink: Pixels, fine: Circle, cell: Cell, origin: tuple[float, float], frame: Frame) -> None:
    """Print and lines under the seal: ink that stops red light, in the disc, off the box's own rules."""
    found.measures["text_mm2"] = found.measures["line_mm"] = 0.0
    if Label.NOT_RED in found.defects:
        return
    dark, pale = _print(ink, found)
    disc = np.zeros_like(dark)
    cv2.circle(disc, (round(fine.x), round(fine.y)), round(fine.radius + TOUCH_MM * FINE), 255, -1)
    x, y = (start + np.arange(size) / FINE for start, size in zip(origin, dark.shape[::-1], strict=True))
    near, far = 0.7, 3.0  # rules may be double
    free = np.outer(_between(y, cell.top + near, cell.bottom - near), _between(x, cell.left + near, cell.right - near))
    within = np.outer(_between(y, cell.top - far, cell.bottom + far), _between(x, cell.left - far, cell.right + far))
    disc = double.seen_only(frame, disc, *origin)
    disc[within & ~free] = 0
    length, text, dim, ruled = separate(dark, pale, disc, FINE)
    area, grey = cv2.countNonZero(text) / FINE**2, cv2.countNonZero(dim) / FINE**2
    found.measures.update(line_mm=length, text_mm2=area, grey_mm2=grey)
    beside = LINED if length else 0.0
    if area > TEXT_MM2 + beside or grey > GREY_MM2 + beside:
        found.defects.add(Label.OVER_TEXT)
        found.spots += spots.regions(Label.OVER_TEXT, cv2.bitwise_or(text, dim), origin, FINE, 4.0)
    if length > (LINE_MM if Label.OVER_TEXT in found.defects else 0):
        found.defects.add(Label.OVER_LINE)
        found.spots += spots.regions(Label.OVER_LINE, ruled, origin, FINE)


def _print(ink: Pixels, found: Finding) -> tuple[Pixels, Pixels]:
    """Masks of what is too dark in red light to be the seal's own ink, and of any grey off the seal's ink."""
    red, green, _blue = cv2.split(ink)
    own, stopped = (found.measures.get(key, usual) * 255 for key, usual in (("ink_red", 0.1), ("ink_green", 0.6)))
    _, dark = cv2.threshold(red, max(62.0, 1.9 * own, own + 45), 255, cv2.THRESH_BINARY)
    thin = cv2.morphologyEx(red, cv2.MORPH_TOPHAT, np.ones((STROKE, STROKE), np.uint8))  # shadows are broad
    reddish = cv2.subtract(green, red)
    _, other = cv2.threshold(reddish, max(8.0, 0.25 * (stopped - own)), 255, cv2.THRESH_BINARY_INV)
    bare = thin[::4, ::4][other[::4, ::4] > 0]
    grain = float(np.percentile(bare, 90)) if bare.size else 0.0
    _, grey = cv2.threshold(thin, PALE + GRAIN * grain, 255, cv2.THRESH_BINARY)
    # two layers of red ink are darker than one, and still red
    dark = cv2.bitwise_and(dark, cv2.compare(cv2.add(red, red), green, cv2.CMP_GT))
    return dark, cv2.bitwise_or(dark, cv2.bitwise_and(grey, other))


def _between(values: Float, low: float, high: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (values > low) & (values < high)
    return inside


def separate(dark: Pixels, every: Pixels, disc: Pixels, px_mm: float) -> tuple[float, Pixels, Pixels, Pixels]:
    """Length (mm) of the thin straight lines in the disc, then masks: dark print, print of any grey, these lines.

    ``every``: pale and dark ink.
    """
    dark, pale = cv2.bitwise_and(dark, disc), cv2.bitwise_and(every, disc)
    none = np.zeros_like(dark)
    if cv2.countNonZero(pale) < TEXT_MM2 * px_mm**2:
        return 0.0, none, none, none
    length, ruled = lines.solid(pale, px_mm)
    text, grey = lines.rest(dark, ruled), _letters(lines.rest(pale, ruled), px_mm)
    if cv2.countNonZero(grey) > TEXT_MM2 * px_mm**2:
        more, dashes = lines.dashed(grey, every, px_mm)
        if more:
            length, ruled = length + more, cv2.bitwise_or(ruled, dashes)
            text, grey = lines.rest(text, ruled), lines.rest(grey, ruled)
    return length, text, grey, ruled


def _letters(mask: Pixels, px_mm: float) -> Pixels:
    """The mask without small clusters: grain, and the rims of strokes."""
    joined = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    large = np.bincount(labels[mask > 0], minlength=count) > LETTER_MM2 * px_mm**2
    return np.where(large[labels], mask, 0).astype(np.uint8)
