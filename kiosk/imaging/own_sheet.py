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

from kiosk.imaging.optics import moved, shifted
from kiosk.imaging.pictures import Decoded

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


def find(picture: Decoded) -> OwnSheet | None:
    """The sheet in the picture, whichever way up; None if its squares or its code are not there."""
    squares = _squares(picture)
    if squares is None:
        return None
    for turn in range(4):
        seen = np.roll(squares, -turn, axis=0)
        across = np.linalg.norm(seen[1] - seen[0]) + np.linalg.norm(seen[2] - seen[3])
        along = np.linalg.norm(seen[2] - seen[1]) + np.linalg.norm(seen[3] - seen[0])
        if along < across:
            continue
        to_picture = cv2.getPerspectiveTransform(np.array(MARKS, np.float32), seen.astype(np.float32))
        paper = _paper(picture, to_picture)
        if paper is not None:
            page = np.array([[0, 0], [PAGE[0], 0], [PAGE[0], PAGE[1]], [0, PAGE[1]]])
            return OwnSheet(moved(to_picture.astype(np.float64), page), paper)
    return None


def _squares(picture: Decoded) -> NDArray[Any] | None:
    """Centres of the four squares, clockwise, in the picture's pixels."""
    longer = max(picture.width, picture.height)
    times = 4 if longer >= 3.6 * _LOOK else 2 if longer > 2 * _LOOK else 1
    grey = cv2.extractChannel(picture.reduced(times) if times > 1 else picture.rgb, 1)
    while max(grey.shape) >= 1.8 * _LOOK:
        grey = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
    shrink = _LOOK / max(grey.shape)
    if not 0.9 < shrink < 1.1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_LINEAR)
    scale = max(grey.shape) / longer
    dark = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 61, 40)
    solid = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((4, 4), np.uint8))  # no letter's stroke is so broad
    if cv2.countNonZero(solid) < 4 * 4 * 4:
        return None
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines:
        left, top, wide, high = cv2.boundingRect(outline)
        if not 7 < min(wide, high) < 50 or not solid[top : top + high, left : left + wide].any():
            continue
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
    at = [_centre(picture, (spots[k, :2] + 0.5) / scale - 0.5, spots[k, 2] / scale) for k in chosen]
    return np.array(at)


def _centre(picture: Decoded, rough: NDArray[Any], side: float) -> NDArray[Any]:
    """Centre of gravity of the square's darkness at full resolution."""
    reach = round(0.8 * side)
    seen, x0, y0 = picture.part(np.round(rough)[None], reach)
    part = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)
    low, high = (float(v) for v in np.percentile(part, (10, 90)))
    weight = np.clip((high - part.astype(np.float64)) / max(1.0, high - low) * 1.6 - 0.3, 0, 1)
    rows, cols = np.arange(part.shape[0]), np.arange(part.shape[1])
    total = max(1e-6, float(weight.sum()))
    return np.array([x0 + (weight.sum(0) @ cols) / total, y0 + (weight.sum(1) @ rows) / total])


def _paper(picture: Decoded, to_picture: NDArray[Any]) -> str | None:
    """The paper's name in the QR code where it must stand if the page lies this way."""
    px = 9.0
    back = np.array([[1 / px, 0, QR[0] - _QUIET], [0, 1 / px, QR[1] - _QUIET], [0, 0, 1.0]])
    size = (round((QR[2] + 2 * _QUIET) * px),) * 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    rim = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]])
    part, x, y = picture.part(moved(to_picture @ back, rim))
    patch = cv2.warpPerspective(
        part, shifted(-x, -y) @ to_picture @ back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    for code in zxingcpp.read_barcodes(patch, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)):
        said = _TEXT.match(code.text)
        if said and said[1] in BOXES:
            return said[1]
    return None
