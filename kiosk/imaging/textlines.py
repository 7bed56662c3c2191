"""Where the lines of text stand on a page, and which way up the page lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.pictures import Pixels

MOST = 60  # lines of one page that are read
VOTERS = 5  # lines that say whether the page is upside down


@dataclass(frozen=True)
class Box:
    """One line's corners (top left, top right, bottom right, bottom left) in pixels of its page."""

    corners: NDArray[Any]

    @property
    def width(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))


def boxes_of(found: NDArray[Any]) -> list[Box]:
    """The detector's quadrilaterals as boxes, corners in reading order of an upright page."""
    return [Box(_ordered(np.asarray(quad, np.float64))) for quad in found[:MOST]]


def _ordered(quad: NDArray[Any]) -> NDArray[Any]:
    """Corners clockwise, beginning at the one nearest to the page's top left."""
    middle = quad.mean(axis=0)
    turned = quad[np.argsort(np.arctan2(quad[:, 1] - middle[1], quad[:, 0] - middle[0]))]
    return np.roll(turned, -int(np.argmin(turned.sum(axis=1))), axis=0)


def sideways(boxes: list[Box]) -> bool:
    """Whether the lines run from top to bottom: the page lies on its side."""
    long = [box for box in boxes if max(box.width, box.height) > 2.5 * min(box.width, box.height)]
    return sum(box.height > box.width for box in long) > len(long) / 2


def turned_left(page: Pixels, boxes: list[Box]) -> tuple[Pixels, list[Box]]:
    """Page and boxes turned by a quarter, counter-clockwise."""
    width = page.shape[1]
    moved = [np.stack([box.corners[:, 1], width - box.corners[:, 0]], axis=1) for box in boxes]
    return np.ascontiguousarray(np.rot90(page)), [Box(_ordered(corners)) for corners in moved]


def turned_over(page: Pixels, boxes: list[Box]) -> tuple[Pixels, list[Box]]:
    """Page and boxes turned by half."""
    height, width = page.shape[:2]
    moved = [np.array([width, height]) - box.corners for box in boxes]
    return np.ascontiguousarray(np.rot90(page, 2)), [Box(_ordered(corners)) for corners in moved]


def voters(boxes: list[Box]) -> list[Box]:
    """The lines whose direction is asked for: not too short, not too long."""
    fit = [box for box in boxes if 2.5 < box.width / max(box.height, 1.0) < 16]
    return sorted(fit or boxes, key=lambda box: -box.height)[:VOTERS]


def cropped(page: Pixels, box: Box) -> Pixels:
    """The line's pixels, straight, with a little of the paper around it."""
    width, height = max(8, round(box.width)), max(8, round(box.height))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    move = cv2.getPerspectiveTransform(box.corners.astype(np.float32), target)
    line: Pixels = cv2.warpPerspective(
        page, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return line
