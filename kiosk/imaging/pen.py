"""What each inked spot of a box is: a person's ink, print, or a rule.

A spot is described by its surroundings (how much ink, which way its edges run, how large the mark is that it belongs
to, how its line of marks stands out); two small networks decide, the second one knowing what the first said of the
neighbourhood. ``bench.imaging.pen.train`` teaches them on drawn scenes; ``pen.npz`` holds their weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

WEIGHTS = Path(__file__).with_name("pen.npz")
MM = 150 / 25.4 / 2  # pixels per mm of the half-size picture in which spots are described
INK = 22  # absorption from which a spot counts as inked
KINDS = 3  # own, text, rule
Layers = list[tuple[Float, Float]]


@dataclass(frozen=True)
class Seen:
    """How sure it is, 0..255, in the given window's pixels. ``own``: ink of a person or a seal; the rest is print."""

    own: Pixels
    text: Pixels
    rules: Pixels


@cache
def _weights() -> tuple[Layers, Layers]:
    with np.load(WEIGHTS) as held:
        layers = [(held[f"{s}w{k}"], held[f"{s}b{k}"]) for s in ("first_", "second_") for k in range(3)]
    wide = [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in layers]
    return wide[:3], wide[3:]


def look(ink: Pixels) -> Seen:
    """Judge a window of absorbed light (H x W x 3, 150 dpi)."""
    height, width = ink.shape[:2]
    even = cv2.copyMakeBorder(ink, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    maps, spots = described(even)
    out = np.zeros((KINDS, *spots.shape), np.float32)
    if spots.any():
        first, second = _weights()
        some = np.zeros_like(spots)  # one spot in four tells enough of a neighbourhood
        some[::2, 1::2] = spots[::2, 1::2]
        near = _filled(some, answer(first, at(maps, some)))
        more = at(maps + neighbourhood(near, some, spots), spots)
        out = _filled(spots, answer(second, more)).transpose(2, 0, 1)
    size = (even.shape[1], even.shape[0])
    return Seen(*(cv2.resize((255 * one).astype(np.uint8), size)[:height, :width] for one in np.ascontiguousarray(out)))


def at(maps: list[Float], spots: NDArray[Any]) -> Float:
    """What the maps hold at some spots: N x features. A map is H x W, or N x K with the spots already picked."""
    where = np.flatnonzero(spots)
    rows = [one.T if one.shape[:2] != spots.shape else one.reshape(1, -1)[:, where] for one in maps]
    out: Float = np.concatenate(rows, dtype=np.float32).T
    return out


def answer(layers: Layers, spots: Float) -> Float:
    """Probabilities (N x KINDS) of described spots (N x features)."""
    for weight, bias in layers[:-1]:
        spots = np.maximum(spots @ weight + bias, 0)
    weight, bias = layers[-1]
    told: Float = 1 / (1 + np.exp(-np.clip(spots @ weight + bias, -30, 30)))
    return told


def _filled(spots: NDArray[Any], values: Float) -> Float:
    out: Float = np.zeros((*spots.shape, values.shape[1]), np.float32)
    out[spots] = values
    return out


def _mean(one: Float, wide: float, high: float) -> Float:
    """Mean over a box of ``wide`` x ``high`` mm."""
    size = (max(1, round(wide * MM)) | 1, max(1, round(high * MM)) | 1)
    out: Float = cv2.blur(one, size, borderType=cv2.BORDER_CONSTANT)
    return out


def described(ink: Pixels) -> tuple[list[Float], NDArray[Any]]:
    """Features of every pixel of the half-size picture (maps H x W), and which of them carry ink."""
    half = cv2.resize(ink, (ink.shape[1] // 2, ink.shape[0] // 2), interpolation=cv2.INTER_AREA)
    red, green, blue = cv2.split(ink)
    strong = cv2.max(cv2.max(red, green), blue)
    _, mask = cv2.threshold(strong, INK, 255, cv2.THRESH_BINARY)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    size = (half.shape[1], half.shape[0])
    spots = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 90
    level = cv2.resize(strong, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    features = [half[..., c].astype(np.float32) / 255 for c in range(3)] + [level]
    features.append(half.max(axis=2).astype(np.float32) / 255 - half.min(axis=2).astype(np.float32) / 255)
    features += _texture(strong, mask, level, size)
    features += _shape(mask, size)
    return features, spots


def _texture(strong: Pixels, mask: Pixels, level: Float, size: tuple[int, int]) -> list[Float]:
    """Ink and edges around each spot, near and far, along the line and across it."""
    across = np.abs(cv2.Sobel(strong, cv2.CV_32F, 1, 0, scale=1 / 1020))
    down = np.abs(cv2.Sobel(strong, cv2.CV_32F, 0, 1, scale=1 / 1020))
    edges = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (across, down)]
    inked = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    out = [_mean(one, mm, mm) * 4 for mm in (1.0, 2.2, 4.5, 9.0) for one in (level, *edges)]
    out += [
        _mean(inked, *wide) * 3
        for wide in ((12, 0.6), (12, 3), (3, 12), (0.6, 12), (30, 4), (30, 10), (6, 6), (15, 15))
    ]
    line = _mean(inked, 22, 1.4) * 3
    for mm in (-6.0, -4.2, -2.8, 2.8, 4.2, 6.0):
        move = np.array([[1, 0, 0], [0, 1, mm * MM]], np.float32)
        out.append(line - cv2.warpAffine(line, move, size))
    peak = cv2.dilate(level, np.ones((3, 3), np.uint8))
    out += [peak, cv2.dilate(level, np.ones((19, 19), np.uint8)) - peak, _mean(level * level, 4, 4) * 4]
    return out


def _shape(mask: Pixels, size: tuple[int, int]) -> list[Float]:
    """The connected mark a spot belongs to, how broad its strokes are, how straight and long they run."""
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    wide, high, area = (stats[:, k].astype(np.float32) for k in (2, 3, 4))
    per = np.stack([np.log1p(wide), np.log1p(high), np.log1p(area), area / (wide * high)], 1) / [6, 6, 9, 1]
    per[0] = 0
    columns = np.ascontiguousarray(per.T, np.float32)
    out = [cv2.resize(np.take(column, np.asarray(labels)), size, interpolation=cv2.INTER_AREA) for column in columns]
    far = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 3), 12) / 6
    broad = cv2.resize(cv2.dilate(far, np.ones((5, 5), np.uint8)), size, interpolation=cv2.INTER_AREA)
    out += [broad, cv2.dilate(broad, np.ones((7, 7), np.uint8)), _mean(broad, 8, 8)]
    thick = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    for mm in (3.0, 8.0, 20.0):
        k = round(mm * MM * 2)
        for shape in ((1, k), (k, 1)):
            run = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
            out.append(cv2.resize(run, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255)
    return out


def neighbourhood(told: Float, told_of: NDArray[Any], spots: NDArray[Any]) -> list[Float]:
    """What was said (H x W x KINDS) of the inked spots around each one: shares over boxes of several sizes, each
    N x KINDS for the N ``spots``."""
    every = np.dstack([told, told_of.astype(np.float32)])
    where = np.flatnonzero(spots)
    out = []
    for wide, high in ((1.5, 1.5), (4, 4), (10, 10), (20, 3), (6, 1.5)):
        here = _mean(every, wide, high).reshape(-1, every.shape[2])[where]
        out.append(here[:, :-1] / np.maximum(here[:, -1:], 1e-3))
    return out
