"""The working frame: the sheet upright and level at a fixed scale, and how it lies in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import own_sheet
from kiosk.imaging.optics import Float, Matrix, moved, shifted
from kiosk.imaging.pictures import Decoded, Pixels
from kiosk.imaging.sheet import find_sheet, whole

WORK = 150 / 25.4  # pixels per mm of the working frame: half of a 300-dpi scan, which makes halving exact
A4 = (210.0, 297.0)
LARGEST = 440.0  # mm, no scanner's glass is longer: such a resolution is not believed
LETTER = 215.9  # mm, the width of most flat-bed scanners
BEDS = (279.4, 297.0, 355.6)  # mm, their lengths


@dataclass(frozen=True)
class Frame:
    """``rgb``: the working picture, WORK pixels per mm; ``to_picture``: its pixels to the given picture's pixels.

    ``valid``: where the working picture shows paper that is in the picture. ``flat`` is True for a scan: then
    ``dpi`` holds for the whole picture. ``paper``: which of our own sheets it is.
    """

    picture: Decoded
    rgb: Pixels
    valid: Pixels
    to_picture: Matrix
    flat: bool
    dpi: float
    corners: NDArray[Any] | None = None
    paper: str = ""

    def patch(self, left: float, top: float, width: float, height: float, px_mm: float) -> tuple[Pixels, Matrix]:
        """A rectangle of the frame (mm) resampled at ``px_mm``, with the matrix from its pixels to the picture."""
        scale = np.diag([WORK / px_mm, WORK / px_mm, 1.0])
        scale[:2, 2] = (WORK / px_mm - 1) / 2
        to_picture = self.to_picture @ shifted(left * WORK, top * WORK) @ scale
        size = (max(1, round(width * px_mm)), max(1, round(height * px_mm)))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        rim = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]])
        part, x, y = self.picture.part(moved(to_picture, rim))
        here = shifted(-x, -y) @ to_picture
        return cv2.warpPerspective(part, here, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), to_picture

    def inside(self, points_mm: NDArray[Any]) -> NDArray[Any]:
        """How many pixels each point (mm in the frame) lies within the picture; negative: outside."""
        seen = moved(self.to_picture, points_mm * WORK)
        width, height = self.picture.width, self.picture.height
        edge = np.stack([seen[:, 0], width - 1 - seen[:, 0], seen[:, 1], height - 1 - seen[:, 1]], 1)
        nearest: NDArray[Any] = edge.min(axis=1)
        return nearest

    def px_mm(self, x: float, y: float) -> float:
        """Picture pixels per mm around a point of the frame (mm)."""
        at = np.array([[x - 5, y], [x + 5, y], [x, y - 5], [x, y + 5]]) * WORK
        seen = moved(self.to_picture, at)
        area = np.linalg.norm(seen[1] - seen[0]) * np.linalg.norm(seen[3] - seen[2])
        return float(math.sqrt(area) / 10)


def frame(decoded: Decoded, dpi: float | None) -> Frame:
    """Level the sheet: one of our own by its marks, another scan by its rules, a photo by the sheet's corners."""
    own = own_sheet.find(decoded)
    if own is not None:
        return replace(_from_corners(decoded, own.corners), paper=own.paper)
    if dpi and max(decoded.width, decoded.height) / dpi * 25.4 < LARGEST:
        return _from_scan(decoded, float(dpi))
    scale, sure = _scale(decoded)
    if sure and scale:
        return _from_scan(decoded, scale)
    corners = find_sheet(decoded)
    if corners is not None and (whole(corners, decoded) or (scale is None and not _fills(corners, decoded))):
        return _from_corners(decoded, corners)
    if scale is None:
        scale = 25.4 * max(decoded.width, decoded.height) / A4[1]
    return _from_scan(decoded, scale)


def as_seen(sheet: Frame) -> Frame:
    """The picture of a sheet that is partly outside it, without stretching it: its corners cannot be known."""
    picture = sheet.picture
    return _from_scan(picture, 25.4 * max(picture.width, picture.height) / A4[1])


def _fills(corners: NDArray[Any], decoded: Decoded) -> bool:
    """True if the sheet's corners are the picture's own: a scan of unknown resolution, to be stretched in no way."""
    width, height = decoded.width, decoded.height
    own = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    apart = np.linalg.norm(corners[:, None] - own[None], axis=2).min(axis=0)
    return bool(apart.max() < 0.02 * max(width, height))


def scan_dpi(decoded: Decoded, dpi: float | None) -> float | None:
    """Dots per inch if the picture may be a flat scan: as told, as its file claims, or as its size says; else None."""
    return float(dpi) if dpi else _scale(decoded)[0]


def _scale(decoded: Decoded) -> tuple[float | None, bool]:
    """Dots per inch if the picture may be a flat scan, as its file claims or its size says; and whether it is one."""
    high, wide = sorted((decoded.width, decoded.height), reverse=True)
    if decoded.camera:
        return None, False
    if decoded.dpi and decoded.dpi >= 90:
        size = (wide / decoded.dpi * 25.4, high / decoded.dpi * 25.4)
        if abs(size[0] - A4[0]) < 2.5 and abs(size[1] - A4[1]) < 3.5:
            return decoded.dpi, True
        if abs(size[0] - LETTER) < 1.0 and 270 < size[1] < 365:
            return decoded.dpi, True
        if size[0] < 225 and size[1] < 365:  # what a flat-bed scanner can give
            return decoded.dpi, False
    for common in (100, 150, 200, 240, 300, 400, 600):
        if abs(wide / common * 25.4 - A4[0]) < 1.2 and abs(high / common * 25.4 - A4[1]) < 1.8:
            return float(common), True
        if abs(wide / common * 25.4 - LETTER) < 0.4 and any(abs(high / common * 25.4 - bed) < 0.8 for bed in BEDS):
            return float(common), True
    if abs(high / wide - A4[1] / A4[0]) < 0.006:
        return 25.4 * high / A4[1], False
    return None, False


def _from_corners(picture: Decoded, corners: NDArray[Any]) -> Frame:
    page = np.array([[0, 0], [A4[0], 0], [A4[0], A4[1]], [0, A4[1]]], np.float64) * WORK - 0.5
    to_picture = cv2.getPerspectiveTransform(page.astype(np.float32), corners.astype(np.float32)).astype(np.float64)
    size = (round(A4[0] * WORK), round(A4[1] * WORK))
    shrink = max(1.0, math.sqrt(abs(np.linalg.det(to_picture))))
    inner = to_picture
    if shrink < 1.5:
        small = picture.rgb
    else:
        small = picture.reduced(2)
        inner = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ to_picture
    four = cv2.cvtColor(small, cv2.COLOR_RGB2RGBA)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    four = cv2.warpPerspective(four, inner, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    work = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    valid = _valid(picture, to_picture, size)
    return Frame(picture, work, valid, to_picture, False, 25.4 * WORK * shrink, corners)


def _valid(picture: Decoded, to_picture: Matrix, size: tuple[int, int]) -> Pixels:
    """Where the working frame lies within the picture; its outermost pixel row counts as outside."""
    width, height = picture.width, picture.height
    outline = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
    seen = moved(np.linalg.inv(to_picture), outline)
    mask: Pixels = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.round(seen).astype(np.int32), 255)
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return mask


def _from_scan(picture: Decoded, dpi: float) -> Frame:
    width, height = picture.width, picture.height
    factor = WORK * 25.4 / dpi
    times = round(1 / factor)
    if times > 1 and abs(times * factor - 1) < 1e-3:
        small = picture.reduced(times)
        size = (small.shape[1], small.shape[0])
        width, height = size[0] * times, size[1] * times
    else:
        size = (max(8, round(width * factor)), max(8, round(height * factor)))
        how = cv2.INTER_AREA if factor < 0.6 else cv2.INTER_LINEAR
        small = cv2.resize(picture.rgb, size, interpolation=how)
    fx, fy = width / size[0], height / size[1]
    to_picture = np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]])
    if size[0] > 250 * WORK and size[0] > size[1]:
        small = np.ascontiguousarray(np.rot90(small))
        to_picture = to_picture @ np.array([[0, -1, size[0] - 1], [1, 0, 0], [0, 0, 1.0]])
        size = (size[1], size[0])
    angle = skew(small)
    if abs(angle) > 0.05:
        turn = np.vstack([cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0), [0, 0, 1]])
        small = _turned(small, turn[:2], size)
        to_picture = to_picture @ np.linalg.inv(turn)
    return Frame(picture, small, _valid(picture, to_picture, size), to_picture, True, dpi)


def _turned(rgb: Pixels, turn: Matrix, size: tuple[int, int]) -> Pixels:
    """Bilinear; pixels of four bytes are turned in little more than half of the time that three take."""
    four = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA)
    four = cv2.warpAffine(four, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    out: Pixels = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    return out


def skew(rgb: Pixels) -> float:
    """Degrees by which the rules of a form are turned (positive: clockwise), within ±10; 0 without rules.

    Each rule is a long thin component; a straight line is laid through its pixels, and those that most of the rules'
    length agrees on decide.
    """
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    half = cv2.resize(rgb[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    grey = cv2.extractChannel(half, 0)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((5, 5), np.uint8))
    _, mask = cv2.threshold(dark, 22, 255, cv2.THRESH_BINARY)
    thick = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    runs = cv2.bitwise_and(mask, cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, 17), np.uint8)))
    degrees, weight = _slopes(runs)
    if weight.sum() < 4000:
        return 0.0
    bins = np.bincount(np.round((degrees + 10) * 10).astype(int), weight, 202)
    top = int(np.convolve(bins, np.ones(5), "same").argmax()) / 10 - 10
    close = np.abs(degrees - top) < 0.4
    return float(np.average(degrees[close], weights=weight[close]))


def _slopes(runs: Pixels) -> tuple[Float, Float]:
    """Slope in degrees (within ±10) of each component of at least 60 pixels that is a straight line; its length²."""
    _, labels = cv2.connectedComponents(cv2.dilate(runs, np.ones((1, 5), np.uint8)), connectivity=8, ltype=cv2.CV_32S)
    if not cv2.countNonZero(runs):
        return np.zeros(0), np.zeros(0)
    columns, rows = cv2.findNonZero(runs).reshape(-1, 2).T
    owner, x, y = labels[rows, columns], columns.astype(np.float64), rows.astype(np.float64)
    count = np.maximum(np.bincount(owner), 1)
    x -= (np.bincount(owner, x) / count)[owner]
    y -= (np.bincount(owner, y) / count)[owner]
    xx, xy, yy = np.bincount(owner, x * x), np.bincount(owner, x * y), np.bincount(owner, y * y)
    slope = xy / np.maximum(xx, 1)
    degrees, length = np.degrees(np.arctan(slope)), np.sqrt(12 * xx / count)
    straight = (yy - slope * xy) / count < 4.0  # two rules side by side are one component
    keep = straight & (length > 60) & (np.abs(degrees) < 10)
    return degrees[keep], length[keep] ** 2
