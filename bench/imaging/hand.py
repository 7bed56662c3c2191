"""Handwriting as coverage maps: characters bent out of a Kai type, or free splines with pressure."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging.stamps import Map, noise
from bench.imaging.words import PX_MM, some_font

SS = 2


def stroke(rng: np.random.Generator, canvas: NDArray[np.uint8], points: Map, width: float) -> None:
    """A spline through ``points`` (pixels) drawn with a pressure that swells and fades."""
    t = np.linspace(0, len(points) - 1, len(points) * 14)
    k = np.clip(t.astype(int), 0, len(points) - 2)
    f = (t - k)[:, None]
    before, after = points[np.maximum(k - 1, 0)], points[np.minimum(k + 2, len(points) - 1)]
    a, b = points[k], points[k + 1]
    path = 0.5 * (
        2 * a + (b - before) * f + (2 * before - 5 * a + 4 * b - after) * f**2 + (3 * a - before - 3 * b + after) * f**3
    )
    pressure = width * (0.75 + 0.35 * np.sin(np.linspace(0.3, 2.9, len(path)) + rng.uniform(-0.4, 0.4)))
    pressure *= 1 + 0.15 * rng.standard_normal() * np.sin(np.linspace(0, 7, len(path)))
    for p, q, w in zip(path[:-1], path[1:], pressure[1:], strict=True):
        start, end = (tuple(int(v) for v in np.round(x * 16)) for x in (p, q))
        cv2.line(canvas, start, end, 255, max(1, round(float(w))), cv2.LINE_AA, 4)


def _turning_back(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Folded into 0..1: a hand turns back before the edge, it does not run along it as if cut off."""
    return np.asarray(1 - np.abs(1 - np.abs(at) % 2))


def free_signature(rng: np.random.Generator, width_mm: float, height_mm: float, pen: float) -> Map:
    """Two to four invented characters of strokes, partly joined up."""
    px = PX_MM * SS
    pad = round(2 * px)
    height, width = round(height_mm * px) + 2 * pad, round(width_mm * px) + 2 * pad
    canvas = np.zeros((height, width), np.uint8)
    count = int(rng.integers(2, 5))
    cell = (width - 2 * pad) / count
    for c in range(count):
        x0 = pad + c * cell
        last = None
        for _ in range(int(rng.integers(3, 8))):
            n = int(rng.integers(2, 5))
            x = x0 + cell * 1.05 * _turning_back(rng.uniform(0.02, 0.95) + np.cumsum(rng.normal(0, 0.3, n)))
            y = pad + (height - 2 * pad) * _turning_back(rng.uniform(0, 1) + np.cumsum(rng.normal(0, 0.28, n)))
            points = np.stack([x, y], 1).astype(np.float32)
            if last is not None and rng.random() < 0.35:
                points = np.vstack([last[None], points])
            stroke(rng, canvas, points, pen * px)
            last = points[-1]
    return canvas.astype(np.float32) / 255


def bent_name(rng: np.random.Generator, name: str, height_mm: float, pen: float) -> Map:
    """A name in a Kai type, thinned to pen strokes, slanted and bent."""
    px = PX_MM * SS
    font = some_font(rng, "hand", height_mm * px)
    left, top, right, bottom = font.getbbox(name)
    pad = round(4 * px)
    image = Image.new("L", (right - left + 2 * pad, bottom - top + 2 * pad), 0)
    x = float(pad - left)
    for char in name:
        ImageDraw.Draw(image).text((x, pad - top + rng.normal(0, 0.05) * height_mm * px), char, font=font, fill=255)
        x += font.getlength(char) * rng.uniform(0.82, 1.05)
    canvas = np.asarray(image)
    shape = canvas.shape
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    slant = rng.normal(0, 0.15)
    bend = height_mm * px * 0.035
    xx = xx + slant * (yy - shape[0] / 2) + noise(rng, shape, height_mm * px * 0.35) * bend
    yy = yy + rng.normal(0, 0.06) * (xx - shape[1] / 2) + noise(rng, shape, height_mm * px * 0.35) * bend
    out = cv2.remap(canvas, xx, yy, cv2.INTER_LINEAR)
    grow = round(pen * px * 0.35)
    if grow > 0:
        out = cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow * 2 + 1, grow * 2 + 1)))
    return out.astype(np.float32) / 255


def signature(rng: np.random.Generator, name: str, max_width: float, max_height: float) -> Map:
    """A signature with its margins cut away, sampled at 1/300 inch."""
    pen = rng.uniform(0.35, 0.75)
    height = min(max_height, rng.uniform(10, 22))
    if rng.random() < 0.45:
        width = min(max_width, height * rng.uniform(1.6, 3.4))
        cover = free_signature(rng, width, height, pen)
    else:
        cover = bent_name(rng, name, min(height, max_width / len(name) / 1.1), pen)
    flow = np.clip(1 - rng.uniform(0.02, 0.12) * np.abs(noise(rng, cover.shape, 40)), 0.4, 1)
    cover = cover * flow
    small = cv2.resize(cover, (cover.shape[1] // SS, cover.shape[0] // SS), interpolation=cv2.INTER_AREA)
    rows, cols = np.nonzero(small > 0.3)
    if len(rows) == 0:
        return small
    m = 3
    top, left = max(0, rows.min() - m), max(0, cols.min() - m)
    small = small[top : rows.max() + m, left : cols.max() + m]
    limit = min(max_width * PX_MM / small.shape[1], max_height * PX_MM / small.shape[0], 1.0)
    if limit < 1:
        size = (max(8, math.floor(small.shape[1] * limit)), max(8, math.floor(small.shape[0] * limit)))
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.float32)


def pen_ink(rng: np.random.Generator) -> NDArray[np.float32]:
    """Transmission of a pen's ink: black, blue, blue-black, grey."""
    shade = rng.uniform(0.05, 0.35)
    kind = rng.random()
    if kind < 0.55:
        return np.full(3, shade, np.float32) * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    if kind < 0.85:
        return np.array([shade, shade * rng.uniform(1, 1.8), rng.uniform(0.4, 0.8)], np.float32)
    return np.array([shade, shade * 1.15, shade * rng.uniform(1.3, 1.9)], np.float32)


def running_hand(rng: np.random.Generator, width_mm: float, height_mm: float, pen: float) -> Map:
    """One or two long loops that run from left to right, with a few strokes across: a practised signature."""
    px = PX_MM * SS
    pad = round(2 * px)
    height, width = round(height_mm * px) + 2 * pad, round(width_mm * px) + 2 * pad
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        n = int(rng.integers(8, 26))
        t = np.linspace(0, 1, n)
        swing = rng.uniform(0.25, 0.5) * (1 - 0.5 * t * rng.random())
        x = pad + (width - 2 * pad) * np.clip(
            t + 0.11 * np.cos(np.arange(n) * rng.uniform(1.4, 3)) * rng.random(), 0, 1
        )
        y = height / 2 + (height - 2 * pad) * swing * np.sin(np.arange(n) * rng.uniform(1.6, 3.1) + rng.uniform(0, 6))
        stroke(rng, canvas, np.stack([x, y + rng.normal(0, 0.05, n) * height], 1).astype(np.float32), pen * px)
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.2, 0.8) * height
        d = rng.normal(0, 0.16, (3, 2)).cumsum(axis=0) * height
        stroke(rng, canvas, (np.array([x, y]) + d).clip(pad / 2, (width, height)).astype(np.float32), pen * px)
    return canvas.astype(np.float32) / 255


def any_signature(rng: np.random.Generator, name: str, max_width: float, max_height: float) -> Map:
    """A signature of any of the three kinds, with its margins cut away, sampled at 1/300 inch."""
    pen = float(rng.uniform(0.3, 1.0))
    kind = rng.random()
    if kind < 0.4:
        return signature(rng, name, max_width, max_height)
    if kind < 0.7:
        cover = running_hand(rng, max_width * rng.uniform(0.6, 1.0), max_height * rng.uniform(0.6, 1), pen)
    else:
        cover = free_signature(rng, max_width * rng.uniform(0.5, 1.0), max_height * rng.uniform(0.6, 1), pen)
    return trimmed(cover * np.clip(1 - rng.uniform(0.02, 0.2) * np.abs(noise(rng, cover.shape, 40)), 0.4, 1))


def trimmed(cover: Map) -> Map:
    """Sampled at 1/300 inch, its margins cut away."""
    small = cv2.resize(cover, (cover.shape[1] // SS, cover.shape[0] // SS), interpolation=cv2.INTER_AREA)
    rows, cols = np.nonzero(small > 0.3)
    if len(rows) == 0:
        return np.ascontiguousarray(small, np.float32)
    top, left = max(0, rows.min() - 3), max(0, cols.min() - 3)
    return np.ascontiguousarray(small[top : rows.max() + 3, left : cols.max() + 3], np.float32)


def worn(rng: np.random.Generator, cover: Map, share: float) -> Map:
    """1 where ``share`` of the mark is lost: beyond a line, in a wedge, a band or a blot, softly or sharply."""
    h, w = cover.shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = ((xx - w / 2) * np.cos(angle) / w + (yy - h / 2) * np.sin(angle) / h) * 2
    kind = rng.random()
    if kind < 0.45:
        level = along
    elif kind < 0.6:
        turn = np.angle(np.exp(1j * (np.arctan2(yy - h / 2, xx - w / 2) - angle)))
        level = -np.abs(turn)
    elif kind < 0.8:
        level = -np.abs(along - rng.uniform(-0.5, 0.5))
    else:
        x, y = rng.uniform(0.15, 0.85) * w, rng.uniform(0.15, 0.85) * h
        level = -np.hypot((xx - x) / min(w, h), (yy - y) / min(w, h)) + 0.1 * noise(rng, (h, w), 30)
    return beyond(level, cover, share, rng.uniform(30, 200))


def beyond(level: Map, cover: Map, share: float, steep: float) -> Map:
    """1 where ``level`` is above what all but ``share`` of the ink has; ``steep``: how sharply it begins."""
    inked = level[cover > 0.2]
    if inked.size == 0:
        return np.zeros_like(cover)
    spread = float(np.ptp(inked)) or 1.0
    return np.asarray(np.clip((level - float(np.quantile(inked, 1 - share))) / spread * steep + 0.5, 0, 1), np.float32)


def bitten(rng: np.random.Generator, cover: Map, share: float) -> Map:
    """Take ``share`` of the ink away: a segment at one side, a wedge, a band across, or a blot, softly or sharply."""
    return np.asarray(cover * (1 - worn(rng, cover, share) * rng.uniform(0.86, 1.0)), np.float32)


def dragged(rng: np.random.Generator, cover: Map, reach: float, angle: float) -> Map:
    """Wet ink pulled ``reach`` pixels along ``angle``: a trail that fades."""
    pad = round(reach) + 2
    big = cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    out, strength = big.copy(), rng.uniform(0.3, 0.75)
    for step in np.linspace(0.06, 1, 16):
        move = np.array([[1, 0, np.cos(angle) * step * reach], [0, 1, np.sin(angle) * step * reach]])
        trail = cv2.warpAffine(big, move, (big.shape[1], big.shape[0]))
        np.maximum(out, trail * strength * (1 - 0.6 * step), out=out)
    return out
