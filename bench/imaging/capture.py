"""How a page becomes a picture: a flat-bed scanner or a hand-held camera with their faults; the truth moves along."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.imaging.pages import Page
from bench.imaging.stamps import noise
from bench.imaging.words import PX_MM


@dataclass
class Picture:
    """Encoded bytes, their dpi (None for a photo) and the truth in this picture's pixels."""

    data: bytes
    dpi: int | None
    page: Page
    alpha: NDArray[np.uint8]
    origin: tuple[int, int]
    center: tuple[float, float]
    corners: NDArray[np.float64]
    size: tuple[int, int]


def _grain(rng: np.random.Generator, picture: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    wild = np.empty(picture.shape, np.int16)
    cv2.randn(wild, 0, sigma)
    return cv2.add(picture, wild, dtype=cv2.CV_8U)


def _jpeg(rng: np.random.Generator, picture: NDArray[np.uint8], dpi: int | None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(picture)
    facts = {"dpi": (dpi, dpi)} if dpi else {}
    if dpi and rng.random() < 0.08:
        image.save(out, "PNG", compress_level=1, **facts)
    else:
        image.save(out, "JPEG", quality=int(rng.integers(72, 96)), **facts)
    return out.getvalue()


def _truth(
    page: Page, move: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[float, float]]:
    """The ink's coverage in the picture's grid, its origin, and the centre."""
    h, w = page.alpha.shape
    x, y = page.origin
    corner = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]], np.float64)
    seen = cv2.perspectiveTransform(corner, move)[0]
    x0, y0 = np.maximum(np.floor(seen.min(0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(seen.max(0)).astype(int), size)
    shift = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], np.float64) @ move
    shift = shift @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
    solid = np.clip(page.alpha / max(0.05, page.facts.get("density", 1.0)), 0, 1)
    alpha = cv2.warpPerspective(solid, shift, (max(1, int(x1 - x0)), max(1, int(y1 - y0))), flags=cv2.INTER_LINEAR)
    c = np.array([[[page.center_mm[0] * PX_MM, page.center_mm[1] * PX_MM]]])
    center = cv2.perspectiveTransform(c, move)[0, 0]
    return (alpha * 255).astype(np.uint8), (int(x0), int(y0)), (float(center[0]), float(center[1]))


def scan(page: Page, seed: int, index: int) -> Picture:
    """A 300-dpi flat-bed scan: skewed, shifted, sometimes upside down or on its side."""
    rng = np.random.default_rng([seed, index, 9])
    h, w = page.colours.shape[:2]
    size = (w, h) if rng.random() < 0.7 else (2550, 3508)
    tilt = float(np.clip(rng.normal(0, 1.2), -5, 5))
    move = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), tilt, 1 + rng.normal(0, 0.0008)), [0, 0, 1]])
    move[:2, 2] += rng.normal(0, 8, 2)
    if page.cut is not None:
        move, size = _cut(page, move, size)
    bed = int(rng.choice([252, 240, 205, 40], p=[0.5, 0.25, 0.15, 0.1]))
    picture = cv2.warpPerspective(page.colours, move, size, flags=cv2.INTER_LINEAR, borderValue=(bed, bed, bed))
    sigma = float(np.hypot(rng.uniform(0.35, 0.75), page.blur_mm * PX_MM))
    picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if rng.random() < 0.7:
        for channel, amount in ((0, rng.normal(0, 0.25)), (2, rng.normal(0, 0.25))):
            slide = np.array([[1, 0, rng.normal(0, 0.08)], [0, 1, amount]])
            plane = cv2.warpAffine(picture[..., channel], slide, size, borderMode=cv2.BORDER_REPLICATE)
            picture[..., channel] = plane
    gamma = rng.uniform(0.88, 1.15)
    table = (np.linspace(0, 1, 256) ** gamma * rng.uniform(246, 255)).astype(np.uint8)
    picture = _grain(rng, cv2.LUT(picture, table), rng.uniform(0.8, 3.5))
    dpi = int(rng.choice([300, 200, 600], p=[0.86, 0.07, 0.07]))
    if dpi != 300:
        factor = dpi / 300
        size = (round(size[0] * factor), round(size[1] * factor))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
        half = (factor - 1) / 2
        move = np.array([[factor, 0, half], [0, factor, half], [0, 0, 1]]) @ move
    alpha, origin, center = _truth(page, move, size)
    turn = 0 if page.cut is not None else int(rng.choice([0, 2, 1, 3], p=[0.86, 0.08, 0.03, 0.03]))
    return _turned(rng, page, picture, alpha, origin, center, move, turn, dpi)


def _cut(page: Page, move: NDArray[np.float64], size: tuple[int, int]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Shift the page so that the wanted share of the seal's width falls off one side of the glass."""
    assert page.cut is not None
    side, share = page.cut
    rows, cols = np.nonzero(page.alpha > 0.1)
    box = np.array(
        [[[cols.min(), rows.min()], [cols.max(), rows.min()], [cols.max(), rows.max()], [cols.min(), rows.max()]]],
        np.float64,
    )
    seen = cv2.perspectiveTransform(box + np.array(page.origin), move)[0]
    low, high = seen.min(0), seen.max(0)
    w, h = size
    cut = low + share * (high - low)
    keep = high - share * (high - low)
    shift = np.eye(3)
    if side == "left":
        shift[0, 2], w = -cut[0], int(w - cut[0] * 0.5)
    elif side == "right":
        w = int(keep[0])
    elif side == "top":
        shift[1, 2], h = -cut[1], int(h - cut[1] * 0.5)
    else:
        h = int(keep[1])
    return shift @ move, (w, h)


def _turned(
    rng: np.random.Generator,
    page: Page,
    picture: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    origin: tuple[int, int],
    center: tuple[float, float],
    move: NDArray[np.float64],
    turn: int,
    dpi: int,
) -> Picture:
    h, w = picture.shape[:2]
    corners = np.array([[[0, 0], [210 * PX_MM, 0], [210 * PX_MM, 297 * PX_MM], [0, 297 * PX_MM]]])
    seen = cv2.perspectiveTransform(corners, move)[0]
    for _ in range(turn):
        picture, alpha = np.rot90(picture, -1), np.rot90(alpha, -1)
        x, y = origin
        origin = (h - y - alpha.shape[1], x)
        center = (h - 1 - center[1], center[0])
        seen = np.stack([h - 1 - seen[:, 1], seen[:, 0]], 1)
        h, w = w, h
    data = _jpeg(rng, np.ascontiguousarray(picture), dpi)
    return Picture(data, dpi, page, np.ascontiguousarray(alpha), origin, center, seen, (w, h))


def photo(page: Page, seed: int, index: int) -> Picture:
    """A 13-MP photo from a hand: perspective, shadow, uneven light, a desk around the sheet."""
    rng = np.random.default_rng([seed, index, 8])
    size = (3120, 4160)
    ph, pw = page.colours.shape[:2]
    fill = rng.uniform(0.86, 0.97)
    half = np.array([size[0] / 2 * fill, size[0] / 2 * fill * 297 / 210])
    half *= min(1.0, size[1] * 0.485 / half[1])
    base = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    angle = np.radians(rng.normal(0, 2))
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strength = 0.02 if not page.hard else 0.035
    quad = (base * (1 - np.abs(rng.normal(0, strength, (4, 2))).clip(0, 0.09))) @ spin.T * 0.98 + np.array(size) / 2
    move = cv2.getPerspectiveTransform(
        np.array([[0, 0], [pw, 0], [pw, ph], [0, ph]], np.float32), quad.astype(np.float32)
    )
    desk = np.array([rng.uniform(40, 150), rng.uniform(30, 120), rng.uniform(20, 110)])
    grainy = cv2.resize(noise(rng, (208, 156), 3), size) * rng.uniform(2, 9)
    picture = np.clip(desk + grainy[..., None], 0, 255).astype(np.uint8)
    cv2.warpPerspective(page.colours, move, size, picture, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    px = float(np.linalg.norm(quad[1] - quad[0])) / 210
    light = 1 - 0.18 * cv2.resize(np.abs(noise(rng, (52, 39), 30)), size)
    if rng.random() < 0.5:
        ramp = np.add.outer(np.linspace(0, rng.normal(0, 0.3), size[1]), np.linspace(0, rng.normal(0, 0.3), size[0]))
        edge = np.clip((ramp - ramp.mean()) * rng.uniform(5, 30), 0, 1)
        light = light * (1 - rng.uniform(0.1, 0.35) * edge)
    warm = np.array([1.0, rng.uniform(0.94, 1.0), rng.uniform(0.86, 1.0)]) * rng.uniform(0.72, 0.98)
    picture = np.clip(picture * light[..., None].astype(np.float32) * warm.astype(np.float32), 0, 255).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), float(np.hypot(rng.uniform(0.4, 0.9), page.blur_mm * px)))
    picture = _grain(rng, picture, rng.uniform(1.5, 5))
    if page.cut is not None:
        moved, size = _cut(page, move, size)
        slide = np.rint((moved @ np.linalg.inv(move))[:2, 2] / (moved @ np.linalg.inv(move))[2, 2]).astype(int)
        x, y = -slide
        picture = np.ascontiguousarray(picture[y : y + size[1], x : x + size[0]])
        size = (picture.shape[1], picture.shape[0])
        move = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]]) @ move
        quad = quad - (x, y)
    alpha, origin, center = _truth(page, move, size)
    data = _jpeg(rng, picture, None)
    return Picture(data, None, page, alpha, origin, center, quad, size)
