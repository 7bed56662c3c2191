"""Paper and what lies on it besides the mark: tint, print, watermark, stains, filled fields, other seals."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import forms, hand, stamps
from bench.imaging.words import PX_MM, person, pick, some_font, unit_name


def red_ink(rng: np.random.Generator) -> NDArray[np.float32]:
    """Transmission of solid red ink for R, G, B: vermilion to crimson."""
    return np.array([rng.uniform(0.76, 0.95), rng.uniform(0.08, 0.3), rng.uniform(0.08, 0.34)], np.float32)


def lay(page: NDArray[np.uint8], cover: stamps.Map, x: int, y: int, ink: NDArray[np.float32]) -> None:
    """Multiply ink onto the page with the map's top left at (x, y); what lies outside is lost."""
    h, w = page.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(w, x + cover.shape[1]), min(h, y + cover.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = cover[y0 - y : y1 - y, x0 - x : x1 - x, None]
    patch = page[y0:y1, x0:x1].astype(np.float32)
    page[y0:y1, x0:x1] = np.clip(patch * (1 - part * (1 - ink)), 0, 255).astype(np.uint8)


def paper(rng: np.random.Generator, cover: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paper tint, its print in near-black, a watermark, stains, a crease."""
    tint = np.array([250, 250, 250], np.float32) - rng.uniform(0, [10, 12, 22])
    if rng.random() < 0.15:
        tint -= rng.uniform(0, [8, 14, 40])
    ink = rng.uniform(0.05, 0.32)
    light = np.ones(cover.shape, np.float32)
    h, w = cover.shape
    if rng.random() < 0.25:
        spot = stamps.noise(rng, (h // 8, w // 8), 40)
        light *= 1 - cv2.resize(np.clip(spot - 1.4, 0, 1), (w, h)) * rng.uniform(0.03, 0.1)
    if rng.random() < 0.25:
        at, slope = rng.uniform(0.1, 0.9), rng.normal(0, 0.02)
        yy = np.arange(h, dtype=np.float32)[:, None] - (at * h + slope * np.arange(w, dtype=np.float32)[None])
        light *= 1 - rng.uniform(0.03, 0.13) * np.exp(-((yy / rng.uniform(1.5, 5)) ** 2))
    page = tint * (light * (1 - cover.astype(np.float32) / 255 * (1 - ink)))[..., None]
    return np.clip(page, 0, 255).astype(np.uint8)


def watermark(rng: np.random.Generator, page: NDArray[np.uint8]) -> None:
    cover = np.zeros(page.shape[:2], np.float32)
    tile = np.zeros((220, 1100), np.uint8)
    image = Image.fromarray(tile)
    ImageDraw.Draw(image).text((10, 40), "数字证书专用", font=some_font(rng, "print", 150), fill=255)
    turn = cv2.getRotationMatrix2D((550, 110), 30, 1)
    turn[:, 2] += (0, 300)
    tilted = cv2.warpAffine(np.asarray(image), turn, (1100, 800)).astype(np.float32) / 255
    for y in range(100, page.shape[0] - 800, 1000):
        for x in range(100, page.shape[1] - 1100, 1200):
            cover[y : y + 800, x : x + 1100] = tilted
    shade = rng.uniform(0.03, 0.1)
    page[:] = (page * (1 - shade * cover[..., None])).astype(np.uint8)


def faint_words(rng: np.random.Generator, page: NDArray[np.uint8]) -> None:
    """Pale slanting words across a window, as of a watermark."""
    h, w = page.shape[:2]
    image = Image.new("L", (w, h), 0)
    size = float(rng.uniform(60, 200))
    ImageDraw.Draw(image).text(
        (rng.uniform(-0.3, 0.3) * w, h / 2 - size / 2), "数字证书专用", font=some_font(rng, "print", size), fill=255
    )
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), float(rng.uniform(-50, 50)), 1)
    cover = cv2.warpAffine(np.asarray(image), turn, (w, h)).astype(np.float32) / 255
    page[:] = (page * (1 - rng.uniform(0.03, 0.12) * cover[..., None])).astype(np.uint8)


def fill(rng: np.random.Generator, page: NDArray[np.uint8], form: forms.Form) -> None:
    """Fields filled in by hand or printer, a signature below, a second seal, a thumb print, a stray stroke."""
    blue = np.array([0.15, 0.2, 0.6], np.float32) if rng.random() < 0.4 else np.full(3, 0.15, np.float32)
    for x0, y0, x1, y1 in form.blanks:
        if rng.random() < 0.75:
            word = str(pick(rng, [person(rng), "430181196703240516", "13800001234", "湖南省长沙市"]))
            cover = hand.bent_name(rng, word, min(5.0, y1 - y0 - 1.5), 0.1)
            scale = min(0.5, (x1 - x0) * PX_MM / cover.shape[1], (y1 - y0) * PX_MM / cover.shape[0])
            cover = cv2.resize(cover, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            lay(page, cover, round(x0 * PX_MM), round(y0 * PX_MM), blue)
    for x, y in form.stamp_places:
        chance = rng.random()
        if chance < 0.35:
            cover = stamps.inked(rng, stamps.round_seal(rng, float(rng.uniform(38, 45)), unit_name(rng)), 0.1, 0)
        elif chance < 0.45:
            cover = stamps.inked(rng, stamps.thumb(rng), 0.1, 0)
        elif chance < 0.6:
            cover = hand.signature(rng, person(rng), 30, 9)
            lay(page, cover, round(x * PX_MM), round((y - 6) * PX_MM), blue)
            continue
        else:
            continue
        clear = (form.box[3] + 2) * PX_MM + cover.shape[0] / 2
        top = max(clear, y * PX_MM) - cover.shape[0] / 2
        lay(page, cover, round(x * PX_MM - cover.shape[1] / 2), round(top), red_ink(rng))
