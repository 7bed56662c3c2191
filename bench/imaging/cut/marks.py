"""Signatures cut off along a line, and others that are not: small scanned pieces of paper, with where the cut lies.

Drawn apart from ``bench.imaging.pages``: no form, no page; only the hands and what spoils them are shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import hand, paper, spoil
from bench.imaging.pages import GAPS
from bench.imaging.stamps import Map
from bench.imaging.words import PX_MM, person, some_font
from kiosk.imaging import optics

#: What is drawn, and how often. Only ``cut`` ones are cut; ``named`` is a name in a type like handwriting.
KINDS = {"cut": 0.42, "good": 0.31, "named": 0.13, "smeared": 0.06, "blurred": 0.04, "faint": 0.04}
AROUND = 2.0  # mm of paper about the mark, as the product looks at it
MORE = 4.0  # mm, while it is drawn

Cut = tuple[float, float, float]


@dataclass(frozen=True)
class Mark:
    """``strong``: absorbed light at 300 dpi, ``solid``: the ink's; ``cuts``: unit vector towards the ink and offset."""

    kind: str
    hard: bool
    strong: NDArray[np.uint8]
    solid: float
    cuts: list[Cut]


def mark(seed: int, index: int) -> Mark:
    """Mark number ``index`` of a seed; the same arguments always give the same one."""
    rng = np.random.default_rng([seed, index])
    hard = index % 2 == 1
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    name, ink = person(rng), hand.pen_ink(rng)
    typed = kind == "named" or (kind == "cut" and rng.random() < 0.06)
    cover = _typed(rng, name) if typed else hand.any_signature(rng, name, 60, 18)
    density = spoil.density(float(rng.uniform(*GAPS[hard]["density"][0])), ink, kind == "faint", hard)
    cuts: list[Cut] = []
    if kind == "cut":
        cover, cuts = _cut(rng, cover, hard)
    elif kind == "smeared":
        cover = spoil.twice(rng, cover, float(rng.uniform(0.64, 3.2)), hard)
    elif kind == "blurred":
        cover = cv2.GaussianBlur(cv2.copyMakeBorder(cover, 6, 6, 6, 6, cv2.BORDER_CONSTANT), (0, 0), rng.uniform(1, 3))
    strong, solid = _absorbed(_scanned(rng, cover * density, ink))
    keep = round((MORE - AROUND) * PX_MM)
    strong = np.ascontiguousarray(strong[keep:-keep, keep:-keep])
    moved = [(x, y, off + (x + y) * round(AROUND * PX_MM)) for x, y, off in cuts]
    return Mark(kind if cuts or kind != "cut" else "good", hard, strong, solid, moved)


def _typed(rng: np.random.Generator, name: str) -> Map:
    size = float(rng.uniform(12, 20))
    font = some_font(rng, "hand", size * PX_MM)
    image = Image.new("L", (round(size * PX_MM * len(name) * 1.1) + 80, round(size * PX_MM * 1.6)), 0)
    draw, x, close = ImageDraw.Draw(image), 40.0, float(rng.uniform(0.8, 1.0))
    heavy = int(rng.integers(0, 3)) if rng.random() < 0.5 else 0
    for char in name:
        draw.text((x, 20 + rng.uniform(-0.08, 0.08) * size * PX_MM), char, font=font, fill=255, stroke_width=heavy)
        x += font.getlength(char) * close
    image = image.rotate(rng.uniform(-6, 6), resample=Image.Resampling.BICUBIC, expand=True)
    image = image.crop(image.getbbox())
    image.thumbnail((62 * PX_MM, 40 * PX_MM))
    return cv2.GaussianBlur(np.asarray(image).astype(np.float32) / 255, (0, 0), float(rng.uniform(0.3, 1.0)))


def _cut(rng: np.random.Generator, cover: Map, hard: bool) -> tuple[Map, list[Cut]]:
    """Cut as ``spoil`` cuts, and where; whole if no cut shows."""
    gone = spoil.clean_cut(rng, cover, max(float(rng.uniform(*GAPS[hard]["missing"][1])), 0.15), hard)
    return (cover, []) if gone is None else (np.asarray(cover * (1 - gone), np.float32), _lines(gone))


def _lines(gone: Map) -> list[Cut]:
    """The straight edges of the loss, one for each part of the paper beside it."""
    lost = (gone > 0.5).astype(np.uint8)
    rim = cv2.dilate(lost, np.ones((3, 3), np.uint8)) - lost
    count, parts = cv2.connectedComponents(1 - lost)
    out = []
    for k in range(1, count):
        rows, cols = np.nonzero((rim > 0) & (parts == k))
        if len(rows) < 20:
            continue
        points = np.stack([cols, rows], 1).astype(np.float64)
        middle = points.mean(axis=0)
        across = np.linalg.svd(points - middle, full_matrices=False)[2][1]
        inked = np.argwhere(parts == k)[:, ::-1].mean(axis=0)
        across = across if (inked - middle) @ across > 0 else -across
        out.append((float(across[0]), float(across[1]), float(middle @ across)))
    return out


def _scanned(rng: np.random.Generator, cover: Map, ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The mark on tinted paper with MORE mm around it, often beside the rules of its box, scanned and straightened."""
    high, wide = cover.shape
    edge = round(MORE * PX_MM)
    tint = np.array([250, 250, 250], np.float32) - rng.uniform(0, [10, 12, 22])
    tint = tint - rng.uniform(0, [8, 14, 40]) if rng.random() < 0.15 else tint
    page = np.broadcast_to(tint, (high + 2 * edge, wide + 2 * edge, 3)).astype(np.uint8)
    paper.lay(page, cover, edge, edge, ink)
    if rng.random() < 0.4:
        paper.lay(page, _rules(rng, (page.shape[0], page.shape[1])), 0, 0, np.full(3, 0.15, np.float32))
    size, tilt = (page.shape[1], page.shape[0]), float(rng.normal(0, 1.2))
    page = _turned(rng, page, size, tilt)
    page = cv2.GaussianBlur(page, (0, 0), float(rng.uniform(0.35, 0.75)))
    table = (np.linspace(0, 1, 256) ** rng.uniform(0.88, 1.15) * rng.uniform(246, 255)).astype(np.uint8)
    grain = np.empty(page.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    cv2.randn(grain, 0, rng.uniform(0.8, 3.5))
    page = cv2.add(cv2.LUT(page, table), grain, dtype=cv2.CV_8U)
    packed = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(72, 96))])[1]
    return _turned(rng, cv2.imdecode(packed, cv2.IMREAD_COLOR), size, -tilt)


def _turned(
    rng: np.random.Generator, page: NDArray[np.uint8], size: tuple[int, int], degrees: float
) -> NDArray[np.uint8]:
    move = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1)
    move[:, 2] += rng.uniform(-0.5, 0.5, 2)
    return np.asarray(cv2.warpAffine(page, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _rules(rng: np.random.Generator, shape: tuple[int, int]) -> Map:
    """Sides of a box 0.7 to 2.2 mm from the mark."""
    out = np.zeros(shape, np.float32)
    (high, wide), broad = shape, max(2, round(rng.uniform(0.2, 0.5) * PX_MM))
    for side in range(4):
        if rng.random() < 0.35:
            at, slope = (MORE - rng.uniform(0.7, 2.2)) * PX_MM, rng.normal(0, 4)
            ends = [(0.0, at - slope), (float(wide), at + slope)] if side < 2 else [(at, 0.0), (at + slope / 4, high)]
            far = np.array([0, high]) if side < 2 else np.array([wide, 0])
            points = [np.abs(far - np.array(end)) if side % 2 else np.array(end) for end in ends]
            one, other = (tuple(int(v) for v in point) for point in points)
            cv2.line(out, one, other, 1.0, broad, cv2.LINE_AA)
    return out


def _absorbed(page: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    strong = optics.absorption(page, optics.paper(page, 12, 9)).max(axis=2)
    inked = strong[strong > 40]
    return strong, float(np.percentile(inked, 80)) if inked.size > 50 else 0.0
