"""Double strikes: the same ring once more beside itself."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import circle as circles
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import FINE, Finding
from kiosk.imaging.frame import Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label


def twin(found: Finding, own: Pixels, fine: Circle) -> None:
    """If the outline is a little long: do two equal rings side by side explain it? Looks at their inner arcs."""
    found.measures["twin"] = 0.0
    half = found.measures["oval"] * fine.radius / 2
    if found.measures["oval"] < 0.011 or found.measures["inside_px"] < -1.5:
        return
    ring = circles.polar(own, fine.x, fine.y, fine.radius + 2 * FINE)
    solid = max(20.0, float(np.percentile(ring[:, int(fine.radius - 2 * FINE) :].max(axis=1), 60)))
    turn = np.radians(np.arange(-50, 51, 2.0))
    best = 0.0
    for axis in found.measures["axis"] + np.array([0.0, 0.06, -0.06]):
        for apart in np.arange(2.4, 5.6, 0.3) * half:
            for inner in np.arange(-0.5, 0.31, 0.1) * FINE:
                radius = fine.radius - apart * 0.32 - 0.5 * FINE + inner
                for way in (0.0, np.pi):
                    cx, cy = fine.x + np.cos(axis + way) * apart / 2, fine.y + np.sin(axis + way) * apart / 2
                    x = np.round(cx - radius * np.cos(axis + way + turn)).astype(int)
                    y = np.round(cy - radius * np.sin(axis + way + turn)).astype(int)
                    seen = own[np.clip(y, 0, own.shape[0] - 1), np.clip(x, 0, own.shape[1] - 1)]
                    best = max(best, float(np.minimum(seen / solid, 1).mean()))
    found.measures["twin"] = best


def own_ink(ink: Pixels, found: Finding) -> Pixels:
    """Ink of the seal's own colour: for red ink what green loses more than red."""
    red, green, _ = cv2.split(ink)
    if Label.NOT_RED in found.defects:
        return green
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
    solid = max(
        20.0,
        float(np.percentile(circles.polar(own, fine.x, fine.y, fine.radius)[:, -int(1.2 * FINE) :].max(axis=1), 70)),
    )
    steps = np.arange(-6.0, 6.01, 0.3) * FINE
    dx, dy = (v.ravel() for v in np.meshgrid(steps, steps))
    far = (np.hypot(dx, dy) > 0.55 * FINE) & (np.hypot(dx, dy) < 6 * FINE)
    dx, dy = dx[far], dy[far]
    angle = np.arange(0, 360, 3) * np.pi / 180
    inner = fine.radius - 0.5 * FINE
    px, py = dx[:, None] + inner * np.cos(angle), dy[:, None] + inner * np.sin(angle)
    skirt = 0.3 + 1.6 * min(1.0, found.measures["blur_mm"])
    outside = np.hypot(px, py) > fine.radius + skirt * FINE
    x, y = np.round(px + fine.x).astype(int), np.round(py + fine.y).astype(int)
    here = (x >= 0) & (y >= 0) & (x < own.shape[1]) & (y < own.shape[0])
    seen = np.minimum(own[np.clip(y, 0, own.shape[0] - 1), np.clip(x, 0, own.shape[1] - 1)] / solid, 1.0)
    used = outside & here
    score = (seen * used).sum(axis=1) / np.maximum(used.sum(axis=1), 12)
    best = int(score.argmax())
    found.measures["ghost"] = float(score[best])
    found.copy = (found.x + float(dx[best]) / FINE, found.y + float(dy[best]) / FINE)
    found.measures["ghost_mm"] = float(np.hypot(dx[best], dy[best]) / FINE)
