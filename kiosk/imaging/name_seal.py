"""Is a name seal's outline whole? It is a rectangle, upright or not, framed or solid; a gap in it is missing ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import optics, spots
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot
from kiosk.imaging.verdict import Label

LEAST = 5.0  # mm, the short side of a name seal
FRAME = 1.3  # mm from the outline's rectangle in which its side must lie
SHOWN = 1.5  # mm; a shorter gap is not pointed out


@dataclass(frozen=True)
class Outline:
    """``missing``: share of the sides without ink; ``gap``: the longest stretch of them, mm; ``filled``: share of the
    rectangle within the outline; ``long``: the longer side over the shorter one; ``gaps``: where ink is missing."""

    missing: float
    gap: float
    filled: float
    long: float
    gaps: list[Spot]


def outline(mask: Pixels, left: float, top: float) -> Outline | None:
    """The outline of a seal's ink (WORK per mm; ``left``, ``top`` of the mask in mm); None for anything smaller."""
    if not cv2.countNonZero(mask):
        return None
    points = cv2.findNonZero(mask)
    (cx, cy), (w, h), turn = cv2.minAreaRect(points)
    if min(w, h) < LEAST * WORK:
        return None
    side = round(max(w, h)) + 8
    move = cv2.getRotationMatrix2D((cx, cy), turn, 1.0)
    move[:, 2] += np.array([side / 2 - cx, side / 2 - cy])
    level = cv2.warpAffine(mask, move, (side, side))
    a, b, t = (side - w) / 2, (side - h) / 2, max(4, round(FRAME * WORK))
    x0, y0, x1, y1 = round(a), round(b), round(a + w), round(b + h)
    sides = [level[y0 : y0 + t, x0:x1].max(axis=0), level[y1 - t : y1, x0:x1].max(axis=0),
             level[y0:y1, x0 : x0 + t].max(axis=1), level[y0:y1, x1 - t : x1].max(axis=1)]  # fmt: skip
    return Outline(
        missing=1 - float(np.mean(np.concatenate(sides) > 0)),
        gap=max(_longest_gap(one) for one in sides) / WORK,
        filled=_filled(level) / max(1.0, w * h),
        long=max(w, h) / max(1.0, min(w, h)),
        gaps=_bare_sides(sides, (x0, y0, x1, y1), move, (left, top)),
    )


def _longest_gap(side: Pixels) -> int:
    first, last = optics.runs(side.ravel() == 0)
    long = last - first
    return int(long.max()) if long.size else 0


def _filled(level: Pixels) -> float:
    """Pixels within the outer outlines, thin gaps between strokes closed."""
    closed = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sum(float(cv2.contourArea(one)) for one in outlines)


def _bare_sides(
    sides: list[Pixels], box: tuple[int, int, int, int], move: NDArray[Any], corner: tuple[float, float]
) -> list[Spot]:
    """The stretches of the outline that have no ink. ``move``: from the window to the levelled seal."""
    back, (x0, y0, x1, y1) = cv2.invertAffineTransform(move), box
    out = []
    for k, side in enumerate(sides):
        bare = np.flatnonzero(side.ravel() == 0)
        if len(bare) < SHOWN * WORK:
            continue
        a, b = int(bare[0]), int(bare[-1])
        ends = ((x0 + a, y0), (x0 + b, y0)) if k == 0 else ((x0 + a, y1), (x0 + b, y1)) if k == 1 else (
            ((x0, y0 + a), (x0, y0 + b)) if k == 2 else ((x1, y0 + a), (x1, y0 + b)))  # fmt: skip
        seen = (np.array(ends, np.float64) @ back[:, :2].T + back[:, 2]) / WORK + np.array(corner)
        out.append(spots.line(Label.INCOMPLETE, seen))
    return out
