"""The kiosk's own printed sheets: four black squares near the corners and a QR code say where everything is.

The numbers are those of ``kiosk.documents.geometry`` (version 1); a test keeps both the same.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from kiosk.imaging.optics import moved
from kiosk.imaging.pictures import Pixels

PAGE = (210.0, 297.0)
MARKS = ((10.0, 10.0), (200.0, 10.0), (200.0, 287.0), (10.0, 287.0))
MARK = 6.0
QR = (171.0, 15.0, 19.0, 19.0)
#: paper: (family, left, top, right, bottom of its box in mm)
BOXES = {
    "unit_application": ("unit", 66.0, 150.0, 190.0, 208.0),
    "personal_application": ("personal", 20.0, 172.0, 190.0, 210.0),
    "seal_sheet": ("unit", 65.0, 102.0, 145.0, 182.0),
    "signature_sheet": ("personal", 50.0, 108.0, 160.0, 158.0),
}
RULE = 0.35
_TEXT = re.compile(r"KIOSK1:([a-z_]{1,40}):[A-Za-z0-9-]{1,40}:[1-9]\Z")
_LOOK = 900  # pixels, long side of the picture in which the squares are looked for
_QUIET = 3.0  # mm around the code


@dataclass(frozen=True)
class OwnSheet:
    """``corners`` of the whole A4 page in the picture's pixels, clockwise from its own upper left; ``paper``: which."""

    corners: NDArray[Any]
    paper: str


def find(rgb: Pixels) -> OwnSheet | None:
    """The sheet in the picture, whichever way up; None if its squares or its code are not there."""
    squares = _squares(rgb)
    if squares is None:
        return None
    for turn in range(4):
        seen = np.roll(squares, -turn, axis=0)
        across = np.linalg.norm(seen[1] - seen[0]) + np.linalg.norm(seen[2] - seen[3])
        along = np.linalg.norm(seen[2] - seen[1]) + np.linalg.norm(seen[3] - seen[0])
        if along < across:
            continue
        to_picture = cv2.getPerspectiveTransform(np.array(MARKS, np.float32), seen.astype(np.float32))
        paper = _paper(rgb, to_picture)
        if paper is not None:
            page = np.array([[0, 0], [PAGE[0], 0], [PAGE[0], PAGE[1]], [0, PAGE[1]]])
            return OwnSheet(moved(to_picture.astype(np.float64), page), paper)
    return None


def _squares(rgb: Pixels) -> NDArray[Any] | None:
    """Centres of the four squares, clockwise, in the picture's pixels."""
    skip = max(1, max(rgb.shape[:2]) // (_LOOK + 200))
    some = np.ascontiguousarray(rgb[::skip, ::skip, 1])
    scale = _LOOK / max(some.shape)
    size = (max(8, round(some.shape[1] * scale)), max(8, round(some.shape[0] * scale)))
    grey = cv2.resize(some, size, interpolation=cv2.INTER_AREA)
    scale /= skip
    dark = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 61, 40)
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines:
        (x, y), (w, h), _turn = cv2.minAreaRect(outline)
        if min(w, h) > 7 and max(w, h) < min(32.0, 1.35 * min(w, h)) and cv2.contourArea(outline) > 0.72 * w * h:
            found.append((x, y, (w + h) / 2))
    if len(found) < 4:
        return None
    spots = np.array(found)
    chosen = [int((sx * spots[:, 0] + sy * spots[:, 1]).argmin()) for sx, sy in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    if len(set(chosen)) < 4 or spots[chosen, 2].max() > 1.7 * spots[chosen, 2].min():
        return None
    rough = spots[chosen, :2]
    sides = [float(np.linalg.norm(a - b)) for a, b in itertools.pairwise([*rough, rough[0]])]
    ratio = (sides[0] + sides[2]) / (sides[1] + sides[3])
    if abs(np.log(max(ratio, 1 / ratio) / (277 / 190))) > 0.15 or max(sides) > 60 * spots[chosen, 2].max():
        return None
    at = [_centre(rgb, (spots[k, :2] + 0.5) / scale - 0.5, spots[k, 2] / scale) for k in chosen]
    return np.array(at)


def _centre(rgb: Pixels, rough: NDArray[Any], side: float) -> NDArray[Any]:
    """Centre of gravity of the square's darkness at full resolution."""
    reach = round(0.8 * side)
    x0, y0 = (max(0, round(v) - reach) for v in rough)
    part = cv2.cvtColor(np.ascontiguousarray(rgb[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach]), cv2.COLOR_RGB2GRAY)
    low, high = (float(v) for v in np.percentile(part, (10, 90)))
    weight = np.clip((high - part.astype(np.float64)) / max(1.0, high - low) * 1.6 - 0.3, 0, 1)
    rows, cols = np.arange(part.shape[0]), np.arange(part.shape[1])
    total = max(1e-6, float(weight.sum()))
    return np.array([x0 + (weight.sum(0) @ cols) / total, y0 + (weight.sum(1) @ rows) / total])


def _paper(rgb: Pixels, to_picture: NDArray[Any]) -> str | None:
    """The paper's name in the QR code where it must stand if the page lies this way."""
    px = 9.0
    back = np.array([[1 / px, 0, QR[0] - _QUIET], [0, 1 / px, QR[1] - _QUIET], [0, 0, 1.0]])
    size = (round((QR[2] + 2 * _QUIET) * px),) * 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpPerspective(rgb, to_picture @ back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    for code in zxingcpp.read_barcodes(patch, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)):
        said = _TEXT.match(code.text)
        if said and said[1] in BOXES:
            return said[1]
    return None
