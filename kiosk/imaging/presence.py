"""Is there anything in the box of a personal form: a person's ink, told from print, shadows and watermarks."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import optics, strokes
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.strokes import Marks

FAINT_GAIN = 2.2
PLAIN_MM = 6.0  # side of a signature beside a name seal, at least
HALO = 11
LOWEST = 3.0  # mm
PALEST, PALE = 28, 48  # of 255; a watermark may be as strong as the second
ELSEWHERE = 3.0  # times the ink in the box
REMAINS, REMAINS_MM2 = 45, 25.0


def look(frame: Frame, page: Layout, cell: Cell) -> tuple[Marks, Pixels | None, bool]:
    """The box split up, the own ink if there is any, and whether it had to be strengthened to be seen."""
    marks = strokes.split(page, cell, frame.valid)
    own = _main(marks)
    if own is not None and not _remains(marks, own):
        return marks, _beside_seal(marks, own), False
    printed = cv2.dilate(cv2.bitwise_or(marks.text, marks.rules), np.ones((HALO, HALO), np.uint8))
    marks = strokes.split(page, cell, frame.valid, FAINT_GAIN)
    marks.own = cv2.bitwise_and(marks.own, cv2.bitwise_not(printed))  # strengthened, print has a rim like faint ink
    own = _main(marks, 4.0)
    if own is not None and (_flat(own) or (not marks.coloured and _watermark(page, marks, own))):
        own = None
    return marks, own, True


def _beside_seal(marks: Marks, own: Pixels) -> Pixels:
    """With a name seal in the box, marks without colour that are lower than any signature are shadows or print."""
    if not marks.red:
        return own
    count, labels, stats = optics.clusters(cv2.dilate(own, np.ones((15, 15), np.uint8)))
    vivid = np.bincount(labels[marks.vivid > 0], minlength=count)
    keep = (vivid > 0) | (np.minimum(stats[:, 2], stats[:, 3]) - 14 > PLAIN_MM * WORK)
    out: Pixels = own * keep[labels].astype(np.uint8)
    return out if cv2.countNonZero(out) else own


def _flat(own: Pixels) -> bool:
    """True for a strip lower than any signature or seal: the rim of a printed line."""
    return min(cv2.boundingRect(own)[2:]) < LOWEST * WORK


def _watermark(page: Layout, marks: Marks, own: Pixels) -> bool:
    """True if what was found is paler than even faint ink is, broader than a pen writes, or pale and there is much
    more like it outside the box."""
    x, y = round(marks.left * WORK), round(marks.top * WORK)
    window = (slice(y, y + own.shape[0]), slice(x, x + own.shape[1]))
    level = float(np.percentile(page.ink[window].max(axis=2)[own > 0], 90))
    far = cv2.distanceTransform(own, cv2.DIST_L2, 3)[own > 0]
    if level < PALEST or float(np.percentile(far, 95)) > 0.75 * WORK:
        return True
    return level < PALE and _elsewhere(page, window, level) > ELSEWHERE * cv2.countNonZero(own)


def _elsewhere(page: Layout, window: tuple[slice, slice], level: float) -> float:
    """Pixels of thin strokes about as pale as ``level`` outside a window."""
    half = cv2.resize(page.ink, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    red, green, blue = cv2.split(half)
    strong = cv2.max(cv2.max(red, green), blue)
    thin = cv2.morphologyEx(strong, cv2.MORPH_TOPHAT, np.ones((11, 11), np.uint8))
    pale = cv2.inRange(thin, round(0.65 * level), round(1.4 * level))
    dark = cv2.dilate(cv2.threshold(strong, 1.8 * level, 255, cv2.THRESH_BINARY)[1], np.ones((7, 7), np.uint8))
    pale = cv2.morphologyEx(cv2.bitwise_and(pale, cv2.bitwise_not(dark)), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    rows, cols = (slice(one.start // 2, one.stop // 2) for one in window)
    pale[rows, cols] = 0
    return 4.0 * cv2.countNonZero(pale)


def _remains(marks: Marks, own: Pixels) -> bool:
    """True for pale specks without colour: what is left of a watermark or a shadow once print was taken away."""
    little = cv2.countNonZero(own) < REMAINS_MM2 * WORK**2
    return little and not marks.coloured and float(np.percentile(marks.strong[own > 0], 90)) < REMAINS


def _main(marks: Marks, least_mm2: float = 2.0) -> Pixels | None:
    """The own ink without specks and shadows; None when less than a short stroke is left."""
    joined = cv2.dilate(marks.own, np.ones((25, 25), np.uint8))
    count, labels, stats = optics.clusters(joined)
    inked = np.bincount(labels[marks.own > 0], minlength=count) / WORK**2
    keep = (np.maximum(stats[:, 2], stats[:, 3]) - 24 > 4.0 * WORK) & (inked > least_mm2)
    keep &= (np.minimum(stats[:, 2], stats[:, 3]) - 24 > 1.5 * WORK) | (inked > 6.0)
    keep[0] = False
    if not keep.any():
        return None
    level = np.bincount(labels[marks.own > 0], marks.strong[marks.own > 0], count) / np.maximum(inked * WORK**2, 1)
    keep &= level > 0.45 * level[keep].max()  # shadows and watermarks are much paler than what was written
    out: Pixels = marks.own * keep[labels].astype(np.uint8)
    return out
