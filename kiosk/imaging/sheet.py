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
LONGEST = 1.04  # how much longer than its due perspective may make a side
SURE = 0.7  # of a whole sheet in the picture; then no other channel is looked at
CUT = 0.5  # a sheet that the picture's edge cuts is believed less than a whole one


def find_sheet(picture: Decoded) -> NDArray[Any] | None:
    """Corners (top left, top right, bottom right, bottom left) of the sheet in picture pixels; None if not seen."""
    width, height = picture.width, picture.height
    scale = 640 / max(height, width)
    size = (round(width * scale), round(height * scale))
    near = picture.reduced(4) if scale < 0.2 else picture.reduced(2) if scale < 0.4 else picture.rgb
    small = cv2.resize(near, size, interpolation=cv2.INTER_LINEAR if near is not picture.rgb else cv2.INTER_AREA)
    rough = _rough(small)
    if rough is None:
        return None
    cut = _cut_sides(rough, small.shape[1], small.shape[0])
    corners = _fine(picture, (rough + 0.5) / scale - 0.5, cut)
    if len(cut) == 1:
        corners = _completed(corners, cut[0])
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


def _completed(corners: NDArray[Any], cut: int) -> NDArray[Any]:
    """Where the corners beyond the picture's edge must be, A4's proportions given.

    The side opposite the cut is a short one if more of its neighbours is seen than a long one would have, or if it
    lies level: sheets are held upright before a camera.
    """
    out = corners.copy()
    near, far = (cut, (cut + 1) % 4), ((cut + 3) % 4, (cut + 2) % 4)
    opposite = out[far[1]] - out[far[0]]
    seen = np.mean([np.linalg.norm(out[corner] - out[base]) for corner, base in zip(near, far, strict=True)])
    across = float(np.linalg.norm(opposite))
    short = abs(opposite[0]) > abs(opposite[1]) or float(seen) > LONGEST / RATIO * across
    length = across * (RATIO if short else 1 / RATIO)
    for corner, base in zip(near, far, strict=True):
        along = out[corner] - out[base]
        out[corner] = out[base] + along / max(1.0, float(np.linalg.norm(along))) * length
    return out


def _rough(small: Pixels) -> NDArray[Any] | None:
    """The large bright four-sided region that is most like a sheet, whole or cut by the picture's edge."""
    best, most = None, 0.0
    for channel in (_darkest, _blue, _grey, _unlike_rim):
        smooth = cv2.GaussianBlur(channel(small), (0, 0), 2)
        level, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_OTSU)
        for limit in (level, level * 0.85, level * 1.12):
            _, mask = cv2.threshold(smooth, limit, 255, cv2.THRESH_BINARY)
            quad, score = _candidate(small, mask)
            if quad is not None and score > most:
                best, most = quad, score
        if most > SURE:
            break
    return best


def _candidate(small: Pixels, mask: Pixels) -> tuple[NDArray[Any] | None, float]:
    """The four corners of a mask's largest region, and how well they fit a sheet of paper, 0..1."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None, 0.0
    outline = max(outlines, key=cv2.contourArea)
    region, hull = cv2.contourArea(outline), cv2.convexHull(outline)
    if region < 0.13 * small.shape[0] * small.shape[1]:
        return None, 0.0
    quad = _four_sides(hull)
    score = _score(small, quad, region) if quad is not None else 0.0
    if score < SURE:
        other = _longest_sides(hull)
        better = _score(small, other, region) if other is not None else 0.0
        if better > score:
            return other, better
    return quad, score


def _score(small: Pixels, quad: NDArray[Any], region: float) -> float:
    """How much a quadrilateral that encloses a region of so many pixels is like a sheet, 0..1."""
    inside = cv2.contourArea(quad.astype(np.float32))
    filled = region / max(inside, 1)
    if filled < 0.85:
        return 0.0
    cut = _cut_sides(quad, small.shape[1], small.shape[0])
    shape = _likeness(quad) * _level_sides(quad) if not cut else (CUT * _parallel(quad, cut) if len(cut) == 1 else 0.05)
    share = math.sqrt(min(1.0, inside / (small.shape[0] * small.shape[1])))
    return shape * min(filled, 1 / filled) ** 2 * share * _bordered(small, quad, cut) ** 2


def _parallel(quad: NDArray[Any], cut: list[int]) -> float:
    """1 when the two sides that run into the picture's edge are parallel, less the more they are not."""
    one, other = (quad[(cut[0] + k + 1) % 4] - quad[(cut[0] + k) % 4] for k in (1, 3))
    return math.exp(-6 * (1 - abs(float(one @ other)) / float(np.linalg.norm(one) * np.linalg.norm(other) + 1)))


def _bordered(small: Pixels, quad: NDArray[Any], cut: list[int]) -> float:
    """The least share of a side along which paper and desk differ in brightness or colour; cut sides do not count."""
    middle, least = quad.mean(axis=0), 1.0
    limit = np.array([small.shape[1], small.shape[0]]) - 1
    for k in range(4):
        a, b = quad[k], quad[(k + 1) % 4]
        along = (b - a) / max(1.0, float(np.linalg.norm(b - a)))
        out = np.array([along[1], -along[0]])
        out = out if out @ (a - middle) > 0 else -out
        feet = a + np.linspace(0.06, 0.94, 45)[:, None] * (b - a)
        here, there = (np.rint(feet + step * out).astype(int) for step in (-5, 5))
        within = ((there >= 0) & (there <= limit) & (here >= 0) & (here <= limit)).all(axis=1)
        if k in cut or within.sum() < 10:
            continue
        one, two = (small[at[within, 1], at[within, 0]].astype(np.float32) for at in (here, there))
        differ = np.abs(one - two).max(axis=1) > 0.12 * np.maximum(one, two).max(axis=1) + 3
        least = min(least, float(differ.mean()))
    return least


def _darkest(small: Pixels) -> Pixels:
    red, green, blue = cv2.split(small)
    return cv2.min(cv2.min(red, green), blue)


def _blue(small: Pixels) -> Pixels:
    return cv2.extractChannel(small, 2)


def _grey(small: Pixels) -> Pixels:
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


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


def _longest_sides(hull: NDArray[Any]) -> NDArray[Any] | None:
    """The quadrilateral of an outline's four longest sides: a corner lost in a shadow is where its sides meet."""
    found = cv2.approxPolyDP(hull, 0.008 * cv2.arcLength(hull, True), True).reshape(-1, 2).astype(np.float64)
    if len(found) < 5:
        return None
    sides = np.roll(found, -1, axis=0) - found
    length = np.linalg.norm(sides, axis=1)
    chosen = sorted(np.argsort(length)[-4:])
    lines = [(found[k], sides[k] / length[k]) for k in chosen]
    corners = []
    for k in range(4):
        (a, along), (b, other) = lines[k - 1], lines[k]
        across = np.column_stack([along, -other])
        if abs(np.linalg.det(across)) < 0.5:
            return None
        corners.append(a + np.linalg.solve(across, b - a)[0] * along)
    return np.array(corners)


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
        drop[_beyond(points[:, 2:], picture)] = 0  # the picture's own edge is none
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


def _beyond(points: NDArray[Any], picture: Decoded) -> NDArray[Any]:
    """Which points lie outside of the picture or on its rim."""
    high = np.array([picture.width, picture.height]) - 2.5
    return np.asarray(((points < 1.5) | (points > high)).any(axis=-1))


def _robust(t: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Slope and base of the line that most points agree on."""
    n = len(t)
    if n < 8:
        return 0.0, 0.0
    pairs = np.array([(i, j) for i in range(0, n, 3) for j in range(i + n // 4, n, 5)])
    first, second = pairs[:, 0], pairs[:, 1]
    slopes = (y[second] - y[first]) / (t[second] - t[first])
    bases = y[first] - slopes * t[first]
    near = (np.abs(y - bases[:, None] - slopes[:, None] * t) < 1.5).sum(axis=1)
    best = int(near.argmax())
    keep = np.abs(y - bases[best] - slopes[best] * t) < 2.0
    if keep.sum() >= 6:
        slope, base = np.polyfit(t[keep], y[keep], 1)
        return float(slope), float(base)
    return float(slopes[best]), float(bases[best])


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
