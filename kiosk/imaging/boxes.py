"""The capture box of a form: cells between ruled lines, and which of them is the one to look into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import optics, own_sheet
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels

RULED, PALE_RULED = 34, 15
DASHES = 11  # pixels between the dashes of a rule, at most
STAMPED = 2.5  # a cell that the picture's edge cuts, with a seal in it, counts for so many of its size
CUT = 1.5  # the same for any other on a personal form: it went on
SHADOW_MM2 = 60.0  # of solid darkness; less is a stamp or a heading
STRIP = 96  # rows worked on together: so many stay in a core's own cache


@dataclass(frozen=True)
class Cell:
    """A ruled cell in mm of the frame. ``open``: sides (left, top, right, bottom) that are the picture's own edge."""

    left: float
    top: float
    right: float
    bottom: float
    open: tuple[bool, bool, bool, bool] = (False, False, False, False)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def holds(self, x: float, y: float, slack: float = 0.0) -> bool:
        """True if the point lies in the cell or at most ``slack`` mm outside."""
        return self.left - slack <= x <= self.right + slack and self.top - slack <= y <= self.bottom + slack


@dataclass(frozen=True)
class Layout:
    """What stands on the sheet: ``ink`` absorbed per channel, ``dark`` print, ``rules``, all in the working frame."""

    ink: Pixels
    colour: Pixels
    dark: Pixels
    across: Pixels
    down: Pixels
    cells: tuple[Cell, ...]


def layout(frame: Frame, least_ink: int = RULED, space: int = 1) -> Layout:
    """Read rules and cells off the working frame; a rule absorbs at least ``least_ink`` of 255.

    ``space``: pixels between the dashes of a rule.
    """
    white = optics.paper(frame.rgb, 8)
    height, width = frame.rgb.shape[:2]
    ink, (colour, dark, least) = np.empty_like(frame.rgb), np.empty((3, height, width), np.uint8)
    for top in range(0, height, STRIP):
        rows = slice(top, top + STRIP)
        ink[rows] = optics.absorption(frame.rgb[rows], white[rows])
        red, green, blue = cv2.split(ink[rows])
        weak, most = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
        colour[rows], least[rows] = cv2.subtract(most, weak), weak
        grey = cv2.compare(cv2.addWeighted(weak, 1.5, weak, 0, 0), colour[rows], cv2.CMP_GE)
        _, inked = cv2.threshold(weak, least_ink, 255, cv2.THRESH_BINARY)
        dark[rows] = cv2.bitwise_and(cv2.bitwise_and(inked, grey), frame.valid[rows])
    thin = _thin(dark, least, least_ink)
    thick = _closed(cv2.dilate(thin, np.ones((3, 1), np.uint8)), (1, space))
    across = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, 72), np.uint8))
    thick = _closed(cv2.dilate(thin, np.ones((1, 3), np.uint8)), (space, 1))
    down = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((54, 1), np.uint8))
    return Layout(ink, colour, dark, across, down, _cells(frame, across, down, space + 4))


def _closed(mask: Pixels, gap: tuple[int, int]) -> Pixels:
    return mask if gap == (1, 1) else cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(gap, np.uint8))


def _thin(dark: Pixels, least: Pixels, least_ink: int) -> Pixels:
    """Print without broad dark areas: the edge of a shadow is no rule, however straight."""
    broad = cv2.morphologyEx(dark[::2, ::2].copy(), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    if cv2.countNonZero(broad) < SHADOW_MM2 * (WORK / 2) ** 2:
        return dark
    peaks = cv2.morphologyEx(least, cv2.MORPH_TOPHAT, np.ones((13, 13), np.uint8))
    return cv2.bitwise_and(dark, cv2.threshold(peaks, 0.6 * least_ink, 255, cv2.THRESH_BINARY)[1])


def _cells(frame: Frame, across: Pixels, down: Pixels, join: int) -> tuple[Cell, ...]:
    level, upright = np.ones((1, join), np.uint8), np.ones((join, 1), np.uint8)
    joined = cv2.bitwise_or(cv2.dilate(across, level), cv2.dilate(down, upright))
    free = cv2.bitwise_and(cv2.bitwise_not(joined), frame.valid)
    free = cv2.erode(free, np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2].copy()
    count, labels, stats = optics.clusters(free)
    valid = frame.valid[::2, ::2].copy()
    rim = cv2.subtract(
        valid, cv2.erode(valid, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    )
    touching, sides = _touched(rim, labels, count)
    total = max(1, int(touching[1:].sum()))
    around = 1 + int(touching[1:].argmax()) if count > 1 and touching[1:].max() > 0.36 * total else 0
    found = []
    for k in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[k])
        if w < 4 * WORK or h < (4 if touching[k] else 3) * WORK or k == around or sides[k]:  # at half size
            continue
        if w > 0.97 * free.shape[1] and h > 0.5 * free.shape[0]:
            continue
        seen = cv2.countNonZero(valid[y : y + h, x : x + w])  # the picture's edge may run across it
        if area < 0.8 * seen and _outline(labels[y : y + h, x : x + w] == k) < 0.8 * seen:
            continue
        found.append(_cell(frame, 2 * x, 2 * y, 2 * w, 2 * h, touching[k] > 0))
    return tuple(found)


def _touched(rim: Pixels, labels: NDArray[Any], count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """How many rim pixels each component touches, and whether they lie on opposite sides of the picture."""
    spots = cv2.findNonZero(rim).reshape(-1, 2)
    cols, rows = spots[:, 0], spots[:, 1]
    owner = labels[rows, cols]
    touching = np.bincount(owner, minlength=count)
    left, top, width, height = cv2.boundingRect(rim)
    x, y = (cols - left) / width - 0.5, (rows - top) / height - 0.5
    flat = np.abs(x) > np.abs(y)
    side = np.where(flat, np.where(x < 0, 0, 2), np.where(y < 0, 1, 3))
    per = np.stack([np.bincount(owner[side == s], minlength=count) for s in range(4)]) > 8
    return touching, (per[0] & per[2]) | (per[1] & per[3])


def _outline(mask: NDArray[Any]) -> float:
    """Area within the outer outline, holes included."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return max(float(cv2.contourArea(outline)) for outline in outlines)


def _cell(frame: Frame, x: int, y: int, w: int, h: int, at_edge: bool) -> Cell:
    sides = (False, False, False, False)
    if at_edge:
        reach = 4
        hits = []
        for px, py in ((x - reach, y + h // 2), (x + w // 2, y - reach), (x + w + reach, y + h // 2),
                       (x + w // 2, y + h + reach)):  # fmt: skip
            inside = 0 <= px < frame.valid.shape[1] and 0 <= py < frame.valid.shape[0]
            hits.append(not inside or not frame.valid[py, px])
        sides = (hits[0], hits[1], hits[2], hits[3])
    return Cell(x / WORK, y / WORK, (x + w) / WORK, (y + h) / WORK, sides)


def blankness(page: Layout, cell: Cell) -> float:
    """Square centimetres of the cell without print; coloured ink does not count as print."""
    x0, y0, x1, y1 = (round(v * WORK) for v in (cell.left, cell.top, cell.right, cell.bottom))
    part = page.dark[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
    if part.size == 0:
        return 0.0
    colour = page.colour[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
    part = np.where(colour > 60, 0, part).astype(np.uint8)
    grid = cv2.resize(part, (max(1, part.shape[1] // 24), max(1, part.shape[0] // 24)), interpolation=cv2.INTER_AREA)
    return float((grid < 8).mean() * cell.width * cell.height / 100)


def marks(page: Layout, cell: Cell, slack: float = 0.0) -> NDArray[Any]:
    """Mask of coloured ink in the cell, in the working frame."""
    mask = np.zeros_like(page.dark)
    x0, y0 = (max(0, round((v - slack) * WORK)) for v in (cell.left, cell.top))
    x1, y1 = (round((v + slack) * WORK) for v in (cell.right, cell.bottom))
    mask[y0:y1, x0:x1] = (page.colour[y0:y1, x0:x1] > 22).astype(np.uint8) * 255
    return mask


def printed(frame: Frame) -> Cell | None:
    """The box of one of our own sheets, where it was printed; None for any other sheet."""
    if not frame.paper:
        return None
    _, left, top, right, bottom = own_sheet.BOXES[frame.paper]
    half = own_sheet.RULE / 2
    return Cell(left + half, top + half, right - half, bottom - half)


def target(page: Layout, personal: bool) -> Cell | None:
    """The capture box: the roomiest blank cell; None when the sheet has no such cell."""
    best, most = None, 0.0
    for cell in page.cells:
        small = min(cell.width, cell.height)
        if not any(cell.open) and (small < (18 if personal else 36) or max(cell.width, cell.height) < 36):
            continue
        room = blankness(page, cell)
        blank_share = room / max(0.1, cell.width * cell.height / 100)
        score = room * (0.4 if blank_share < 0.5 else 1.0)
        if any(cell.open):
            score *= STAMPED if _stamped(page, cell) else CUT if personal else 1.0
        if score > most:
            best, most = cell, score
    return best


def _stamped(page: Layout, cell: Cell) -> bool:
    """True if the cell holds a coloured mark of a seal's size."""
    x0, y0, x1, y1 = (round(v * WORK) for v in (cell.left + 1, cell.top + 1, cell.right - 1, cell.bottom - 1))
    _, mask = cv2.threshold(page.colour[y0:y1, x0:x1], 40, 255, cv2.THRESH_BINARY)
    if cv2.countNonZero(mask) < 15 * WORK * WORK:
        return False
    _, _, stats = optics.clusters(cv2.dilate(mask, np.ones((9, 9), np.uint8)))
    return bool((np.maximum(stats[1:, 2], stats[1:, 3]) > 15 * WORK).any())


def split_by_line(page: Layout, cell: Cell) -> tuple[Cell, list[tuple[str, float]]]:
    """Join the cell with empty neighbours of the same width (height): the line between them is a line in the box.

    Returns the joined cell and the lines ('across', y mm) or ('down', x mm) that were taken for lines in the box.
    """
    lines: list[tuple[str, float]] = []
    changed = True
    while changed:
        changed = False
        for other in page.cells:
            joined = _joined(cell, other)
            if joined is None or _printed(page, other):
                continue
            lines.append(joined[1])
            cell = joined[0]
            changed = True
    return cell, lines


def _joined(a: Cell, b: Cell) -> tuple[Cell, tuple[str, float]] | None:
    near = 1.6
    if abs(a.left - b.left) < near and abs(a.right - b.right) < near:
        if abs(a.bottom - b.top) < near:
            sides = (a.open[0] or b.open[0], a.open[1], a.open[2] or b.open[2], b.open[3])
            return Cell(a.left, a.top, a.right, b.bottom, sides), ("across", (a.bottom + b.top) / 2)
        if abs(b.bottom - a.top) < near:
            sides = (a.open[0] or b.open[0], b.open[1], a.open[2] or b.open[2], a.open[3])
            return Cell(a.left, b.top, a.right, a.bottom, sides), ("across", (b.bottom + a.top) / 2)
    if abs(a.top - b.top) < near and abs(a.bottom - b.bottom) < near:
        if abs(a.right - b.left) < near:
            sides = (a.open[0], a.open[1] or b.open[1], b.open[2], a.open[3] or b.open[3])
            return Cell(a.left, a.top, b.right, a.bottom, sides), ("down", (a.right + b.left) / 2)
        if abs(b.right - a.left) < near:
            sides = (b.open[0], a.open[1] or b.open[1], a.open[2], a.open[3] or b.open[3])
            return Cell(b.left, a.top, a.right, a.bottom, sides), ("down", (b.right + a.left) / 2)
    return None


def _printed(page: Layout, cell: Cell) -> bool:
    """True if the cell holds a line of print."""
    x0, y0, x1, y1 = (round(v * WORK) for v in (cell.left + 0.8, cell.top + 0.8, cell.right - 0.8, cell.bottom - 0.8))
    part = page.dark[y0:y1, x0:x1]
    if part.size == 0:
        return False
    part = cv2.bitwise_and(part, cv2.bitwise_not(cv2.bitwise_or(page.across[y0:y1, x0:x1], page.down[y0:y1, x0:x1])))
    part = np.where(page.colour[y0:y1, x0:x1] > 40, 0, part)
    return int((part > 0).sum()) > 45 * WORK
