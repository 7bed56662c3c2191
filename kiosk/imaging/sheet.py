"""The four corners of a sheet of paper in a photo."""

from __future__ import annotations

import itertools
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.pictures import Decoded, Pixels

RATIO = 297 / 210


def find_sheet(picture: Decoded) -> NDArray[Any] | None:
    """Corners (top left, top right, bottom right, bottom left) of the sheet in picture pixels; None if not seen."""
    width, height = picture.width, picture.height
    scale = 640 / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(picture.reduced(2) if scale < 0.4 else picture.rgb, size, interpolation=cv2.INTER_AREA)
    rough = _rough(small)
    if rough is None:
        return None
    cut = _cut_sides(rough, small.shape[1], small.shape[0])
    corners = _fine(picture, (rough + 0.5) / scale - 0.5, cut)
    if len(cut) == 1:
        corners = _completed(corners, cut[0], height > width)
    return _upright(corners)


def whole(corners: NDArray[Any], picture: Decoded) -> bool:
    """True if all four corners lie in the picture, off its edge."""
    width, height = picture.width, picture.height
    slack = 0.004 * max(height, width)
    inside = (corners > slack) & (corners < np.array([width, height]) - 1 - slack)
    return bool(inside.all())


def _cut_sides(quad: NDArray[Any], width: int, height: int) -> list[int]:
    """Sides (k: corner k to k + 1) that lie on the picture's own edge."""
    near = 5.0
    at = [quad[:, 0] < near, quad[:, 1] < near, quad[:, 0] > width - 1 - near, quad[:, 1] > height - 1 - near]
    return [k for k in range(4) if any(edge[k] and edge[(k + 1) % 4] for edge in at)]


def _completed(corners: NDArray[Any], cut: int, portrait: bool) -> NDArray[Any]:
    """Where the corners beyond the picture's edge must be, A4's proportions given."""
    out = corners.copy()
    near, far = (cut, (cut + 1) % 4), ((cut + 3) % 4, (cut + 2) % 4)
    opposite = out[far[1]] - out[far[0]]
    level = abs(opposite[0]) > abs(opposite[1])
    length = float(np.linalg.norm(opposite)) * (RATIO if level == portrait else 1 / RATIO)
    for corner, base in zip(near, far, strict=True):
        along = out[corner] - out[base]
        out[corner] = out[base] + along / max(1.0, float(np.linalg.norm(along))) * length
    return out


def _rough(small: Pixels) -> NDArray[Any] | None:
    """The largest bright four-sided region of about A4's proportions."""
    best, most = None, 0.0
    area = small.shape[0] * small.shape[1]
    for channel in (small.min(axis=2), small[..., 2], cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), _unlike_rim(small)):
        smooth = cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), 2)
        level, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
        for limit in (level, level * 0.85, level * 1.12):
            mask: Any = (smooth > limit).astype(np.uint8)
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            if not outlines:
                continue
            outline = max(outlines, key=cv2.contourArea)
            hull = cv2.convexHull(outline)
            quad = _four_sides(hull)
            if quad is None:
                continue
            inside = cv2.contourArea(quad.astype(np.float32))
            filled = cv2.contourArea(outline) / max(inside, 1)
            score = _likeness(quad) * filled * math.sqrt(inside / area) * _level_sides(quad)
            if inside > 0.15 * area and filled > 0.85 and score > most:
                best, most = quad, score
    return best


def _unlike_rim(small: Pixels) -> Pixels:
    """How far each pixel's hue is from that of the picture's rim, 0..255: paper against the desk, in any shadow."""
    smooth = cv2.GaussianBlur(small, (0, 0), 2).astype(np.float32) + 4
    share = smooth / smooth.sum(axis=2, keepdims=True)
    rim = np.concatenate([share[:6].reshape(-1, 3), share[-6:].reshape(-1, 3), share[:, :6].reshape(-1, 3)])
    away = np.abs(share - np.median(rim, axis=0)).sum(axis=2)
    out: Pixels = np.clip(away / max(1e-3, float(np.percentile(away, 98))) * 230, 0, 255).astype(np.uint8)
    return out


def _likeness(quad: NDArray[Any]) -> float:
    """1 for A4's proportions, less for others."""
    sides = [float(np.linalg.norm(quad[k] - quad[(k + 1) % 4])) for k in range(4)]
    a, b = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    ratio = max(a, b) / max(1.0, min(a, b))
    return math.exp(-((math.log(ratio / RATIO) / 0.12) ** 2))


def _level_sides(quad: NDArray[Any]) -> float:
    """1 when opposite sides are equally long and nearly parallel, less the more they differ."""
    side = [quad[(k + 1) % 4] - quad[k] for k in range(4)]
    long = [float(np.linalg.norm(s)) + 1 for s in side]
    uneven = abs(math.log(long[0] / long[2])) + abs(math.log(long[1] / long[3]))
    bent = sum(1 - abs(float(side[k] @ side[k + 2])) / (long[k] * long[k + 2]) for k in (0, 1))
    return math.exp(-uneven - 6 * bent)


def _four_sides(hull: NDArray[Any]) -> NDArray[Any] | None:
    around = cv2.arcLength(hull, True)
    for share in (0.02, 0.03, 0.045, 0.06):
        found = cv2.approxPolyDP(hull, share * around, True)
        if len(found) == 4:
            return found.reshape(4, 2).astype(np.float64)
    return None


def _fine(picture: Decoded, rough: NDArray[Any], cut: list[int]) -> NDArray[Any]:
    """Move each side onto the strongest edge near it, measured across the side in full pixels."""
    lines = []
    middle = rough.mean(axis=0)
    for k in range(4):
        a, b = rough[k], rough[(k + 1) % 4]
        lines.append((a, (b - a) / np.linalg.norm(b - a)) if k in cut else _side(picture, a, b, middle))
    corners = []
    for k, before in zip(range(4), itertools.islice(itertools.cycle([3, 0, 1, 2]), 4), strict=True):
        corners.append(_crossing(lines[before], lines[k], rough[k]))
    return np.array(corners)


def _side(
    picture: Decoded, a: NDArray[Any], b: NDArray[Any], middle: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """A point and a direction of the side from ``a`` to ``b`` after two passes of looking across it."""
    for reach in (28, 10):
        along = (b - a) / np.linalg.norm(b - a)
        out = np.array([along[1], -along[0]])
        if out @ (a - middle) < 0:
            out = -out
        steps = np.linspace(0.04, 0.96, 90)
        feet = a + steps[:, None] * (b - a)
        across = np.arange(-reach, reach + 1, dtype=np.float64)
        points = feet[:, None] + across[None, :, None] * out
        part, x, y = picture.part(points.reshape(-1, 2))
        at_x, at_y = (points - (x, y)).astype(np.float32).transpose(2, 0, 1).copy()
        grey = cv2.remap(part, at_x, at_y, cv2.INTER_LINEAR).astype(np.float32).sum(axis=2)
        grey = cv2.blur(grey, (3, 1))
        drop = grey[:, :-2] - grey[:, 2:]
        at = drop.argmax(axis=1)
        peak = drop[np.arange(len(drop)), at]
        lo, hi = np.clip(at - 1, 0, None), np.clip(at + 1, None, drop.shape[1] - 1)
        rows = np.arange(len(drop))
        left, right = drop[rows, lo], drop[rows, hi]
        bow = left - 2 * peak + right
        sub = np.where(np.abs(bow) > 1e-3, 0.5 * (left - right) / np.where(np.abs(bow) > 1e-3, bow, 1), 0)
        offset = across[at + 1] + np.clip(sub, -0.5, 0.5)
        good = peak > max(12.0, 0.35 * float(np.median(peak)))
        t = steps * float(np.linalg.norm(b - a))
        slope, base = _robust(t[good], offset[good])
        start = a
        a = start + out * base
        b = start + along * t[-1] / 0.96 + out * (base + slope * t[-1] / 0.96)
    return a, (b - a) / np.linalg.norm(b - a)


def _robust(t: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Slope and base of the line that most points agree on."""
    if len(t) < 8:
        return 0.0, 0.0
    best, count = (0.0, float(np.median(y))), -1
    n = len(t)
    for i in range(0, n, 3):
        for j in range(i + n // 4, n, 5):
            slope = (y[j] - y[i]) / (t[j] - t[i])
            near = int((np.abs(y - y[i] - slope * (t - t[i])) < 1.5).sum())
            if near > count:
                best, count = (float(slope), float(y[i] - slope * t[i])), near
    keep = np.abs(y - best[1] - best[0] * t) < 2.0
    if keep.sum() >= 6:
        slope, base = np.polyfit(t[keep], y[keep], 1)
        return float(slope), float(base)
    return best


def _crossing(
    first: tuple[NDArray[Any], NDArray[Any]],
    second: tuple[NDArray[Any], NDArray[Any]],
    fallback: NDArray[Any],
) -> NDArray[Any]:
    across = np.column_stack([first[1], -second[1]])
    if abs(np.linalg.det(across)) < 0.1:
        return fallback
    s = np.linalg.solve(across, second[0] - first[0])[0]
    point: NDArray[Any] = first[0] + s * first[1]
    return point if np.linalg.norm(point - fallback) < 80 else fallback


def _upright(corners: NDArray[Any]) -> NDArray[Any]:
    """Clockwise from the top left, the short side on top."""
    centre = corners.mean(axis=0)
    order = np.argsort(np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0]))
    corners = corners[order]
    start = int(corners.sum(axis=1).argmin())
    corners = np.roll(corners, -start, axis=0)
    if np.linalg.norm(corners[1] - corners[0]) > np.linalg.norm(corners[2] - corners[1]):
        corners = np.roll(corners, -1, axis=0)
    return corners
