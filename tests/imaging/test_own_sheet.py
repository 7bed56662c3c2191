"""The kiosk's own sheets: found by their squares and code whichever way up, measured by them, their box known."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

from bench.imaging import paper, stamps
from bench.imaging.words import PX_MM
from kiosk.documents import geometry
from kiosk.imaging import own_sheet
from kiosk.imaging.inspector import Inspector
from kiosk.imaging.pictures import decode
from kiosk.imaging.seals import check

DIAMETER = 42.0


def drawn(kind: str, seal: bool = True) -> NDArray[np.uint8]:
    """One of our sheets at 300 dpi, drawn from the documents' own numbers."""
    where = geometry.geometry(kind)
    page = np.full((round(297 * PX_MM), round(210 * PX_MM), 3), 250, np.uint8)
    for x, y in where.marks:
        corners = [round((v + d * where.mark / 2) * PX_MM) for d in (-1, 1) for v in (x, y)]
        cv2.rectangle(page, (corners[0], corners[1]), (corners[2], corners[3]), (20, 20, 20), -1)
    code = zxingcpp.create_barcode(geometry.qr_text(kind, "K2026-0001", 1), zxingcpp.BarcodeFormat.QRCode)
    side = round(where.qr.width * PX_MM)
    modules = cv2.resize(
        np.asarray(code.to_image(add_quiet_zones=False)), (side, side), interpolation=cv2.INTER_NEAREST
    )
    x, y = round(where.qr.left * PX_MM), round(where.qr.top * PX_MM)
    page[y : y + side, x : x + side] = modules[..., None]
    box = where.capture
    corner = tuple(round(v * PX_MM) for v in (box.left, box.top))
    far = tuple(round(v * PX_MM) for v in (box.right, box.bottom))
    cv2.rectangle(page, corner, far, (30, 30, 30), round(where.rule * PX_MM))
    if seal:
        rng = np.random.default_rng(4)
        cover = stamps.inked(rng, stamps.round_seal(rng, DIAMETER, "长沙明远科技有限公司"), 0.05, 0)
        middle = ((box.left + box.right) / 2 * PX_MM, (box.top + box.bottom) / 2 * PX_MM)
        at = [round(m - s / 2) for m, s in zip(middle, (cover.shape[1], cover.shape[0]), strict=True)]
        paper.lay(page, cover, at[0], at[1], paper.red_ink(rng))
    return page


def encoded(page: NDArray[np.uint8], dpi: int | None = None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(page).save(out, "JPEG", quality=92, **({"dpi": (dpi, dpi)} if dpi else {}))
    return out.getvalue()


def turned(page: NDArray[np.uint8], degrees: float, scale: float = 1.0) -> NDArray[np.uint8]:
    height, width = page.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    return np.asarray(cv2.warpAffine(page, move, (width, height), borderValue=(235, 235, 235)))


def test_the_numbers_are_those_of_the_printed_sheets() -> None:
    assert geometry.PLAIN.marks == own_sheet.MARKS
    assert geometry.PLAIN.mark == own_sheet.MARK
    qr = geometry.PLAIN.qr
    assert (qr.left, qr.top, qr.width, qr.height) == own_sheet.QR
    assert set(own_sheet.BOXES) == set(geometry.GEOMETRIES)
    for kind, (family, *sides) in own_sheet.BOXES.items():
        where = geometry.geometry(kind)
        assert sides == [where.capture.left, where.capture.top, where.capture.right, where.capture.bottom]
        assert family == ("unit" if where.kind == "seal" else "personal")
    assert own_sheet._TEXT.match(geometry.qr_text("seal_sheet", "K2026-0001", 1))


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (180, 1), (2.5, 0.97), (178, 0.99)])
def test_a_scan_is_measured_by_its_marks(degrees: float, scale: float) -> None:
    page = turned(drawn("unit_application"), degrees, scale)
    verdict = check(encoded(page, 300), None, None)
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(DIAMETER, abs=0.1)  # the marks' scale, not the file's 300 dpi
    height, width = page.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    box = geometry.geometry("unit_application").capture
    there = move @ [(box.left + box.right) / 2 * PX_MM, (box.top + box.bottom) / 2 * PX_MM, 1]
    assert verdict.center_px == pytest.approx(there, abs=3)


def test_a_photo_is_straightened_by_its_marks() -> None:
    page = drawn("seal_sheet")
    height, width = page.shape[:2]
    target = np.array([[420, 260], [2780, 330], [2900, 3900], [300, 3780]], np.float32)
    move = cv2.getPerspectiveTransform(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32), target)
    photo = np.asarray(cv2.warpPerspective(page, move, (3120, 4160), borderValue=(90, 70, 60)), np.uint8)
    verdict = check(encoded(photo), None, None)
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(DIAMETER, abs=0.15)


def test_an_empty_box_of_our_own_sheet() -> None:
    for kind in ("unit_application", "signature_sheet"):
        verdict = Inspector().seal(encoded(drawn(kind, seal=False), 300), own_sheet.BOXES[kind][0])
        assert [str(d) for d in verdict.defects] == ["none"]
        assert verdict.found is False


def test_another_page_is_not_ours() -> None:
    page = drawn("unit_application")
    page[:480, 1900:] = 250  # without the code
    assert own_sheet.find(decode(encoded(page))) is None
    assert own_sheet.find(decode(encoded(np.full((900, 700, 3), 255, np.uint8)))) is None
