"""Ink is what the paper does not reflect: background, absorption, colour of ink."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kiosk.imaging.pictures import Pixels

Float = NDArray[Any]
Matrix = NDArray[Any]


DARKEST = 32  # paper is never taken to be darker


def paper(rgb: Pixels, step: int, reach: int = 9) -> Pixels:
    """The bare paper's colour at each pixel: the brightest neighbourhood mean, smoothed.

    ``step`` is the side of the blocks averaged, ``reach`` the neighbourhood in blocks.
    """
    height, width = rgb.shape[:2]
    cols, rows = max(2, width // step), max(2, height // step)
    even = rgb[: rows * step, : cols * step] if width >= 2 * step and height >= 2 * step else rgb
    small = cv2.resize(even, (cols, rows), interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(np.ascontiguousarray(small), 3)
    bright = cv2.dilate(small, np.ones((reach, reach), np.uint8))
    bright = np.maximum(cv2.blur(bright, (reach, reach)), DARKEST)
    full: Pixels = cv2.resize(bright, (width, height), interpolation=cv2.INTER_LINEAR)
    return full


def absorption(rgb: Pixels, white: Pixels) -> Pixels:
    """Share of the light that ink takes away, 0..255 per channel."""
    kept = cv2.divide(rgb, white, scale=255.0)
    ink: Pixels = cv2.bitwise_not(kept)
    return ink


def colourfulness(ink: Pixels) -> Pixels:
    """Difference between the most and the least absorbed channel, 0..255."""
    red, green, blue = cv2.split(ink)
    spread: Pixels = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return spread


def clusters(joined: Pixels) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Components of a mask that was grown (so they are few): count, labels, and x, y, width, height, area of each.

    OpenCV's own statistics take four times as long as the labels, the outlines and a histogram together.
    """
    count, labels = cv2.connectedComponents(joined, connectivity=8, ltype=cv2.CV_16U)
    stats = np.zeros((count, 5), np.int32)
    stats[0, 2:4] = joined.shape[::-1]
    stats[:, cv2.CC_STAT_AREA] = cv2.calcHist([labels], [0], None, [count], [0, count]).ravel()
    outlines, levels = cv2.findContours(joined, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for outline, level in zip(outlines, levels[0] if outlines else (), strict=True):
        if level[3] < 0:  # holes have a parent
            x, y = outline[0, 0]
            stats[labels[y, x], :4] = cv2.boundingRect(outline)
    return count, labels, stats


def runs(row: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where runs of True begin, and where they have ended."""
    change: NDArray[Any] = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
    return np.flatnonzero(change > 0), np.flatnonzero(change < 0)


def moved(matrix: Matrix, points: ArrayLike) -> NDArray[Any]:
    """Points (N x 2) carried by a 3 x 3 projective matrix."""
    out: NDArray[Any] = cv2.perspectiveTransform(np.asarray(points, np.float64).reshape(1, -1, 2), matrix)[0]
    return out


def shifted(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
