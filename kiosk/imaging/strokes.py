"""Handwriting against print: which dark marks of a box are printed words or rules, and which are a person's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels

GLYPH_MM = 5.4


@dataclass
class Marks:
    """The box split up, all masks in the window's pixels (WORK per mm; ``left``, ``top`` of the window in mm)."""

    left: float
    top: float
    ink: Pixels
    own: Pixels
    text: Pixels
    rules: Pixels
    words: list[tuple[int, int, int, int]]
    coloured: bool
    red: bool


def split(page: Layout, cell: Cell, valid: Pixels, faint: bool = False) -> Marks:
    """Separate own ink from print in the cell. ``faint`` looks for much lighter ink."""
    x0, y0 = max(0, round(cell.left * WORK) + 1), max(0, round(cell.top * WORK) + 1)
    x1, y1 = round(cell.right * WORK) - 1, round(cell.bottom * WORK) - 1
    window = (slice(y0, y1), slice(x0, x1))
    red, green, blue = cv2.split(np.ascontiguousarray(page.ink[window]))
    strongest = cv2.max(cv2.max(red, green), blue)
    _, mask = cv2.threshold(strongest, 28 if faint else 46, 255, cv2.THRESH_BINARY)
    mask = cv2.bitwise_and(mask, valid[window])
    rules = _rules(page, window, mask)
    vivid = cv2.bitwise_and(cv2.threshold(page.colour[window], 16 if faint else 34, 255, cv2.THRESH_BINARY)[1], mask)
    vivid = cv2.morphologyEx(vivid, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    vivid = _sizable(vivid, 6.0)
    coloured = int((vivid > 0).sum()) > 4 * WORK * WORK
    free = cv2.bitwise_and(mask, cv2.bitwise_not(rules))
    if coloured:
        grown = cv2.dilate(vivid, np.ones((3, 3), np.uint8))
        own = cv2.bitwise_and(free, grown)
        text = cv2.bitwise_and(free, cv2.bitwise_not(cv2.dilate(vivid, np.ones((5, 5), np.uint8))))
        text = cv2.morphologyEx(text, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        words = _words(text)
    else:
        words = _words(free)
        text = np.zeros_like(free)
        own = _without(free, words, text)
        words += [word for word in _words(_thin(own)) if word not in words]
    is_red = coloured and float(green[vivid > 0].mean()) > 1.3 * float(red[vivid > 0].mean())
    if is_red:
        own_red = float(np.median(red[vivid > 0]))
        _, under = cv2.threshold(red, max(70.0, 2.0 * own_red, own_red + 45), 255, cv2.THRESH_BINARY)
        under = cv2.morphologyEx(cv2.bitwise_and(under, free), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        text = cv2.bitwise_or(text, under)
    return Marks(x0 / WORK, y0 / WORK, strongest, own, text, rules, words, coloured, is_red)


def _rules(page: Layout, window: tuple[slice, slice], mask: Pixels) -> Pixels:
    """Rules, longer than a stroke of the pen gets, that lie in the window, as drawn (not thickened)."""
    out = np.zeros_like(mask)
    across = cv2.dilate(page.across[window], np.ones((3, 9), np.uint8))
    down = cv2.dilate(page.down[window], np.ones((9, 3), np.uint8))
    for runs in (across, down):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        for k in range(1, count):
            w, h = int(stats[k, cv2.CC_STAT_WIDTH]), int(stats[k, cv2.CC_STAT_HEIGHT])
            least = 26 * WORK if w > h else max(22 * WORK, 0.6 * mask.shape[0])
            if max(w, h) > least and min(w, h) < 0.03 * max(w, h) + 8:
                out[labels == k] = 255
    return cv2.bitwise_and(out, mask)


def _sizable(mask: Pixels, mm: float) -> Pixels:
    """Clusters (joined over 1.5 mm) at least ``mm`` long."""
    joined = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    keep = (np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) - 8 > mm * WORK).astype(np.uint8)
    keep[0] = 0
    out: Pixels = mask * keep[labels]
    return out


def _words(mask: Pixels) -> list[tuple[int, int, int, int]]:
    """Boxes (x0, y0, x1, y1) of lines of print: glyph-sized marks in a level row, evenly high."""
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    w, h, area = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    small = (h <= GLYPH_MM * WORK) & (w <= 6 * GLYPH_MM * WORK) & (area > 4)
    small[0] = False
    glyphs = small.astype(np.uint8)[labels] * 255
    rows = cv2.morphologyEx(glyphs, cv2.MORPH_CLOSE, np.ones((3, round(3.0 * WORK)), np.uint8))
    found = []
    n, marks, spans, _ = cv2.connectedComponentsWithStats(rows, connectivity=8)
    for k in range(1, n):
        x, y, wide, high, _ = (int(v) for v in spans[k])
        if not 1.6 * WORK < high < 6.5 * WORK or wide < 9.0 * WORK or wide < 2.0 * high:
            continue
        part = glyphs[y : y + high, x : x + wide] > 0
        if not _broad(part) and _level(part & (marks[y : y + high, x : x + wide] == k)):
            found.append((x, y, x + wide, y + high))
    return _joined(found)


def _broad(part: NDArray[Any]) -> bool:
    """True if most of the ink lies in strokes of 0.7 mm and more: no print of this size has them."""
    drawn = part.astype(np.uint8)
    broad = cv2.morphologyEx(drawn, cv2.MORPH_OPEN, np.ones((4, 4), np.uint8))
    return int(broad.sum()) > 0.45 * max(1, int(drawn.sum()))


def _thin(own: Pixels) -> Pixels:
    """Ink much thinner than the pen that wrote the rest: print under the writing. Empty for a fine pen."""
    far = cv2.distanceTransform(own, cv2.DIST_L2, 3)
    ridge = far[far >= cv2.dilate(far, np.ones((3, 3), np.uint8))]
    ridge = ridge[ridge > 0]
    if ridge.size < 30 or float(np.percentile(ridge, 75)) < 2.0:
        return np.zeros_like(own)
    k = max(3, round(1.2 * float(np.percentile(ridge, 75))))
    thick = cv2.dilate(cv2.morphologyEx(own, cv2.MORPH_OPEN, np.ones((k, k), np.uint8)), np.ones((k, k), np.uint8))
    return cv2.bitwise_and(own, cv2.bitwise_not(thick))


def _level(part: NDArray[Any]) -> bool:
    """Print fills its row evenly: most columns carry ink and its top and bottom edges are level."""
    columns = part.any(axis=0)
    if columns.mean() < 0.45:
        return False
    step = max(6, round(3.2 * WORK))
    tops, bottoms = [], []
    for x in range(0, part.shape[1] - step // 2, step):
        rows = np.nonzero(part[:, x : x + step].any(axis=1))[0]
        if len(rows):
            tops.append(int(rows[0]))
            bottoms.append(int(rows[-1]))
    if len(tops) < 2:
        return False
    slack = 0.22 * part.shape[0] + 1
    level_top = np.mean(np.abs(np.array(tops) - np.median(tops)) <= slack)
    level_bottom = np.mean(np.abs(np.array(bottoms) - np.median(bottoms)) <= slack)
    return bool(level_top + level_bottom > 1.3)


def _joined(words: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Join pieces of one line of print that something has cut apart."""
    out: list[tuple[int, int, int, int]] = []
    for word in sorted(words):
        for k, other in enumerate(out):
            level = abs((word[1] + word[3]) - (other[1] + other[3])) < 0.7 * min(word[3] - word[1], other[3] - other[1])
            if level and word[0] - other[2] < 45 * WORK:
                out[k] = (other[0], min(other[1], word[1]), max(other[2], word[2]), max(other[3], word[3]))
                break
        else:
            out.append(word)
    return out


def _without(free: Pixels, words: list[tuple[int, int, int, int]], text: Pixels) -> Pixels:
    """Own ink: what is left when the glyphs inside the lines of print are taken out; they are put into ``text``."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=8)
    printed = np.zeros(count, np.uint8)
    for k in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[k])
        if area < 4:
            printed[k] = 2
            continue
        for x0, y0, x1, y1 in words:
            inside = x >= x0 - 3 and x + w <= x1 + 3 and y >= y0 - 3 and y + h <= y1 + 3
            if inside and h <= y1 - y0 + 4:
                printed[k] = 1
    kind = printed[labels]
    text[(kind == 1) & (free > 0)] = 255
    own: Pixels = np.where((kind == 0) & (free > 0), 255, 0).astype(np.uint8)
    return own
