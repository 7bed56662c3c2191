"""Straight thin lines in a mask of ink, drawn through or broken into dashes; what is left is print."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from kiosk.imaging.pictures import Pixels

LONG_MM, DASHED_MM = 5.5, 10.0  # the shortest lines; strokes of letters are shorter, words have no straight run
SPACE_MM = 1.6  # between dashes
BROAD_MM = 1.1  # mean width of the broadest line
ALONE = 0.7  # share of the ink within ASIDE_MM of a dashed line that lies on it; letters have strokes on both sides
ASIDE_MM = 1.5
SLOPES = (-0.06, -0.03, 0.0, 0.03, 0.06)


def solid(mask: Pixels, px_mm: float) -> tuple[float, Pixels]:
    """Length (mm) of the lines without a gap, and the lines."""
    straight = np.zeros_like(mask)
    grown = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    for kernel in _ways(LONG_MM * px_mm):
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, kernel)
    straight = cv2.bitwise_and(straight, mask)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(straight, connectivity=8)
    length = 0.0
    lines: Pixels = np.zeros_like(mask)
    for n in range(1, count):
        long = _long(stats[n], px_mm)
        if long > 5.0 * px_mm:
            lines[labels == n] = 255
            length += long / px_mm
    return length, lines


def dashed(mask: Pixels, every: Pixels, px_mm: float) -> tuple[float, Pixels]:
    """The same for lines of dashes or dots that nothing else of ``every`` ink stands close to."""
    grown = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    straight = np.zeros_like(mask)
    for bridge, kernel in zip(_ways(SPACE_MM * px_mm), _ways(DASHED_MM * px_mm), strict=True):
        whole = cv2.morphologyEx(grown, cv2.MORPH_CLOSE, bridge)
        straight |= cv2.morphologyEx(whole, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(straight, connectivity=8)
    length = 0.0
    lines: Pixels = np.zeros_like(mask)
    for n in range(1, count):
        long = _long(stats[n], px_mm)
        if not long:
            continue
        line = np.where(labels == n, 255, 0).astype(np.uint8)
        near = cv2.dilate(line, np.ones((round(2 * ASIDE_MM * px_mm) | 1,) * 2, np.uint8))
        thick = cv2.dilate(line, np.ones((5, 5), np.uint8))
        if cv2.countNonZero(cv2.bitwise_and(mask, thick)) > ALONE * cv2.countNonZero(cv2.bitwise_and(every, near)):
            np.maximum(lines, thick, out=lines)
            length += long / px_mm
    return length, lines


def rest(mask: Pixels, lines: Pixels) -> Pixels:
    """The mask without the lines and without specks."""
    left = cv2.bitwise_and(mask, cv2.bitwise_not(cv2.dilate(lines, np.ones((7, 7), np.uint8))))
    out: Pixels = cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return out


def _ways(length: float) -> Iterator[Pixels]:
    """Straight kernels, level and upright, a little tilted either way."""
    k = round(length)
    for slope in SLOPES:
        rise = round(abs(slope) * k)
        kernel = np.zeros((rise + 1, k), np.uint8)
        ends = ((0, 0), (k - 1, rise)) if slope >= 0 else ((0, rise), (k - 1, 0))
        cv2.line(kernel, ends[0], ends[1], 1)
        yield kernel
        yield np.ascontiguousarray(kernel.T)


def _long(stats: Pixels, px_mm: float) -> float:
    """Length of a component in pixels; 0 if it is too broad for a line."""
    wide, high, area = (int(stats[c]) for c in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    long = float(np.hypot(wide, high))
    return long if area < long * BROAD_MM * px_mm else 0.0
