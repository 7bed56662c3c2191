"""Windows of a personal form's box, 300 dpi, with what every pixel is: the network's training material.

Drawn apart from ``bench.imaging.pages``: other layouts, other gaps, other faults; only the seals' and the signatures'
drawing is shared.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import hand, paper, stamps
from bench.imaging.forms import HINTS, SIGN_HINTS
from bench.imaging.words import PX_MM, person, pick, some_font, unit_name
from kiosk.imaging import optics

WIDE, HIGH = 736, 448  # pixels at 300 dpi; half of it at the working frame's 150 dpi
MAPS = ("own", "print", "rule", "smeared", "missing")
PHRASES = [*HINTS, *SIGN_HINTS, "签名：", "（签字或盖章）", "盖章处", "申请人签字：", "2024年6月18日", "仅用于电子签章",
           "个人签名收集", "请勿超出边框", "日期：    年   月   日", "No. 0023514",
           "Signature / 签名", "法定代表人（签章）"]  # fmt: skip


@dataclass
class Scene:
    """``ink``: absorption per channel at 150 dpi; ``maps``: MAPS at 75 dpi, 0..255."""

    ink: NDArray[np.uint8]
    maps: NDArray[np.uint8]


def _marks(rng: np.random.Generator) -> tuple[stamps.Map, NDArray[np.float32]]:
    """A signature or name seal and its ink."""
    if rng.random() < 0.3:
        plate = stamps.square_seal(
            rng, float(rng.uniform(12, 26)), person(rng) if rng.random() < 0.8 else unit_name(rng)
        )
        if rng.random() < 0.2:
            h, w = plate.shape
            plate = cv2.resize(plate, (round(w * rng.uniform(0.6, 1.0)), h), interpolation=cv2.INTER_AREA)
        cover = stamps.inked(rng, plate, rng.uniform(0.02, 0.2), rng.uniform(0, 0.9) if rng.random() < 0.5 else 0.0)
        ink = paper.red_ink(rng)
        if rng.random() < 0.12:
            ink = np.array([rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.8)], np.float32)
    else:
        cover = hand.any_signature(rng, person(rng), float(rng.uniform(28, 60)), float(rng.uniform(9, 26)))
        ink = hand.pen_ink(rng)
    if rng.random() < 0.5:
        cover = _turned(cover, float(rng.normal(0, 5)))
    return np.ascontiguousarray(cover, np.float32), ink


def _turned(cover: stamps.Map, degrees: float) -> stamps.Map:
    h, w = cover.shape
    pad = round(abs(degrees) / 57 * max(h, w) / 2) + 2
    big = cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    turn = cv2.getRotationMatrix2D((big.shape[1] / 2, big.shape[0] / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(big, turn, (big.shape[1], big.shape[0])), np.float32)


def _print(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Print and rules of the window, as two coverage layers."""
    text, rules = Image.new("L", (WIDE, HIGH), 0), Image.new("L", (WIDE, HIGH), 0)
    draw, ruler = ImageDraw.Draw(text), ImageDraw.Draw(rules)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.25, 0.4, 0.25, 0.1]))):
        size = float(rng.uniform(2.5, 5.0))
        font = some_font(rng, "print" if rng.random() < 0.85 else "hand", size * PX_MM)
        words = str(pick(rng, PHRASES)) if rng.random() < 0.8 else person(rng) + unit_name(rng)
        x, y = rng.uniform(-0.5, 0.8) * WIDE, rng.uniform(-0.03, 1.0) * HIGH
        for k in range(int(rng.integers(1, 3))):
            spaced = words if rng.random() < 0.9 else " ".join(words)
            draw.text((x, y + k * size * 1.35 * PX_MM), spaced[k * 9 :], font=font, fill=255)
    width = max(2, round(rng.uniform(0.15, 0.6) * PX_MM))
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))):
        tilt = rng.normal(0, 3)
        a, b = (-9, WIDE + 9) if rng.random() < 0.7 else sorted(rng.uniform(0, WIDE, 2))
        if rng.random() < 0.75:
            y = rng.uniform(0, HIGH)
            _rule(rng, ruler, (a, y - tilt, b, y + tilt), width)
        else:
            x = rng.uniform(0, WIDE)
            ruler.line((x - tilt, -9, x + tilt, HIGH + 9), fill=255, width=width)
    return np.asarray(text), np.asarray(rules)


def _rule(rng: np.random.Generator, ruler: ImageDraw.ImageDraw, ends: tuple[float, ...], width: int) -> None:
    x0, y0, x1, y1 = ends
    if rng.random() < 0.85:
        ruler.line(ends, fill=255, width=width)
        return
    step, part = rng.uniform(14, 40), rng.uniform(0.3, 0.7)
    for x in np.arange(x0, x1, step):
        y = y0 + (y1 - y0) * (x - x0) / max(1.0, x1 - x0)
        ruler.line((x, y, x + step * part, y), fill=255, width=width)


def _spoiled(rng: np.random.Generator, cover: stamps.Map) -> tuple[stamps.Map, stamps.Map, bool]:
    """The mark after it may have been struck twice, dragged or torn; what is missing of it; whether it is smeared."""
    chance = rng.random()
    if chance < 0.2:
        twice = _twice(rng, cover)
        return twice, np.zeros_like(twice), True
    if chance < 0.38:
        torn = hand.bitten(rng, cover, float(rng.uniform(0.1, 0.45)))
        return torn, np.clip(cover - torn, 0, 1), False
    return cover, np.zeros_like(cover), False


def _twice(rng: np.random.Generator, cover: stamps.Map) -> stamps.Map:
    """Struck twice, a little apart and a little turned, or dragged."""
    shift, angle = rng.uniform(0.6, 4.2) * PX_MM, rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.2:
        return hand.dragged(rng, cover, shift, angle)
    pad = round(shift) + 2
    big = cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    move = cv2.getRotationMatrix2D((big.shape[1] / 2, big.shape[0] / 2), float(rng.normal(0, 0.8)), 1)
    move[:, 2] += shift * np.array([np.cos(angle), np.sin(angle)])
    ghost = cv2.warpAffine(big, move, (big.shape[1], big.shape[0])) * rng.uniform(0.3, 1.0)
    return np.asarray(np.maximum(big, ghost), np.float32)


def scene(seed: int, index: int) -> Scene:
    """Scene ``index`` of a seed; the same arguments always give the same scene."""
    rng = np.random.default_rng([seed, index, 77])
    text, rules = _print(rng)
    strength = rng.uniform(0.5, 1.0) if rng.random() < 0.4 else 1.0
    page = paper.paper(rng, np.maximum(text, rules))
    if strength < 1:
        blank = paper.paper(rng, np.zeros_like(text))
        page = cv2.addWeighted(page, strength, blank, 1 - strength, 0)
    if rng.random() < 0.15:
        paper.faint_words(rng, page)
    own = np.zeros((HIGH, WIDE), np.float32)
    smeared, missing = own.copy(), own.copy()
    for _ in range(int(rng.choice([0, 1, 2], p=[0.18, 0.7, 0.12]))):
        cover, ink = _marks(rng)
        cover, gone, twice = _spoiled(rng, cover)
        density = rng.uniform(0.15, 0.45) if rng.random() < 0.2 else rng.uniform(0.55, 1.0)
        x = round(rng.uniform(-0.25, 0.9) * WIDE - 0.3 * cover.shape[1])
        y = round(rng.uniform(-0.1, 0.9) * HIGH - 0.3 * cover.shape[0])
        paper.lay(page, cover * density, x, y, ink)
        for layer, part in ((own, cover), (smeared, cover * twice), (missing, gone)):
            _put(layer, part, x, y)
    return _seen(rng, page, np.stack([own, text / 255.0, rules / 255.0, smeared, missing], 2).astype(np.float32))


def _put(layer: stamps.Map, part: stamps.Map, x: int, y: int) -> None:
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(layer.shape[1], x + part.shape[1]), min(layer.shape[0], y + part.shape[0])
    if x0 < x1 and y0 < y1:
        view = layer[y0:y1, x0:x1]
        np.maximum(view, part[y0 - y : y1 - y, x0 - x : x1 - x], out=view)


def _seen(rng: np.random.Generator, page: NDArray[np.uint8], maps: stamps.Map) -> Scene:
    """The scene as a scanner or camera gives it, and its truth."""
    scale, angle = float(rng.normal(1, 0.03)), float(rng.normal(0, 0.4))
    if rng.random() < 0.15:
        angle += 180
    move = cv2.getRotationMatrix2D((WIDE / 2, HIGH / 2), angle, scale)
    page = cv2.warpAffine(page, move, (WIDE, HIGH), borderMode=cv2.BORDER_REFLECT_101)
    maps = cv2.warpAffine(maps, move, (WIDE, HIGH), borderMode=cv2.BORDER_REFLECT_101)
    sigma = rng.uniform(0.1, 0.6) * PX_MM if rng.random() < 0.15 else rng.uniform(0.2, 1.3)
    page = cv2.GaussianBlur(page, (0, 0), float(sigma))
    shade = 1 - rng.uniform(0, 0.25) * cv2.resize(rng.random((2, 2), np.float32), (WIDE, HIGH))
    gamma = rng.uniform(0.85, 1.2)
    light = 255 * (page.astype(np.float32) / 255 * shade[..., None]) ** gamma * rng.uniform(0.7, 1.0)
    grain = rng.standard_normal(page.shape, np.float32) * rng.uniform(0.5, 5)
    page = np.clip(light + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        small = cv2.resize(page, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA)
        page = cv2.resize(small, (WIDE, HIGH), interpolation=cv2.INTER_LINEAR)
    packed = io.BytesIO()
    Image.fromarray(page).save(packed, "JPEG", quality=int(rng.integers(55, 97)))
    with Image.open(packed) as image:
        page = np.asarray(image)
    half = cv2.resize(page, (WIDE // 2, HIGH // 2), interpolation=cv2.INTER_AREA)
    ink = optics.absorption(half, optics.paper(half, 8))
    told = cv2.resize(maps, (WIDE // 4, HIGH // 4), interpolation=cv2.INTER_AREA)
    return Scene(ink, np.clip(told * 255, 0, 255).astype(np.uint8))
