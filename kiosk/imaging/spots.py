"""Where on the paper a fault lies, so that the person can be shown it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.boxes import Cell
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label

MOST = 6  # places of one fault that are shown
LEAST_ARC = 4  # degrees of a ring without ink that are a gap

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Spot:
    """A place in mm of the frame: the rectangle ``box`` (left, top, right, bottom), or the open line ``arc`` in it."""

    label: Label
    box: Box
    arc: tuple[tuple[float, float], ...] = ()


def regions(label: Label, mask: Pixels, corner: tuple[float, float], px_mm: float, join: float = 1.5) -> list[Spot]:
    """The largest clusters (joined over ``join`` mm) of a mask whose upper left corner lies at ``corner`` mm."""
    if not cv2.countNonZero(mask):
        return []
    reach = max(1, round(join * px_mm)) | 1
    joined = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for x, y, wide, high in (cv2.boundingRect(outline) for outline in outlines):
        inner = mask[y : y + high, x : x + wide]
        found.append((cv2.countNonZero(inner), (x, y, x + wide, y + high)))
    grown, out = reach // 2, []
    for _, (x0, y0, x1, y1) in sorted(found, reverse=True)[:MOST]:
        shrunk = np.array([x0 + grown, y0 + grown, x1 - grown, y1 - grown]) / px_mm
        left, top, right, bottom = (float(v) for v in shrunk + np.array([*corner, *corner]))
        out.append(Spot(label, (left, top, right, bottom)))
    return out


def gaps(x: float, y: float, radius: float, weak: NDArray[np.bool_]) -> list[Spot]:
    """The arcs of a ring that carry no ink; ``weak``: per degree, clockwise from the right."""
    if weak.all() or not weak.any():
        return []
    start = int(np.flatnonzero(~weak)[0])
    runs: list[list[int]] = []
    for step in range(len(weak)):
        degree = start + step
        if weak[degree % len(weak)]:
            if runs and runs[-1][-1] >= degree - 3:
                runs[-1].append(degree)
            else:
                runs.append([degree])
    out = []
    for run in sorted((run for run in runs if run[-1] - run[0] >= LEAST_ARC), key=len, reverse=True)[:MOST]:
        turn = np.radians(np.linspace(run[0], run[-1], 2 + (run[-1] - run[0]) // 3))
        arc = np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)
        out.append(line(Label.INCOMPLETE, arc))
    return out


def ring(label: Label, x: float, y: float, radius: float) -> Spot:
    """A whole circle."""
    turn = np.arange(73) * np.pi / 36
    return line(label, np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1))


def crossing(x: float, y: float, radius: float, way: str, at: float) -> Spot:
    """Where a line ('across' at y mm, 'down' at x mm) runs through a disc."""
    half = float(np.sqrt(max(0.0, radius**2 - ((y if way == "across" else x) - at) ** 2)))
    box = (x - half, at - 1, x + half, at + 1) if way == "across" else (at - 1, y - half, at + 1, y + half)
    return Spot(Label.OVER_LINE, box)


def beyond_sides(x: float, y: float, radius: float, cell: Cell, near: float) -> list[Spot]:
    """The parts of a disc that lie less than ``near`` mm within a closed side of its box, or beyond it."""
    out = []
    for side, (middle, low, high) in enumerate(_sides(x, y, cell)):
        limit = (low + near, low + near, high - near, high - near)[side]
        deep = radius - (middle - limit if side < 2 else limit - middle)
        if cell.open[side] or deep <= 0:
            continue
        half = float(np.sqrt(max(1.0, radius**2 - max(0.0, radius - deep) ** 2)))
        outer = middle - radius if side < 2 else middle + radius
        span = (min(outer, limit), max(outer, limit))
        box = (span[0], y - half, span[1], y + half) if side in (0, 2) else (x - half, span[0], x + half, span[1])
        out.append(Spot(Label.TOUCH_BORDER, box))
    return out


def cut_off(x: float, y: float, radius: float, inside: Callable[[NDArray[Any]], NDArray[Any]]) -> list[Spot]:
    """Where a disc leaves the picture: its points near the picture's edge. ``inside``: pixels to that edge (mm in)."""
    steps = np.arange(-radius, radius + 0.1, 0.75)
    grid = np.stack([v.ravel() for v in np.meshgrid(x + steps, y + steps)], 1)
    grid = grid[np.hypot(grid[:, 0] - x, grid[:, 1] - y) < radius]
    away = inside(grid)
    rim = grid[(away >= 0) & (away < 24)]
    if (away >= 0).all() or len(rim) < 2:
        return []
    low, high = rim.min(axis=0) - 0.5, rim.max(axis=0) + 0.5
    return [Spot(Label.CROPPED, (float(low[0]), float(low[1]), float(high[0]), float(high[1])))]


def at_sides(
    label: Label, mask: Pixels, corner: tuple[float, float], px_mm: float, cell: Cell, near: float
) -> list[Spot]:
    """The parts of a mask nearer than ``near`` mm to the box's closed sides (``cropped``: to its open ones)."""
    height, width = mask.shape
    left, top = round((cell.left + near - corner[0]) * px_mm), round((cell.top + near - corner[1]) * px_mm)
    right, bottom = round((cell.right - near - corner[0]) * px_mm), round((cell.bottom - near - corner[1]) * px_mm)
    every, whole = slice(0, height), slice(0, width)
    strips = ((every, slice(0, max(0, left))), (slice(0, max(0, top)), whole),
              (every, slice(max(0, right), width)), (slice(max(0, bottom), height), whole))  # fmt: skip
    out: list[Spot] = []
    for strip, is_open in zip(strips, cell.open, strict=True):
        if is_open != (label == Label.CROPPED):
            continue
        here = np.zeros_like(mask)
        here[strip] = mask[strip]
        out += regions(label, here, corner, px_mm, 6.0)
    return out


def _sides(x: float, y: float, cell: Cell) -> tuple[tuple[float, float, float], ...]:
    across, along = (x, cell.left, cell.right), (y, cell.top, cell.bottom)
    return (across, along, across, along)


def line(label: Label, points: NDArray[Any]) -> Spot:
    """An open line through ``points`` (N x 2, mm)."""
    low, high = points.min(axis=0), points.max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Spot(label, box, tuple((float(px), float(py)) for px, py in points))
