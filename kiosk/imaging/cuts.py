"""Strokes that end as if cut, side by side on one straight line: beyond it a part of the mark is missing.

A hand lets its strokes end each where it will, and rounded. Where a slip of paper, a tape or a fold lay, they all end
on one line, with flat ends; nothing lies beyond, or the strokes go on behind a second line that faces the first. Such
lines are looked for with a Hough transform of the outline's points near the ends of strokes; each is then described,
and a small network weighs it. ``bench.imaging.cut.train`` teaches it on drawn marks; ``cuts.npz`` holds its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.finding import FINE
from kiosk.imaging.optics import Float, runs
from kiosk.imaging.pictures import Pixels

WEIGHTS = Path(__file__).with_name("cuts.npz")
LEVEL = 0.45  # of the ink's strength, where its outline is drawn
INKED = round(LEVEL * 255)
WAYS = 180  # directions in which the paper beyond a line may lie
LINES = 40  # most promising lines that are walked along
ABOUT = 1.0  # mm along the outline within which it turns back at the end of a stroke
LEAST_SPAN = 5.0  # mm between the outermost ends on a line
LEAST_ENDS = 3
LEAST_DEEP = 2  # ends of strokes that come from at least 1.5 mm within
BROADEST = 2.6  # mm; a longer flat stretch is a stroke along the line
FAR = 12.5  # mm beyond the line where a second one may face it
INSIDE = (-18, -9, -5, -3)  # pixels from the line to the ink's side
ASIDE = 12  # pixels along the line that a stroke's way to its end may lead aside
BEYOND = (4, 8, 13, 18)  # pixels beyond the line where no ink may lie
FEATURES = 19

Line = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Candidate:
    """A line on which strokes end. ``facts``: what the network weighs, FEATURES numbers; ``ink``: towards the ink."""

    facts: list[float]
    line: Line
    ink: tuple[float, float]


@dataclass(frozen=True)
class _Ends:
    """Points of the outline about the ends of strokes, from the window's middle; ``way``: where the ink lies."""

    x: Float
    y: Float
    way: Float


@dataclass(frozen=True)
class _Fit:
    """A line: ``off = tilt * along + base`` in axes turned by ``turn``; ``off``, ``along``, ``facing`` of all ends,
    ``near`` those on the line."""

    turn: float
    tilt: float
    base: float
    off: Float
    along: Float
    facing: Float
    near: NDArray[np.bool_]


def find(strong: Pixels, solid: float) -> tuple[float, Line | None]:
    """How sure it is (0..1) that ink (absorption, FINE per mm) was cut off along a line; that line's ends in pixels."""
    every = candidates(strong, solid)
    if not every:
        return 0.0, None
    told = weighed(np.array([one.facts for one in every], np.float32))
    best = int(told.argmax())
    return float(told[best]), every[best].line


def weighed(facts: Float, weights: dict[str, Float] | None = None) -> Float:
    """Probabilities of described lines (N x FEATURES)."""
    w = weights or _weights()
    even = (facts - w["mean"]) / w["spread"]
    told: Float = np.tanh(even @ w["hidden"] + w["shift"]) @ w["out"] + even @ w["straight"] + w["bias"]
    sure: Float = 1 / (1 + np.exp(-np.clip(told, -30, 30)))
    return sure


@cache
def _weights() -> dict[str, Float]:
    with np.load(WEIGHTS) as held:
        return {name: held[name].astype(np.float32) for name in held.files}


def candidates(strong: Pixels, solid: float) -> list[Candidate]:
    """The lines on which at least LEAST_ENDS strokes end."""
    soft = cv2.GaussianBlur(np.minimum(strong.astype(np.float32) / max(solid, 1.0), 1), (0, 0), 0.7)
    ends = _ends(soft)
    if len(ends.x) < 12:
        return []
    level = (255 * soft).astype(np.uint8)
    turns = ((np.arange(WAYS) + 0.5) * 2 * np.pi / WAYS).astype(np.float32)
    axes = np.stack([np.cos(turns), np.sin(turns)])
    off = np.stack([ends.x, ends.y], 1) @ axes
    facing = np.stack([np.cos(ends.way), np.sin(ends.way)], 1) @ axes
    likely = _promising(off, facing, float(np.hypot(*soft.shape)) / 2)
    found = (_Walk(level, fit).candidate() for fit in _fitted(ends, turns, off, facing, likely))
    return [one for one in found if one is not None]


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
    return _Ends(x.astype(np.float32), y.astype(np.float32), np.arctan2(gy, gx))


def _promising(off: Float, facing: Float, radius: float) -> list[tuple[int, float]]:
    """Directions and offsets of the lines on which most of the outline lies that faces away from the ink."""
    wide = int(2 * radius) + 4
    point, way = np.nonzero(facing > 0.85)
    place = way * wide + (off[point, way] + radius + 1).astype(np.int64)
    votes = np.bincount(place, facing[point, way], WAYS * wide).reshape(WAYS, wide)
    pairs = votes[:, :-1] + votes[:, 1:]
    out: list[tuple[int, float]] = []
    likely = np.flatnonzero(pairs.ravel() >= 8)
    for flat in likely[np.argsort(-pairs.ravel()[likely])][:400]:
        turn, at = divmod(int(flat), wide - 1)
        start = at - radius
        if len(out) == LINES:
            break
        if not any(min((turn - a) % WAYS, (a - turn) % WAYS) <= 1 and abs(start - b) <= 3 for a, b in out):
            out.append((turn, start))
    return out


def _fitted(ends: _Ends, turns: Float, off: Float, facing: Float, likely: list[tuple[int, float]]) -> Iterator[_Fit]:
    """Lines fitted to the ends near them, each once, without those on which too few ends lie or all close together."""
    ways, start = np.array([way for way, _ in likely], int), np.array([[at] for _, at in likely], np.float32)
    if not likely:
        return
    off, facing = np.ascontiguousarray(off.T[ways]), np.ascontiguousarray(facing.T[ways])
    along = np.cos(turns[ways])[:, None] * ends.y - np.sin(turns[ways])[:, None] * ends.x
    aligned = facing > 0.8
    near = ((np.abs(off - start) < 3.0) & aligned).astype(np.float32)
    for _ in range(3):
        count = np.maximum(near.sum(1, keepdims=True), 1)
        middle, level = (near * along).sum(1, keepdims=True) / count, (near * off).sum(1, keepdims=True) / count
        aside = near * (along - middle)
        spread = (aside * aside).sum(1, keepdims=True)
        tilt = np.where(spread > 150 * count, (aside * off).sum(1, keepdims=True) / np.maximum(spread, 1), 0)
        base = level - tilt * middle
        near = ((np.abs(off - tilt * along - base) < 1.2) & aligned).astype(np.float32)
    seen: list[tuple[float, float]] = []
    for k in range(len(likely)):
        on = near[k] > 0
        if _count(on) < 8 or abs(tilt[k, 0]) > 0.08 or float(np.ptp(along[k][on])) < LEAST_SPAN * FINE:
            continue
        turn, at = float(turns[ways[k]]), float(level[k, 0])
        straight = turn - float(np.arctan(tilt[k, 0]))
        again = any(abs(straight - a) < 0.01 and abs(at - b) < 1.5 for a, b in seen)
        if again or _count(np.diff(np.sort(along[k][on])) > 4) < LEAST_ENDS - 1:
            continue
        seen.append((straight, at))
        yield _Fit(turn, float(tilt[k, 0]), float(base[k, 0]), off[k], along[k], facing[k], on)


class _Walk:
    """A walk along a line, from before the first end of the whole mark to behind the last one."""

    def __init__(self, level: Pixels, fit: _Fit) -> None:
        self.level, self.fit = level, fit
        self.start = float(fit.along.min()) - 12
        self.length = int(fit.along.max() - self.start) + 24
        low, high = float(fit.along[fit.near].min()), float(fit.along[fit.near].max())
        self.span = (low, high)
        self.here = slice(max(0, int(low - self.start) - 2), min(self.length, int(high - self.start) + 3))
        self.inside: dict[int, NDArray[np.bool_]] = {}

    def _strip(self, out: NDArray[Any], steps: slice, by: int = 1) -> Pixels:
        """The ink along parts of the lines that lie ``out`` pixels beyond this one."""
        cos, sin, fit = np.cos(self.fit.turn), np.sin(self.fit.turn), self.fit
        along = np.arange(steps.start, steps.stop, by).astype(np.float32) + self.start
        off = (fit.tilt * along + fit.base) - out[:, None].astype(np.float32)
        height, width = self.level.shape
        x = (width / 2 + 0.5 + off * np.float32(cos) - along * np.float32(sin)).astype(np.int32)
        y = (height / 2 + 0.5 + off * np.float32(sin) + along * np.float32(cos)).astype(np.int32)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        ink: Pixels = self.level.ravel().take(y * width + x, mode="clip") * inside
        return ink

    def candidate(self) -> Candidate | None:
        """The line described; None if fewer than LEAST_ENDS strokes end on it."""
        inner, outer = self._strip(np.array([-2, 2]), self.here)
        crosses = outer > INKED
        first, last = runs(inner > INKED)
        long = last - first
        passed = np.concatenate([[0], np.cumsum(crosses)])
        whole = (long > 2) & (long <= BROADEST * FINE) & (passed[last] - passed[first] <= 0.2 * long)
        count = int(whole.sum())
        if count < LEAST_ENDS:
            return None
        rows = self._strip(np.array([*INSIDE, 2, *BEYOND]), slice(0, self.length))
        self.inside = {at: row > INKED for at, row in zip(INSIDE, rows, strict=False)}
        first, last = first + self.here.start, last + self.here.start
        passed = rows[len(INSIDE)] > INKED
        reached = np.concatenate([[0], np.cumsum(rows[len(INSIDE) + 1 :].max(axis=0) > 76)])
        clear = int((whole & (reached[last] - reached[first] <= 0.2 * long)).sum())
        across = passed & self.inside[-3]
        if self._deep(first[whole], last[whole]) < LEAST_DEEP:
            return None
        facts = [clear, self._held(inner, outer), *self._shape(), count, count / max(1, len(runs(self.inside[-9])[0]))]
        facts += [len(runs(across[self.here])[0]), len(runs(across)[0]), (count - clear) / count]
        facts += [float(long[whole].mean()) / FINE, *self._behind(first[whole], last[whole])]
        return Candidate([float(one) for one in facts], self._line(), self._towards())

    def _deep(self, first: NDArray[Any], last: NDArray[Any]) -> int:
        """How many of the ends come from deep within; the side of a stroke along the line does not."""
        inked = np.concatenate([[0], np.cumsum(self.inside[-18])])
        low, high = np.maximum(first - ASIDE, 0), np.minimum(last + ASIDE, self.length)
        return _count(inked[high] > inked[low])

    def _held(self, inner: Pixels, outer: Pixels) -> float:
        """Share of the ink beside the line that ends at it."""
        body = (self.inside[-3] | self.inside[-5])[self.here]
        ends = (inner > INKED) & (outer < 107)
        return float(_count(ends & body) / max(1, _count(body)))

    def _shape(self) -> list[float]:
        """How straight across the outline faces, how long the line is, how close to it, and of how many, its ends."""
        fit, facing = self.fit, self.fit.facing[self.fit.near]
        away = np.abs(fit.off - fit.tilt * fit.along - fit.base)
        about = max(1, _count((away < 4) & (fit.facing > 0.6)))
        tight = _count((away < 0.6) & fit.near) / about
        flat, flatter = float((facing > 0.975).mean()), float((facing > 0.99).mean())
        span = float(np.log((self.span[1] - self.span[0]) / FINE))
        return [flat, flatter, span, tight, _count(fit.near) / len(fit.near)]

    def _behind(self, first: NDArray[Any], last: NDArray[Any]) -> list[float]:
        """The ink beyond, and the line that faces this one: its ends in mm, how flat, how far, how empty it is between
        them, and the share of strokes that go on behind it."""
        fit, far = self.fit, int(FAR * FINE)
        ink = self._strip(np.arange(0, far, 2), slice(0, self.length), 2) > INKED
        share = min(1.0, float(_count(ink[1:])) / max(1, _count(self.level[::2, ::2] > INKED)))
        away = fit.tilt * fit.along + fit.base - fit.off
        back = (fit.facing < -0.8) & (away > 3) & (away < far - 3)
        counts = np.convolve(np.bincount(away[back].astype(int), minlength=far), np.ones(4), "same")
        gap = int(counts.argmax())
        if counts[gap] < 6:
            return [share, 0.0, 0.0, 0.0, 0.0, 0.0]
        facing = float((fit.facing[back & (np.abs(away - gap) < 2.5)] < -0.975).mean() if counts[gap] else 0.0)
        row: NDArray[np.bool_] = ink[min(len(ink) - 1, (gap + 3) // 2)]
        between = float(ink[1 : max(2, (gap - 3) // 2)].sum(axis=1).mean()) / max(1, _count(row))
        match = self._matched(first, last, row, gap)
        return [share, float(counts[gap]) / FINE, facing, gap / FINE, min(between, 2.0), match]

    def _matched(self, first: NDArray[Any], last: NDArray[Any], row: NDArray[Any], gap: int) -> float:
        """Share of the strokes ending here that, drawn on, meet one behind a gap of so many pixels."""
        there, deep = (np.stack(runs(one)).mean(axis=0) for one in (row, self.inside[-9]))
        if not len(there) or not len(deep):
            return 0.0
        middle = (first + last) / 2
        from_ = deep[np.abs(deep[None] - middle[:, None]).argmin(axis=1)]
        aim = middle + (middle - from_) / 7 * (gap + 2)
        off = np.abs(2 * there[None] - aim[:, None]).min(axis=1)
        return float(((off < 0.35 * FINE + 0.15 * gap) & (np.abs(from_ - middle) < 14)).mean())

    def _line(self) -> Line:
        cos, sin, fit = float(np.cos(self.fit.turn)), float(np.sin(self.fit.turn)), self.fit
        height, width = self.level.shape
        tips = [(fit.tilt * at + fit.base, at) for at in self.span]
        one, other = ((width / 2 + off * cos - at * sin, height / 2 + off * sin + at * cos) for off, at in tips)
        return one, other

    def _towards(self) -> tuple[float, float]:
        turn = self.fit.turn - float(np.arctan(self.fit.tilt))
        return float(np.cos(turn)), float(np.sin(turn))


def _count(what: NDArray[Any]) -> int:
    return int(np.count_nonzero(what))
