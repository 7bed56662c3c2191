"""Circles: found roughly in a mask of ink, fitted to a tenth of a pixel in a polar picture of the ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

ANGLES = 360
_COS = np.cos(np.arange(ANGLES) * 2 * np.pi / ANGLES)
_SIN = np.sin(np.arange(ANGLES) * 2 * np.pi / ANGLES)
_COS32, _SIN32 = _COS.astype(np.float32), _SIN.astype(np.float32)


@dataclass(frozen=True)
class Circle:
    """Centre and radius; ``support``: share of its circumference that carries ink just inside."""

    x: float
    y: float
    radius: float
    support: float = 0.0


def rough(mask: Pixels, px_mm: float, smallest: float = 13.0, largest: float = 27.0) -> Circle | None:
    """The circle with the most ink along it, radius between ``smallest`` and ``largest`` mm."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    hull = cv2.convexHull(np.concatenate(outlines)).reshape(-1, 2).astype(np.float64)
    if len(hull) < 6:
        return None
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    rng = np.random.default_rng(7)
    picks = rng.integers(0, len(hull), (300, 3))
    picks = picks[(picks[:, 0] != picks[:, 1]) & (picks[:, 1] != picks[:, 2]) & (picks[:, 0] != picks[:, 2])]
    a, b, c = (hull[picks[:, k]] for k in range(3))
    centres, radii = _through(a, b, c)
    fits = (radii > smallest * px_mm) & (radii < largest * px_mm)
    if not fits.any():
        return None
    centres, radii = centres[fits], radii[fits]
    share = _support(near, centres, radii - 0.45 * px_mm)
    best = int(share.argmax())
    x, y, r = _climb(near, centres[best, 0], centres[best, 1], radii[best], px_mm)
    return Circle(x, y, r, float(_support(near, np.array([[x, y]]), np.array([r - 0.45 * px_mm]))[0]))


def _through(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Centres and radii of the circles through three points each."""
    d = 2 * (a[:, 0] * (b[:, 1] - c[:, 1]) + b[:, 0] * (c[:, 1] - a[:, 1]) + c[:, 0] * (a[:, 1] - b[:, 1]))
    d = np.where(np.abs(d) < 1e-6, 1e-6, d)
    sa, sb, sc = (np.sum(p**2, axis=1) for p in (a, b, c))
    x = (sa * (b[:, 1] - c[:, 1]) + sb * (c[:, 1] - a[:, 1]) + sc * (a[:, 1] - b[:, 1])) / d
    y = (sa * (c[:, 0] - b[:, 0]) + sb * (a[:, 0] - c[:, 0]) + sc * (b[:, 0] - a[:, 0])) / d
    centres = np.stack([x, y], 1)
    return centres, np.linalg.norm(a - centres, axis=1)


def _support(mask: Pixels, centres: NDArray[Any], radii: NDArray[Any]) -> NDArray[Any]:
    x = np.round(centres[:, :1] + radii[:, None] * _COS[None, ::3]).astype(int)
    y = np.round(centres[:, 1:] + radii[:, None] * _SIN[None, ::3]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    seen = mask[np.clip(y, 0, mask.shape[0] - 1), np.clip(x, 0, mask.shape[1] - 1)] > 0
    share: NDArray[Any] = (seen & inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 40)
    return share


def _climb(mask: Pixels, x: float, y: float, r: float, px_mm: float) -> tuple[float, float, float]:
    """Improve a rough circle by small steps as long as more of it carries ink."""
    for step in (0.5, 0.25):
        grid = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], float) * step * px_mm
        for _ in range(4):
            tries = grid + np.array([x, y, r])
            share = _support(mask, tries[:, :2], tries[:, 2] - 0.45 * px_mm)
            share[13] += 0.004
            best = int(share.argmax())
            x, y, r = (float(v) for v in tries[best])
            if best == 13:
                break
    return x, y, r


def polar(ink: Pixels, x: float, y: float, radius: float, first: float = 0.0) -> Float:
    """Ink unrolled: one row per degree, one column per pixel from the centre outwards up to ``radius``.

    Columns before ``first`` are not looked at and stay 0.
    """
    start = max(0, int(first))
    out: Float = np.zeros((ANGLES, round(radius)), np.float32)
    r = np.arange(start, round(radius), dtype=np.float32)
    map_x, map_y = (centre + turn[:, None] * r for centre, turn in ((np.float32(x), _COS32), (np.float32(y), _SIN32)))
    out[:, start:] = cv2.remap(ink, map_x, map_y, cv2.INTER_LINEAR, borderValue=(0,))
    return out


def refine(ink: Pixels, start: Circle, px_mm: float) -> Circle:
    """Fit the outer edge of the ring: per degree the outermost half-height crossing near the rough radius."""
    x, y, r = start.x, start.y, start.radius
    share = start.support
    for reach in (1.6, 1.0, 0.7):
        unrolled = polar(ink, x, y, r + (reach + 1.0) * px_mm, r - (reach + 1.0) * px_mm)
        edge, good = edges(unrolled, r, reach * px_mm, px_mm)
        if good.sum() < 60:
            break
        moved = _least_squares(edge, good)
        if moved is None:
            break
        x, y, r = x + moved[0], y + moved[1], moved[2]
        share = float(good.mean())
    return Circle(x, y, r, share)


def edges(unrolled: Float, radius: float, reach: float, px_mm: float) -> tuple[Float, NDArray[Any]]:
    """Per degree the radius at which the ring's ink falls to half of its height, and whether there is a ring."""
    lo, hi = max(0, int(radius - reach - 0.8 * px_mm)), min(unrolled.shape[1] - 1, int(radius + reach))
    band = unrolled[:, lo:hi]
    if band.shape[1] < 4:
        return np.zeros(ANGLES, np.float32), np.zeros(ANGLES, bool)
    height = band.max(axis=1)
    typical = float(np.percentile(height, 70))
    half = np.maximum(height, 0.5 * typical)[:, None] / 2
    above = band >= half
    last = band.shape[1] - 1 - np.argmax(above[:, ::-1], axis=1)
    rows = np.arange(ANGLES)
    nxt = np.clip(last + 1, None, band.shape[1] - 1)
    drop = band[rows, last] - band[rows, nxt]
    part = (band[rows, last] - half[:, 0]) / np.maximum(drop, 1)
    edge = lo + last + np.clip(part, 0, 1)
    good = above.any(axis=1) & (height > 0.4 * typical) & (last < band.shape[1] - 1) & (typical > 12)
    return edge.astype(np.float32), good


def _least_squares(edge: Float, good: NDArray[Any]) -> tuple[float, float, float] | None:
    """Shift of the centre and the radius, by three rounds of trimmed least squares."""
    keep = good.copy()
    solution = np.array([0.0, 0.0, float(np.median(edge[good]))])
    for limit in (3.0, 2.5, 2.0):
        model = solution[2] + solution[0] * _COS + solution[1] * _SIN
        off = edge - model
        spread = 1.4826 * float(np.median(np.abs(off[good] - np.median(off[good])))) + 0.3
        keep = good & (np.abs(off) < limit * spread)
        if keep.sum() < 40:
            return None
        solution = fitted(np.stack([_COS[keep], _SIN[keep], np.ones(int(keep.sum()))], 1), edge[keep])
    return float(solution[0]), float(solution[1]), float(solution[2])


def fitted(design: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Least squares over a few harmonics of a turn: well conditioned, so the normal equations do."""
    solution: NDArray[Any] = np.linalg.solve(design.T @ design, design.T @ values)
    return solution
