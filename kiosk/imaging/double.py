"""Double strikes: the same ring once more beside itself."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import circle as circles
from kiosk.imaging.boxes import Cell
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import FINE, Finding
from kiosk.imaging.frame import Frame
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label

PALEST = 0.22  # of the seal's own ink that a second strike leaves
OFF_MM = 0.7  # from a side of the box its rule is not seen any more


def twin(found: Finding, own: Pixels, fine: Circle) -> None:
    """If the outline is a little long: do two equal rings side by side explain it? Looks at their inner arcs."""
    found.measures["twin"] = 0.0
    half = found.measures["oval"] * fine.radius / 2
    if found.measures["oval"] < 0.011 or found.measures["inside_px"] < -1.5:
        return
    ring = circles.polar(own, fine.x, fine.y, fine.radius + 2 * FINE)
    solid = max(20.0, float(np.percentile(ring[:, int(fine.radius - 2 * FINE) :].max(axis=1), 60)))
    axis, apart, inner, way = np.meshgrid(
        found.measures["axis"] + np.array([0.0, 0.06, -0.06]),
        np.arange(2.4, 5.6, 0.3) * half,
        np.arange(-0.5, 0.31, 0.1) * FINE,
        np.array([0.0, np.pi]),
    )
    toward, apart = (axis + way).reshape(-1, 1), apart.reshape(-1, 1)
    radius = fine.radius - apart * 0.32 - 0.5 * FINE + inner.reshape(-1, 1)
    turn = toward + np.radians(np.arange(-50, 51, 2.0))
    x = fine.x + np.cos(toward) * apart / 2 - radius * np.cos(turn)
    y = fine.y + np.sin(toward) * apart / 2 - radius * np.sin(turn)
    best = float(_at(own, x, y, solid).mean(axis=1).max())
    found.measures["twin"] = best


def _at(ink: Pixels, x: Float, y: Float, solid: float) -> Float:
    """Ink nearest to the points as a share of ``solid``, at most 1; beyond the rim that of the rim."""
    rows, columns = np.rint(y).astype(np.int32), np.rint(x).astype(np.int32)
    np.clip(rows, 0, ink.shape[0] - 1, out=rows)
    np.clip(columns, 0, ink.shape[1] - 1, out=columns)
    share = (np.minimum(np.arange(256) / solid, 1)).astype(np.float32)
    out: Float = share.take(ink.ravel().take(rows * ink.shape[1] + columns))
    return out


def own_ink(ink: Pixels, found: Finding, cell: Cell, origin: tuple[float, float]) -> Pixels:
    """Ink of the seal's own colour: for red ink what green loses more than red.

    Ink of another colour may look like print: then only what lies in the box, off its rules, is the seal's.
    """
    red, green, _ = cv2.split(ink)
    if Label.NOT_RED in found.defects:
        sides = np.array([cell.left + OFF_MM, cell.top + OFF_MM, cell.right - OFF_MM, cell.bottom - OFF_MM])
        left, top, right, bottom = np.clip(np.rint((sides - np.tile(origin, 2)) * FINE), 0, None).astype(int)
        inside: Pixels = np.zeros_like(green)
        inside[top:bottom, left:right] = green[top:bottom, left:right]
        return inside
    own: Pixels = cv2.subtract(green, red)
    return own


def seen_only(frame: Frame, own: Pixels, left: float, top: float) -> Pixels:
    """Blank what lies outside of the picture, where the patch only repeats the picture's edge."""
    corners = np.array([[left, top], [left + own.shape[1] / FINE, top + own.shape[0] / FINE]])
    corners = np.array([[x, y] for x in corners[:, 0] for y in corners[:, 1]])
    if frame.inside(corners).min() > 2:
        return own
    yy, xx = np.mgrid[0 : own.shape[0] : 4, 0 : own.shape[1] : 4]
    points = np.stack([left + xx.ravel() / FINE, top + yy.ravel() / FINE], 1).astype(np.float64)
    inside = (frame.inside(points) > 6).reshape(xx.shape).astype(np.uint8) * 255
    mask = cv2.resize(inside, (own.shape[1], own.shape[0]), interpolation=cv2.INTER_NEAREST)
    return cv2.bitwise_and(own, cv2.erode(mask, np.ones((9, 9), np.uint8)))


def doubled(found: Finding, own: Pixels, fine: Circle) -> None:
    """Look for the same ring once more within 6 mm, where only a ghost has ink: outside of the first ring."""
    rim = circles.polar(own, fine.x, fine.y, fine.radius, fine.radius - 1.3 * FINE)[:, -int(1.2 * FINE) :]
    solid = max(20.0, float(np.percentile(rim.max(axis=1), 70)))
    steps = np.arange(-6.0, 6.01, 0.3, dtype=np.float32) * np.float32(FINE)
    dx, dy = (v.ravel() for v in np.meshgrid(steps, steps))
    far = (np.hypot(dx, dy) > 0.55 * FINE) & (np.hypot(dx, dy) < 6 * FINE)
    dx, dy = dx[far], dy[far]
    angle = (np.arange(0, 360, 3) * np.pi / 180).astype(np.float32)
    inner = np.float32(fine.radius - 0.5 * FINE)
    px, py = dx[:, None] + inner * np.cos(angle), dy[:, None] + inner * np.sin(angle)
    skirt = 0.3 + 1.6 * min(1.0, found.measures["blur_mm"])
    used = px * px + py * py > np.float32((fine.radius + skirt * FINE) ** 2)
    x, y = px + np.float32(fine.x), py + np.float32(fine.y)
    used &= (x >= -0.5) & (y >= -0.5) & (x < own.shape[1] - 0.5) & (y < own.shape[0] - 0.5)
    score = (_at(own, x, y, solid) * used).sum(axis=1) / np.maximum(used.sum(axis=1), 12)
    best = int(score.argmax())
    found.measures["ghost"] = float(score[best])
    seen = _at(own, x[best][used[best]], y[best][used[best]], solid)
    found.measures["copy"] = float((seen > PALEST).mean()) if seen.size > 12 else 0.0
    found.copy = (found.x + float(dx[best]) / FINE, found.y + float(dy[best]) / FINE)
    found.measures["ghost_mm"] = float(np.hypot(dx[best], dy[best]) / FINE)
