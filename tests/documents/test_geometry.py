"""Printed sheets keep the promised places: corner squares, QR and capture box, measured on the rendered page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zxingcpp

from kiosk.documents.errors import UnknownPaper
from kiosk.documents.geometry import GEOMETRIES, geometry, parse_qr, qr_text
from kiosk.documents.press import Press

PX_PER_MM = 200 / 25.4


def _dark_box(picture: np.ndarray, x: float, y: float, reach: float) -> tuple[float, float, float, float]:
    """left, top, right, bottom in mm of the ink within `reach` mm of a point, at half of full ink (edges between
    pixels).
    """
    left, top = round((x - reach) * PX_PER_MM), round((y - reach) * PX_PER_MM)
    right, bottom = round((x + reach) * PX_PER_MM), round((y + reach) * PX_PER_MM)
    ink = 1 - picture[top:bottom, left:right] / 255
    columns, rows = ink.max(axis=0), ink.max(axis=1)
    across, down = np.nonzero(columns > 0.5)[0], np.nonzero(rows > 0.5)[0]
    return (
        (left + across[0]) / PX_PER_MM,
        (top + down[0]) / PX_PER_MM,
        (left + across[-1] + 1) / PX_PER_MM,
        (top + down[-1] + 1) / PX_PER_MM,
    )


@pytest.fixture(params=sorted(GEOMETRIES))
def sheet(
    request: pytest.FixtureRequest, blank_sheet: Callable[[str, str], bytes], picture_of: Callable[..., Any]
) -> tuple[str, np.ndarray]:
    return request.param, picture_of(blank_sheet(request.param, GEOMETRIES[request.param].kind), 1)


def test_corner_squares_stand_where_the_geometry_says(sheet: tuple[str, np.ndarray]) -> None:
    code, picture = sheet
    found = GEOMETRIES[code]
    for x, y in found.marks:
        left, top, right, bottom = _dark_box(picture, x, y, found.mark)
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((x, y), abs=0.08)
        assert (right - left, bottom - top) == pytest.approx((found.mark, found.mark), abs=0.15)


def test_capture_box_is_ruled_at_its_place_and_empty(sheet: tuple[str, np.ndarray]) -> None:
    code, picture = sheet
    box, rule = GEOMETRIES[code].capture, GEOMETRIES[code].rule
    column = 1 - picture[:, round((box.left + box.width / 2) * PX_PER_MM)] / 255
    row = 1 - picture[round((box.top + box.height / 2) * PX_PER_MM)] / 255
    for line, place in ((column, box.top), (column, box.bottom), (row, box.left), (row, box.right)):
        start = round((place - 0.9) * PX_PER_MM)
        ink = line[start : round((place + 0.9) * PX_PER_MM)]
        centre = (start + (ink * (np.arange(len(ink)) + 0.5)).sum() / ink.sum()) / PX_PER_MM
        assert centre == pytest.approx(place, abs=0.12)
    inside = picture[
        round((box.top + rule + 0.3) * PX_PER_MM) : round((box.bottom - rule - 0.3) * PX_PER_MM),
        round((box.left + rule + 0.3) * PX_PER_MM) : round((box.right - rule - 0.3) * PX_PER_MM),
    ]
    assert inside.min() > 250


def test_qr_names_paper_order_and_copy_at_its_place(sheet: tuple[str, np.ndarray]) -> None:
    code, picture = sheet
    found = zxingcpp.read_barcodes(picture)
    assert [each.text for each in found] == [qr_text(code, "YY01-20261121-000123", 2)]
    said = parse_qr(found[0].text)
    assert said is not None
    assert (said.paper, said.order_number, said.copy) == (code, "YY01-20261121-000123", 2)
    corner, box = found[0].position.top_left, GEOMETRIES[code].qr
    assert (corner.x / PX_PER_MM, corner.y / PX_PER_MM) == pytest.approx((box.left, box.top), abs=0.8)


def test_captured_seal_is_placed_in_its_own_size(
    press: Press, unit: dict[str, Any], picture_of: Callable[..., Any]
) -> None:
    picture = picture_of(press.form("unit_application", unit, [""]))
    box = GEOMETRIES["unit_application"].capture
    left, top, right, bottom = _dark_box(picture, box.left + box.width / 2, box.top + box.height / 2, 28)
    drawn = unit["seal_mm"] * 468 / 480
    assert (right - left, bottom - top) == pytest.approx((drawn, drawn), abs=0.4)


@pytest.mark.parametrize(
    "text", ["", "https://example.cn", "KIOSK1:unit_application:YY01", "KIOSK1:A:B:0", "KIOSK1:a:b:1\n"]
)
def test_foreign_codes_are_not_ours(text: str) -> None:
    assert parse_qr(text) is None


def test_papers_without_capture_have_no_sheet_geometry() -> None:
    with pytest.raises(UnknownPaper):
        geometry("responsibility")
