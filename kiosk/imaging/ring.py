"""The words on a company seal's ring: unrolled into a straight strip, and compared with the unit's name."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
from PIL import Image

from kiosk.imaging.pictures import Pixels

PAD_MM = 0.8
OUTER, INNER = 0.955, 0.6
FEWEST = 5  # letters of a name that can be told from another


def strip(seal_png: bytes, height: int = 64, outer: float = OUTER, early: float = 0.0) -> Pixels | None:
    """The ring between INNER and ``outer`` of the radius as a dark-on-white RGB strip, beginning at its largest gap.

    ``seal_png``: the cut-out of a verdict (seal centred, PAD_MM around it); ``early``: share of the gap to begin
    before the words. None if there is no ink.
    """
    with Image.open(io.BytesIO(seal_png), formats=("PNG",)) as image:
        px = float(image.info.get("dpi", (300, 300))[0]) / 25.4
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    middle = ((alpha.shape[1] - 1) / 2, (alpha.shape[0] - 1) / 2)
    radius = min(alpha.shape) / 2 - PAD_MM * px
    scale = height / ((outer - INNER) * radius)
    width = round(2 * np.pi * 0.8 * radius * scale)
    angle = np.arange(width) * 2 * np.pi / width + np.pi / 2
    rows = radius * (outer - (np.arange(height) + 0.5) / height * (outer - INNER))
    x = (middle[0] + rows[:, None] * np.cos(angle)).astype(np.float32)
    y = (middle[1] + rows[:, None] * np.sin(angle)).astype(np.float32)
    flat = cv2.remap(alpha, x, y, cv2.INTER_LINEAR)
    band = flat[int(height * 0.25) : int(height * 0.72)]
    inked = (band > 110).mean(axis=0) > 0.04
    if inked.mean() < 0.1:
        return None
    start, length = _largest_gap(inked)
    before = round(early * length)
    turned = np.roll(flat, before - start - length, axis=1)[:, : max(height, width - length + 2 * before)]
    padded = cv2.copyMakeBorder(255 - turned, 6, 6, height // 2, height // 2, cv2.BORDER_CONSTANT, value=(255,))
    out: Pixels = cv2.cvtColor(padded, cv2.COLOR_GRAY2RGB)
    return out


def _largest_gap(inked: Pixels) -> tuple[int, int]:
    """Start and length of the longest run without ink on a closed strip."""
    count = len(inked)
    twice = np.concatenate([inked, inked])
    best, begin, run = (0, 0), 0, 0
    for k, full in enumerate(twice):
        run = 0 if full else run + 1
        begin = k + 1 if full else begin
        if run > best[1]:
            best = (begin % count, min(run, count))
    return best


def words(text: str) -> str:
    """Letters and digits alone, as names are compared."""
    return re.sub(r"[^\u3400-\u9fffA-Za-z0-9]", "", text)


def same_name(read: str, name: str) -> bool:
    """True if the whole name stands in the words read, wherever on the ring reading began."""
    return bool(words(name)) and words(name) in words(read) * 2


def another_name(read: str, name: str) -> bool:
    """True if the words read are a name, and neither this one nor a piece of it."""
    letters = re.sub(r"[^\u3400-\u9fffA-Za-z]", "", read)
    return len(letters) >= FEWEST and not same_name(read, name) and letters not in words(name) * 2
