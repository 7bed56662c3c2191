"""Seals as coverage maps: round company seals, oval and square ones, name seals, thumb prints, uneven ink."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging.words import PX_MM, some_font

Map = NDArray[np.float32]
SS = 2
LOWER = ["合同专用章", "财务专用章", "投标专用章", "", "", "", "", ""]


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Map:
    """Smooth noise of mean 0 and deviation 1 whose lumps are about ``grain`` pixels wide."""
    rows, cols = (max(3, int(side / grain) + 2) for side in shape)
    small = rng.standard_normal((rows, cols)).astype(np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _glyph(char: str, font: object, squeeze: float) -> NDArray[np.uint8]:
    left, top, right, bottom = font.getbbox(char)  # type: ignore[attr-defined]
    tile = Image.new("L", (right - left + 6, bottom - top + 6), 0)
    ImageDraw.Draw(tile).text((3 - left, 3 - top), char, font=font, fill=255)
    return np.asarray(tile.resize((max(4, round(tile.width * squeeze)), tile.height)))


def _put(canvas: NDArray[np.uint8], tile: NDArray[np.uint8], x: float, y: float, degrees: float) -> None:
    """Lay a glyph, turned by ``degrees``, with its middle on (x, y)."""
    height, width = tile.shape
    side = math.ceil(math.hypot(height, width)) + 2
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turn[:, 2] += (side / 2 - width / 2 + (x - side / 2) % 1, side / 2 - height / 2 + (y - side / 2) % 1)
    turned = cv2.warpAffine(tile, turn, (side, side), flags=cv2.INTER_LINEAR)
    x0, y0 = math.floor(x - side / 2), math.floor(y - side / 2)
    sx, sy = max(0, -x0), max(0, -y0)
    target = canvas[y0 + sy : y0 + side, x0 + sx : x0 + side]
    np.maximum(target, turned[sy : sy + target.shape[0], sx : sx + target.shape[1]], out=target)


def _star(canvas: NDArray[np.uint8], middle: float, radius: float) -> None:
    points = []
    for k in range(10):
        r = radius if k % 2 == 0 else radius * 0.382
        a = -math.pi / 2 + k * math.pi / 5
        points.append((middle + r * math.cos(a), middle + r * math.sin(a)))
    cv2.fillPoly(canvas, [np.round(np.array(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)


def round_seal(rng: np.random.Generator, diameter: float, name: str, aspect: float = 1.0) -> Map:
    """Coverage of a company seal of ``diameter`` mm (its outer edge); ``aspect`` < 1 makes it oval."""
    px = PX_MM * SS
    size = SS * round((diameter + 2) * px / SS)
    middle, radius = (size - 1) / 2, diameter / 2 * px
    ring = rng.uniform(0.8, 1.4) * px
    centre = (round(middle * 16), round(middle * 16))
    axis = np.arange(size, dtype=np.float32) - middle
    far = np.hypot(axis[None], axis[:, None])
    canvas = (np.clip(radius - far + 0.5, 0, 1) * np.clip(far - radius + ring + 0.5, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.15:
        cv2.circle(canvas, centre, round((radius - ring * 1.9) * 16), 255, round(0.2 * px), cv2.LINE_AA, 4)
    if rng.random() < 0.93:
        _star(canvas, middle, radius * rng.uniform(0.24, 0.36))
    _arc(rng, canvas, middle, radius - ring, name)
    lower = str(LOWER[int(rng.integers(len(LOWER)))])
    if lower:
        font = some_font(rng, "seal", radius * 0.19)
        for k, char in enumerate(lower):
            x = middle + (k - (len(lower) - 1) / 2) * radius * 0.2
            _put(canvas, _glyph(char, font, 0.9), x, middle + radius * 0.52, 0)
    if rng.random() < 0.6:
        _number(rng, canvas, middle, radius - ring)
    out = canvas.astype(np.float32) / 255
    if aspect < 1:
        short = cv2.resize(out, (size, round(size * aspect)), interpolation=cv2.INTER_AREA)
        out = np.zeros_like(out)
        top = (size - short.shape[0]) // 2
        out[top : top + short.shape[0]] = short
    return out


def _arc(rng: np.random.Generator, canvas: NDArray[np.uint8], middle: float, inner: float, name: str) -> None:
    height = inner * rng.uniform(0.22, 0.29)
    font = some_font(rng, "seal", height)
    sweep = min(250.0, len(name) * rng.uniform(15, 19))
    gap = inner * rng.uniform(0.05, 0.09)
    at = inner - gap - height / 2
    step = sweep / max(1, len(name) - 1)
    squeeze = min(1.0, 0.92 * math.radians(step) * at / height)
    for k, char in enumerate(name):
        angle = -90 - sweep / 2 + k * step
        x, y = (middle + at * f(math.radians(angle)) for f in (math.cos, math.sin))
        _put(canvas, _glyph(char, font, squeeze), x, y, angle + 90)


def _number(rng: np.random.Generator, canvas: NDArray[np.uint8], middle: float, inner: float) -> None:
    digits = "43" + "".join(str(d) for d in rng.integers(0, 10, 11))
    font = some_font(rng, "print", inner * 0.085)
    at = inner - inner * 0.085
    for k, char in enumerate(digits):
        angle = 90 + (len(digits) - 1) * 1.9 - k * 3.8
        x, y = (middle + at * f(math.radians(angle)) for f in (math.cos, math.sin))
        _put(canvas, _glyph(char, font, 0.9), x, y, angle - 90)


def square_seal(rng: np.random.Generator, side: float, name: str, px: float = PX_MM * SS, slim: float = 1.0) -> Map:
    """Coverage of a square seal of ``side`` mm with its characters in two columns; ``slim`` < 1 makes it a tall or
    wide rectangle whose short side is so much of the long one."""
    size = SS * round((side + 2) * px / SS)
    edge = round(px)
    short = SS * round((size - 2 * edge) * slim / SS) + 2 * edge
    wide, high = (short, size) if slim == 1 or rng.random() < 0.6 else (size, short)
    canvas = np.zeros((high, wide), np.uint8)
    cv2.rectangle(canvas, (edge, edge), (wide - edge, high - edge), 255, -1)
    rule = round(max(0.6, side * 0.045) * px)
    cv2.rectangle(canvas, (edge + rule, edge + rule), (wide - edge - rule, high - edge - rule), 0, -1)
    chars = (name + "之印章")[:4] if len(name) < 4 else name[:9]
    cols = 2 if len(chars) <= 4 else 3
    if slim < 0.6:
        chars, cols = name[:4], 1 if high > wide else len(name[:4])
    rows = -(-len(chars) // cols)
    room = ((wide - 2 * edge - 2 * rule) / cols, (high - 2 * edge - 2 * rule) / rows)
    font = some_font(rng, "seal", min(room) * 0.86)
    for k, char in enumerate(chars):
        x = wide - edge - rule - (k // rows + 0.5) * room[0]
        y = edge + rule + (k % rows + 0.5) * room[1]
        _put(canvas, _glyph(char, font, min(1.6, room[0] / room[1]) if slim > 0.6 else 1.0), x, y, 0)
    if side < 25 and rng.random() < 0.25:
        inside = canvas[edge : high - edge, edge : wide - edge]
        inside[rule:-rule, rule:-rule] = 255 - inside[rule:-rule, rule:-rule]
    return canvas.astype(np.float32) / 255


def thumb(rng: np.random.Generator) -> Map:
    """A red thumb print of about 14 x 20 mm."""
    px = PX_MM * SS
    height, width = round(rng.uniform(17, 23) * px), round(rng.uniform(12, 16) * px)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = noise(rng, (height, width), 60) * 6
    r = np.hypot((xx - width / 2) * 1.2, yy - height * 0.45) + wave
    ridges = 0.5 + 0.5 * np.sin(r * 2 * math.pi / (0.55 * px))
    inside = ((xx / width - 0.5) ** 2 + (yy / height - 0.5) ** 2 < 0.23).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), px * 0.4)
    return (np.clip(ridges * 1.6 - 0.3, 0, 1) * inside).astype(np.float32)


def inked(rng: np.random.Generator, cover: Map, unevenness: float, pinholes: float) -> Map:
    """Ink on paper: ragged edges, patches of more and less ink, pin holes, then one sample per 1/300 inch."""
    shape = cover.shape
    rough = rng.uniform(0.3, 1.1)
    yy, xx = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    xx += noise(rng, shape, 5) * rough
    yy += noise(rng, shape, 5) * rough
    out = cv2.remap(cover, xx, yy, cv2.INTER_LINEAR)
    patches = np.clip(1 - unevenness * np.abs(noise(rng, shape, rng.uniform(60, 200))), 0.35, 1)
    out = out * patches
    if pinholes > 0:
        out *= 1 - np.clip((noise(rng, shape, rng.uniform(3, 6)) - 3.2 + pinholes) * 2, 0, 1) * 0.8
    small = (round(shape[1] / SS), round(shape[0] / SS))
    return np.clip(cv2.resize(out, small, interpolation=cv2.INTER_AREA), 0, 1)
