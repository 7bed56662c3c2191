"""Strokes that end as if cut, side by side on one straight line: beyond it a part of the mark is missing.

A hand lets its strokes end each where it will, and rounded. Where a slip of paper, a tape or a fold lay, they all end
on one line, with flat ends, and nothing lies beyond. Such lines are looked for with a Hough transform of the outline's
points near the ends of strokes; each is then walked along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.finding import FINE
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

LEVEL = 0.45  # of the ink's strength, where its outline is drawn
WAYS = 90  # directions in which the paper beyond a line may lie
LINES = 12  # most promising lines that are walked along
ABOUT = 1.0  # mm along the outline within which it turns back at the end of a stroke
LEAST_SPAN = 5.0  # mm between the outermost ends on a line
FLAT = 0.56  # share of the outline at the line that faces straight across it; round ends have less
BROADEST = 2.6  # mm; a longer flat stretch is a stroke along the line
BEYOND = (0.35, 0.7, 1.1, 1.5)  # mm beyond the line where no ink may lie

Line = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class _Ends:
    """Points of the outline about the ends of strokes, from the window's middle; ``way``: where the ink lies."""

    soft: Float
    x: Float
    y: Float
    way: Float


def find(strong: Pixels, solid: float) -> tuple[float, Line | None]:
    """How surely ink (absorption, FINE per mm) was cut off along a line: about the number of flat ends on it; and that
    line's ends in pixels."""
    soft = cv2.GaussianBlur(np.minimum(strong.astype(np.float32) / max(solid, 1.0), 1), (0, 0), 0.7)
    ends = _ends(soft)
    if len(ends.x) < 12:
        return 0.0, None
    turns = ((np.arange(WAYS) + 0.5) * 2 * np.pi / WAYS).astype(np.float32)
    axes = np.stack([np.cos(turns), np.sin(turns)])
    off = np.stack([ends.x, ends.y], 1) @ axes
    facing = np.stack([np.cos(ends.way), np.sin(ends.way)], 1) @ axes
    most, where = 0.0, None
    for way, start in _promising(off, facing, float(np.hypot(*soft.shape)) / 2):
        found = _walk(ends, float(turns[way]), off[:, way], facing[:, way], start)
        if found is not None and found[0] > most:
            most, where = found
    return most, where


def _ends(soft: Float) -> _Ends:
    outlines, _ = cv2.findContours((soft > LEVEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    kept = [np.zeros((0, 2), np.int32)]
    for outline in (one.reshape(-1, 2) for one in outlines if len(one) > 13):
        step = min(round(ABOUT * FINE), len(outline) // 3)
        across = np.hypot(*(np.roll(outline, step, 0) - np.roll(outline, -step, 0)).T)
        kept.append(outline[across < 1.45 * step])
    cols, rows = np.concatenate(kept).T
    gx = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8)[rows, cols]
    gy = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8)[rows, cols]
    slope = np.hypot(gx, gy) + 1e-4
    back = np.clip((soft[rows, cols] - LEVEL) / slope, -1, 1) / slope  # from the pixel to the outline itself
    height, width = soft.shape
    x, y = cols - gx * back - width / 2, rows - gy * back - height / 2
    return _Ends(soft, x.astype(np.float32), y.astype(np.float32), np.arctan2(gy, gx))


def _promising(off: Float, facing: Float, radius: float) -> list[tuple[int, float]]:
    """Directions and offsets of the lines on which most of the outline lies that faces away from the ink."""
    wide = int(2 * radius) + 4
    point, way = np.nonzero(facing > 0.85)
    place = way * wide + (off[point, way] + radius + 1).astype(np.int64)
    votes = np.bincount(place, facing[point, way], WAYS * wide).reshape(WAYS, wide)
    pairs = votes[:, :-1] + votes[:, 1:]
    out: list[tuple[int, float]] = []
    best = np.argpartition(-pairs, 200, axis=None)[:200]
    for flat in best[np.argsort(-pairs.ravel()[best])]:
        turn, at = divmod(int(flat), wide - 1)
        start = at - radius
        if pairs[turn, at] < 8 or len(out) == LINES:
            break
        if not any(min((turn - a) % WAYS, (a - turn) % WAYS) <= 1 and abs(start - b) <= 3 for a, b in out):
            out.append((turn, start))
    return out


def _walk(ends: _Ends, turn: float, off: Float, facing: Float, start: float) -> tuple[float, Line] | None:
    """Fit the line to the ends near it, then see which strokes end on it and what lies beyond."""
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    along = ends.y * cos - ends.x * sin
    near, tilt, base = (np.abs(off - start) < 3.0) & (facing > 0.8), 0.0, start
    for _ in range(3):
        if np.count_nonzero(near) < 8:
            return None
        tilt, base = _fitted(along[near], off[near])
        near = (np.abs(off - tilt * along - base) < 1.2) & (facing > 0.8)
    if np.count_nonzero(near) < 8 or abs(tilt) > 0.08:
        return None
    low, high = float(along[near].min()), float(along[near].max())
    if high - low < LEAST_SPAN * FINE:
        return None
    way = np.arange(low - 2, high + 3)
    height, width = ends.soft.shape

    def at(beyond: float) -> Float:
        out = tilt * way + base - beyond
        x = np.rint(width / 2 + out * cos - way * sin).astype(int)
        y = np.rint(height / 2 + out * sin + way * cos).astype(int)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return np.where(inside, ends.soft[y.clip(0, height - 1), x.clip(0, width - 1)], 0)

    flat = float(np.count_nonzero(near & (facing > 0.975)) / np.count_nonzero(near))
    if flat < FLAT:
        return None
    sure = _sure(at(-3.0), at(-0.45 * FINE), at(-2.0), at(2.0), np.max([at(mm * FINE) for mm in BEYOND], axis=0))
    tips = [(tilt * a + base, a) for a in (low, high)]
    (x0, y0), (x1, y1) = ((width / 2 + o * cos - a * sin, height / 2 + o * sin + a * cos) for o, a in tips)
    return sure * flat, ((x0, y0), (x1, y1))


def _fitted(along: Float, off: Float) -> tuple[float, float]:
    if float(np.ptp(along)) < 40:
        return 0.0, float(np.median(off))
    middle, level = float(along.mean()), float(off.mean())
    tilt = float(((along - middle) * (off - level)).sum() / ((along - middle) ** 2).sum())
    return tilt, level - tilt * middle


def _sure(close: Float, deep: Float, inner: Float, outer: Float, beyond: Float) -> float:
    """The number of strokes that end here, less those that cross the line or end elsewhere; the arguments: ink beside
    the line. The side of a straight stroke is one long run of ink, however often it is crossed, and no end."""
    crosses = (outer > LEVEL) | (beyond > 0.3)
    ends = (inner > LEVEL) & (outer < 0.42) & (beyond < 0.3)
    body = (deep > LEVEL) | (close > LEVEL)
    inked: NDArray[Any] = np.diff(np.concatenate([[0], (inner > LEVEL).astype(np.int8), [0]]))
    first, last = np.flatnonzero(inked > 0), np.flatnonzero(inked < 0)
    passed = np.concatenate([[0], np.cumsum(crosses)])
    whole = passed[last] - passed[first] <= 0.2 * (last - first)
    count = int(np.count_nonzero((last - first > 2) & (last - first <= BROADEST * FINE) & whole))
    if count < 3:
        return 0.0
    held = int(np.count_nonzero(ends & body)) / max(1, int(np.count_nonzero(body)))
    return float(count * max(0.0, 1 - 3 * float(crosses.mean())) * held)
