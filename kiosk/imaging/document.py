"""Is the picture of a document good enough: sharp, whole, not empty, the right kind, sealed where it must be."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from kiosk.imaging import optics
from kiosk.imaging.frame import scan_dpi
from kiosk.imaging.pictures import Decoded, Pixels, decode
from kiosk.imaging.sheet import RATIO, find_sheet, whole
from kiosk.imaging.verdict import DocumentVerdict, Fault

KINDS = ("licence", "id_front", "id_back", "form", "letter", "permit", "seal_sheet", "voucher", "photo")
CARDS = ("id_front", "id_back")
FORMS = ("form", "seal_sheet")
CARD_RATIO = 85.6 / 54.0
PAGE_SIDE = 1754
SHEET_QR = "KIOSK"


@dataclass(frozen=True)
class _Page:
    rgb: Pixels
    corners: NDArray[Any] | None
    scanned: bool


def check(picture: bytes, kind: str, sealed: bool) -> DocumentVerdict:
    """Judge a document of one of KINDS. PictureRefused if the bytes are no picture."""
    if kind not in KINDS:
        raise ValueError(f"kind: {kind}")
    began = time.perf_counter()
    seen = decode(picture)
    faults: list[Fault] = []
    if max(seen.width, seen.height) < 700 or min(seen.width, seen.height) < 400:
        faults.append(Fault.TOO_SMALL)
    page = _page(seen)
    measures = _measures(page.rgb)
    qr = codes(page.rgb)
    seals = red_seals(page.rgb)
    kind_seen = _kind(page, qr)
    measures["red_seals"] = float(seals)
    if measures["light"] < 70:
        faults.append(Fault.TOO_DARK)
    if measures["inked"] < 0.003:
        faults.append(Fault.EMPTY)
    else:
        faults += _quality(page, measures, kind)
        if not _right_kind(kind, kind_seen):
            faults.append(Fault.WRONG_KIND)
        if sealed and seals == 0:
            faults.append(Fault.SEAL_MISSING)
    corners = () if page.corners is None else tuple((float(x), float(y)) for x, y in page.corners)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(page.rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return DocumentVerdict(
        ok=not faults,
        faults=tuple(faults),
        kind_seen=kind_seen,
        corners_px=corners,
        page_jpeg=bytes(encoded.tobytes()),
        qr=qr,
        red_seals=seals,
        ms=(time.perf_counter() - began) * 1000,
        measures={key: round(value, 4) for key, value in measures.items()},
    )


def _page(seen: Decoded) -> _Page:
    """The page at about 150 dpi, straightened if it is a photo of a sheet."""
    scanned = scan_dpi(seen, None) is not None
    corners = None if scanned else find_sheet(seen)
    if corners is not None and whole(corners, seen):
        return _Page(straightened(seen.rgb, corners), corners, False)
    height, width = sorted((seen.width, seen.height), reverse=True)
    scanned = scanned or any(abs(height / width / ratio - 1) < 0.035 for ratio in (RATIO, CARD_RATIO))
    factor = min(1.0, PAGE_SIDE / max(seen.width, seen.height))
    size = (max(1, round(seen.width * factor)), max(1, round(seen.height * factor)))
    rgb = seen.rgb if factor == 1.0 else cv2.resize(seen.rgb, size, interpolation=cv2.INTER_AREA)
    return _Page(np.ascontiguousarray(rgb), None, scanned)


def straightened(rgb: Pixels, corners: NDArray[Any], side: int = PAGE_SIDE) -> Pixels:
    """The quadrilateral as an upright rectangle whose longer side has ``side`` pixels."""
    wide = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
    high = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    scale = side / max(wide, high)
    w, h = max(8, round(wide * scale)), max(8, round(high * scale))
    target = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    move = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    out: Pixels = cv2.warpPerspective(rgb, move, (w, h), flags=cv2.INTER_AREA)
    return out


def _measures(rgb: Pixels) -> dict[str, float]:
    """Light of the paper (0..255), share of inked pixels, sharpness of the steepest edges, share of burnt-out glare."""
    white = optics.paper(rgb, 12)
    ink = optics.absorption(rgb, white)
    green = cv2.extractChannel(ink, 1)
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 0.7)
    gx, gy = cv2.Sobel(grey, cv2.CV_16S, 1, 0), cv2.Sobel(grey, cv2.CV_16S, 0, 1)
    slope = np.abs(gx) + np.abs(gy)
    strongest = float(np.percentile(slope[::2, ::2], 99.3))
    high, low = (float(v) for v in np.percentile(grey[::4, ::4], (60, 1)))
    return {
        "light": float(np.percentile(grey[::4, ::4], 60)),
        "inked": float((green[::2, ::2] > 60).mean()),
        "sharp": strongest / max(20.0, high - low) / 8,
        "contrast": high - low,
    }


def _quality(page: _Page, measures: dict[str, float], kind: str) -> list[Fault]:
    faults = []
    if measures["sharp"] < 0.16:
        faults.append(Fault.BLURRED)
    if not page.scanned and page.corners is None and kind not in (*CARDS, "photo", "voucher"):
        faults.append(Fault.CORNERS_MISSING)
    return faults


def codes(rgb: Pixels) -> tuple[str, ...]:
    """Texts of the QR codes, at most eight, each at most 500 characters."""
    found = zxingcpp.read_barcodes(rgb, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return tuple(code.text[:500] for code in found[:8])


def red_seals(rgb: Pixels) -> int:
    """How many round or square red seals of at least about 12 mm (on A4) are on the page."""
    ink = optics.absorption(rgb, optics.paper(rgb, 12))
    red, green, blue = cv2.split(ink)
    spread = cv2.subtract(cv2.min(green, blue), red)
    _, mask = cv2.threshold(spread, 38, 255, cv2.THRESH_BINARY)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    per_mm = max(rgb.shape[:2]) / 297
    inked = np.bincount(labels[mask > 0], minlength=count)
    total = 0
    for k in range(1, count):
        w, h = int(stats[k, cv2.CC_STAT_WIDTH]), int(stats[k, cv2.CC_STAT_HEIGHT])
        share = inked[k] / max(1, w * h)
        if min(w, h) > 12 * per_mm and max(w, h) < 2.2 * min(w, h) and max(w, h) < 130 * per_mm and 0.03 < share < 0.8:
            total += 1
    return total


def _kind(page: _Page, texts: tuple[str, ...]) -> str | None:
    """What the page looks like: 'form' by the QR of our sheets, 'card' by its proportions, 'licence' by its QR."""
    if any(code.startswith(SHEET_QR) for code in texts):
        return "form"
    height, width = page.rgb.shape[:2]
    ratio = max(height, width) / min(height, width)
    if abs(ratio - CARD_RATIO) < 0.09 and width > height:
        return "card"
    if any(code.startswith(("http://", "https://")) for code in texts):
        return "licence"
    return None


def _right_kind(kind: str, seen: str | None) -> bool:
    if seen is None or kind == "photo":
        return kind not in FORMS
    if kind in FORMS:
        return seen == "form"
    if kind in CARDS:
        return seen == "card"
    return seen != "form" and (kind != "licence" or seen != "card")
