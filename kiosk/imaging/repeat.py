"""Was a mark struck twice? Three looks, each at what a second strike must leave behind on the paper.

*Outline*: every edge has its like, facing the same way, one shift ahead or behind, unless ink hides it; strokes that
run side by side by chance have likes on both sides or none. *Copy*: what is paler than the first strike lies where the
first strike comes to lie when it is moved, and nowhere else. *Trail*: dragged ink leaves a pale rim on one side of all
strokes, and none on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.finding import FINE
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

PX = 5.5  # pixels per mm in which shifts are tried
REACH = 4.5  # mm
NEAREST = 0.55
SOME = 600  # points of the outline whose likes are looked for
TURNS = 8  # ways an edge may face
SLOPE = 0.09  # of the ink's strength per pixel, from which there is an edge
ACROSS = 2.6  # pixels that a shift must lead away from an edge to tell anything
CROSS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class _Outline:
    """The edges of a mark: where they are and which way the ink lies there (radians)."""

    level: Float
    rows: NDArray[Any]
    cols: NDArray[Any]
    facing: Float


def measure(measures: dict[str, float], strong: Pixels, solid: float) -> None:
    """Adds what the three looks say of ink (absorption, FINE per mm): ``likes`` (0..1.5, of the best shift) and
    ``likes_else`` (of any other), ``fainter`` (deviations by which the likes ahead differ from those behind),
    ``copy`` (0..2) and ``trail`` (0..1)."""
    measures.update(likes=0.0, likes_else=0.0, fainter=0.0, copy=0.0, trail=0.0)
    step = FINE / PX
    small = cv2.resize(strong, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    small = small[: round(60 * PX), : round(90 * PX)]
    level = np.minimum(small.astype(np.float32) / max(solid, 1.0), 1)
    outline = _outline(level)
    if len(outline.rows) < 60:
        return
    _likes(measures, outline)
    measures["trail"] = _trail(outline)
    measures["copy"] = _copy(level)


def _outline(level: Float) -> _Outline:
    soft = cv2.GaussianBlur(level, (0, 0), 0.6)
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope, way = cv2.cartToPolar(gx, gy)
    crest = (slope > SLOPE) & (slope >= 0.92 * cv2.dilate(slope, CROSS))
    rows, cols = np.nonzero(crest)
    return _Outline(level, rows, cols, way[rows, cols])


def _likes(measures: dict[str, float], outline: _Outline) -> None:
    """The shift for which most edges have their like, on one side only."""
    tries = _shifts()
    maps = _Maps(outline, round(REACH * PX) + 3)
    every = np.linspace(0, len(outline.rows) - 1, min(len(outline.rows), SOME)).astype(int)
    rough, _, _ = maps.likes(tries, every[::4])
    top = np.argsort(-rough)[:30]
    fine, ahead, behind = maps.likes(tries[top], every)
    best = int(fine.argmax())
    shift = tries[top[best]]
    apart = np.minimum(*(np.hypot(*(tries + sign * shift).T) for sign in (-1, 1))) > 0.7 * PX
    measures["likes"], measures["likes_else"] = float(fine[best]), float(rough[apart].max())
    measures["apart"] = float(np.hypot(*shift)) / PX
    strength = cv2.dilate(outline.level, CROSS)[outline.rows[every], outline.cols[every]]
    one, two = strength[ahead[best]], strength[behind[best]]
    if min(len(one), len(two)) > 10:
        spread = float(np.sqrt(one.var() / len(one) + two.var() / len(two)))
        measures["fainter"] = abs(float(one.mean() - two.mean())) / max(spread, 1e-4)


@cache
def _shifts() -> NDArray[Any]:
    """Every shift (rows, columns) that is tried; its opposite is tried with it."""
    reach = round(REACH * PX)
    down, right = (axis.ravel() for axis in np.mgrid[0 : reach + 1, -reach : reach + 1])
    far = np.hypot(down, right)
    keep = ((down > 0) | (right > 0)) & (far >= NEAREST * PX) & (far <= reach)
    return np.stack([down[keep], right[keep]], 1)


class _Maps:
    """Where edges of each direction lie (with a pixel to spare), and where ink would hide one."""

    def __init__(self, outline: _Outline, pad: int) -> None:
        planes = []
        for k in range(TURNS):
            like = np.cos(outline.facing - np.float32((k + 0.5) * 2 * np.pi / TURNS)) > 0.79
            plane = np.zeros((outline.level.shape[0] + 2 * pad, outline.level.shape[1] + 2 * pad), np.uint8)
            plane[outline.rows[like] + pad, outline.cols[like] + pad] = 1
            planes.append(cv2.dilate(plane, CROSS))
        inked = cv2.erode((outline.level > 0.3).astype(np.uint8), CROSS)
        self.edges = np.stack(planes).ravel() > 0
        self.hidden = np.pad(inked, pad).ravel() > 0
        self.row = planes[0].shape[1]
        self.at = ((outline.rows + pad) * self.row + outline.cols + pad).astype(np.int32)
        self.facing = outline.facing
        turn = np.floor(outline.facing / (2 * np.pi) * TURNS).astype(np.int32) % TURNS
        self.plane = turn * np.int32(planes[0].size) + self.at

    def likes(self, shifts: NDArray[Any], some: NDArray[Any]) -> tuple[Float, NDArray[Any], NDArray[Any]]:
        """For each shift: the share of edges with a like there plus half the share whose like is on one side only;
        which have it only ahead; which only behind."""
        away = (shifts[:, 0] * self.row + shifts[:, 1]).astype(np.int32)[:, None]
        at, plane, facing = self.at[some], self.plane[some], self.facing[some]
        tells = np.abs(shifts.astype(np.float32) @ np.stack([np.sin(facing), np.cos(facing)])) > ACROSS
        ahead, behind = self.edges.take(plane + away) & tells, self.edges.take(plane - away) & tells
        seen = ahead | behind
        missed = tells & ~(seen | self.hidden.take(at + away) | self.hidden.take(at - away))
        held, asked = seen.sum(axis=1), seen.sum(axis=1) + missed.sum(axis=1)
        first, second = ahead & ~behind, behind & ~ahead
        score = (held + np.minimum(first.sum(axis=1), second.sum(axis=1))) / np.maximum(asked, 1)
        return np.where(asked > 0.2 * len(some), score, 0), first, second


def _trail(outline: _Outline) -> float:
    """By how much more often there is pale ink beyond the edges of one side than beyond those of the other."""
    height, width = outline.level.shape
    beyond = []
    for mm in (0.45, 0.65):
        y = np.rint(outline.rows - np.sin(outline.facing) * mm * PX).astype(int).clip(0, height - 1)
        x = np.rint(outline.cols - np.cos(outline.facing) * mm * PX).astype(int).clip(0, width - 1)
        beyond.append(outline.level[y, x])
    near, far = beyond
    free, pale = (near < 0.8) & (far < 0.8), (near > 0.1) & (far > 0.1)
    most = 0.0
    for turn in np.arange(12) * np.pi / 6:
        side = np.cos(outline.facing - turn)
        one, other = free & (side < -0.6), free & (side > 0.6)
        if min(np.count_nonzero(one), np.count_nonzero(other)) >= 15:
            most = max(most, float(pale[one].mean() - pale[other].mean()))
    return most


def _copy(level: Float) -> float:
    """How much of the paler ink the darker ink covers when it is moved, plus how much of the darker ink then lies on
    ink, for the best shift."""
    inked = (level > 0.25).astype(np.uint8)
    core, peak = cv2.erode(inked, CROSS), cv2.dilate(level, CROSS)
    values = (255 * peak[core > 0]).astype(np.uint8).reshape(-1, 1)
    if values.size < 80:
        return 0.0
    limit = cv2.threshold(values, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0] / 255
    dark = ((peak > limit) & (inked > 0)).astype(np.float32)
    rim = cv2.dilate(((level > limit) & (inked > 0)).astype(np.uint8), CROSS)
    pale = ((peak <= limit) & (inked > 0) & (rim == 0)).astype(np.float32)
    if min(pale.sum(), dark.sum()) < 30:
        return 0.0
    reach = round(REACH * PX)
    size = [cv2.getOptimalDFTSize(side + reach + 2) for side in level.shape]
    covered = _moved(pale, cv2.dilate(dark, CROSS), size) / float(pale.sum())
    lying = _moved(cv2.dilate(inked.astype(np.float32), CROSS), dark, size) / float(dark.sum())
    steps = np.arange(-reach, reach + 1)
    both = (covered + lying)[np.ix_(steps, steps)]
    far = np.hypot(*np.meshgrid(steps, steps)) / PX
    return float(both[(far > NEAREST) & (far < REACH)].max())


def _moved(ground: Float, mask: Float, size: list[int]) -> Float:
    """How much of ``ground`` lies under ``mask`` moved by (row, column), counted round from 0."""
    planes = []
    for one in (ground, mask):
        room = ((0, size[0] - one.shape[0]), (0, size[1] - one.shape[1]))
        planes.append(cv2.dft(np.pad(one, room), flags=cv2.DFT_COMPLEX_OUTPUT))
    product = cv2.mulSpectrums(planes[0], planes[1], 0, conjB=True)
    out: Float = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    return out
