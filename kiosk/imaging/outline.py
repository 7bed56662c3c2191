"""Which ink in the box is the seal, and what shape its outline has."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import optics
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels

STROKE = round(4 * WORK)  # pixels, broader than any ring
INKED = 40  # of 255, mean difference of the colours absorbed: no rule in black or grey has it


def seal_mask(page: Layout, cell: Cell) -> tuple[Pixels, bool]:
    """Ink of the seal in the working frame: the coloured ink of the box, else its dark ink without print."""
    slack = 8.0
    x0, y0 = (max(0, round((v - slack) * WORK)) for v in (cell.left, cell.top))
    x1, y1 = (round((v + slack) * WORK) for v in (cell.right, cell.bottom))
    out = np.zeros_like(page.dark)
    window = (slice(y0, y1), slice(x0, x1))
    _, coloured = cv2.threshold(page.colour[window], 22, 255, cv2.THRESH_BINARY)
    coloured = cv2.morphologyEx(coloured, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    # a broad ring has straight bits too
    _, inked = cv2.threshold(cv2.blur(page.colour[window], (5, 5)), INKED, 255, cv2.THRESH_BINARY)
    rules = cv2.bitwise_and(cv2.bitwise_or(page.across[window], page.down[window]), cv2.bitwise_not(inked))
    rules = cv2.dilate(rules, np.ones((5, 5), np.uint8))
    coloured = cv2.bitwise_and(coloured, cv2.bitwise_not(rules))
    blobs = clusters(coloured, cell, (x0 / WORK, y0 / WORK), 1.5, 7.0)
    if blobs is not None and int((blobs > 0).sum()) > 12 * WORK * WORK:
        out[window] = blobs
        return out, True
    dark = cv2.extractChannel(page.ink[window], 1)
    # broader than a stroke is the edge of a shadow
    dark = cv2.morphologyEx(dark, cv2.MORPH_TOPHAT, np.ones((STROKE, STROKE), np.uint8))
    _, dark = cv2.threshold(dark, 40, 255, cv2.THRESH_BINARY)
    long = cv2.morphologyEx(page.across[window], cv2.MORPH_OPEN, np.ones((1, 150), np.uint8))
    tall = cv2.morphologyEx(page.down[window], cv2.MORPH_OPEN, np.ones((150, 1), np.uint8))
    long = cv2.bitwise_or(long, tall)
    dark = cv2.bitwise_and(dark, cv2.bitwise_not(cv2.dilate(long, np.ones((5, 5), np.uint8))))
    blobs = clusters(dark, cell, (x0 / WORK, y0 / WORK), 0.3, 11.0, 8.0)
    if blobs is not None and int((blobs > 0).sum()) > 25 * WORK * WORK:
        out[window] = blobs
        return out, False
    return out, True


def clusters(
    mask: Pixels, cell: Cell, origin: tuple[float, float], join: float, least: float, both: float = 0.0
) -> Pixels | None:
    """Keep the clusters (joined over ``join`` mm) at least ``least`` mm long whose middle lies in the cell.

    ``both``: least extent, mm, either way; it drops lines of print.
    """
    reach = max(1, round(join * WORK))
    joined = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    count, labels, stats = optics.clusters(joined)
    keep = np.zeros(count, np.uint8)
    for k in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[k])
        middle = (origin[0] + (x + w / 2) / WORK, origin[1] + (y + h / 2) / WORK)
        if both and w > (cell.width - 1) * WORK and h > (cell.height - 1) * WORK:
            continue  # the box itself
        if max(w, h) - reach >= least * WORK and min(w, h) - reach >= both * WORK and cell.holds(*middle, slack=1.0):
            keep[k] = 255
    if not keep.any():
        return None
    kept: Pixels = cv2.bitwise_and(mask, keep[labels])
    return kept


def ellipse(mask: Pixels) -> tuple[float, float]:
    """Short over long axis of the ellipse through the ink's outline, and how far the outline strays from it."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines)).reshape(-1, 2).astype(np.float32)
    if len(hull) < 12:
        return 1.0, 1.0
    along = np.vstack([hull, hull[:1]])
    steps = np.diff(along, axis=0)
    counts = 2 + (np.hypot(steps[:, 0], steps[:, 1]) / 4).astype(int)
    side = np.repeat(np.arange(len(steps)), counts)
    at = (np.arange(len(side)) - np.repeat(np.cumsum(counts) - counts, counts)) / (counts - 1)[side]
    dense = along[side] + at[:, None] * steps[side]
    (cx, cy), (w, h), turn = cv2.fitEllipse(dense.astype(np.float32).reshape(-1, 1, 2))
    if min(w, h) < 1:
        return 1.0, 1.0
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    x, y = dense[:, 0] - cx, dense[:, 1] - cy
    radius = np.hypot((x * c + y * s) / (w / 2), (y * c - x * s) / (h / 2))
    return float(min(w, h) / max(w, h)), float(np.abs(radius - 1).mean())


def square(mask: Pixels) -> bool:
    """True if the ink's outline fills a rectangle; a disc fills 79 % of its own, two side by side up to 91 %."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines))
    _, (w, h), _ = cv2.minAreaRect(hull)
    if min(w, h) < 8 * WORK or max(w, h) > 2.5 * min(w, h):
        return False
    return float(cv2.contourArea(hull)) > (0.9 if max(w, h) < 1.4 * min(w, h) else 0.94) * w * h
