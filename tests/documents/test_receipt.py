"""Receipts and slips: a black and white raster of the printer's width on which what was asked for stands."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from kiosk.documents import fonts
from kiosk.documents.errors import FontsMissing, TextMissing
from kiosk.documents.press import Press
from kiosk.documents.receipt import NOT_AN_INVOICE, WIDTH


def _open(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode, image.width) == ("PNG", "1", WIDTH)
        return np.array(image.convert("L"))


@pytest.fixture
def shows() -> Callable[..., bool]:
    """Whether a text stands on a raster in a given size: matched against the text set with the same font."""

    def look(picture: np.ndarray, text: str, size: int, bold: bool = False) -> bool:
        found = fonts.font_file(fonts.SANS, bold)
        assert found is not None
        font = ImageFont.truetype(found[0], size, index=found[1], layout_engine=ImageFont.Layout.BASIC)
        left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
        image = Image.new("L", (right - left, bottom - top), 255)
        ImageDraw.Draw(image).text((-left, -top), text, fill=0, font=font)
        template = np.where(np.array(image) < 150, 0, 255).astype(np.uint8)
        return float(cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED).max()) > 0.97

    return look


def test_receipt_shows_order_amounts_payment_certificate_and_hotline(
    press: Press, receipt_data: dict[str, Any], shows: Callable[..., bool]
) -> None:
    picture = _open(press.receipt(receipt_data))
    regular = [
        receipt_data["order_number"],
        receipt_data["hall"],
        receipt_data["customer"],
        receipt_data["transaction_id"],
        receipt_data["paid_at"],
        "至 2027-12-01",
        "HN20250001234",
    ]
    assert [text for text in regular if not shows(picture, text, 24)] == []
    assert shows(picture, NOT_AN_INVOICE, 22)
    assert shows(picture, "200.00 元", 26)
    assert shows(picture, "200.00 元", 34, bold=True)
    assert shows(picture, "咨询电话 400-6682-666", 26, bold=True)
    assert not shows(picture, "300.00 元", 34, bold=True)


def test_rare_characters_have_their_own_glyphs(press: Press, receipt_data: dict[str, Any]) -> None:
    def glyph(char: str) -> bytes:
        return press.receipt(receipt_data | {"customer": char * 3})

    drawn = [glyph(char) for char in [*fonts.RARE, "\U0010fffd"]]
    assert len(set(drawn)) == len(drawn)


def test_query_code_is_read_back(press: Press, receipt_data: dict[str, Any]) -> None:
    query = "https://kiosk.example.cn/q/YY01-20261121-000123"
    codes = zxingcpp.read_barcodes(_open(press.receipt(receipt_data | {"query": query})))
    assert [code.text for code in codes] == [query]
    assert zxingcpp.read_barcodes(_open(press.receipt(receipt_data | {"query": ""}))) == []


def test_long_values_wrap_inside_the_margins(press: Press, receipt_data: dict[str, Any]) -> None:
    short = _open(press.receipt(receipt_data))
    long = _open(
        press.receipt(
            receipt_data
            | {
                "customer": "湖南省䶮㛃建设工程公司" * 6,
                "items": [{"name": "单位证书延期1年" * 5, "amount": 20000}] * 3,
                "total": 99_999_999_00,
                "notes": ["请妥善保管。" * 20],
                "transaction_id": "4" * 64,
            }
        )
    )
    assert long.shape[0] > short.shape[0] + 400
    assert long[:, :10].min() == 255
    assert long[:, -10:].min() == 255


def test_slips_say_what_became_of_the_money(
    press: Press, receipt_data: dict[str, Any], shows: Callable[..., bool]
) -> None:
    refund = _open(press.refund_slip(receipt_data | {"amount": 20000, "refund_id": "R0001", "reason": "证书未能签发"}))
    assert shows(refund, "退款凭证，非发票", 22)
    assert shows(refund, "R0001", 24)
    assert shows(refund, "退款金额", 34, bold=True)
    what = {"what": "UKey 写入没有完成。", "next": ["请把凭条和 UKey 交给工作人员。"], "paid": 20000, "code": "W03"}
    failure = _open(press.failure_slip(receipt_data | what))
    assert shows(failure, "UKey 写入没有完成。", 28)
    assert shows(failure, "1. 请把凭条和 UKey 交给工作人员。", 26)
    assert shows(failure, "200.00 元", 30, bold=True)


def test_incomplete_data_and_missing_fonts_are_refused(press: Press, receipt_data: dict[str, Any]) -> None:
    for make, key in ((press.receipt, "total"), (press.refund_slip, "amount"), (press.failure_slip, "what")):
        with pytest.raises(TextMissing) as refused:
            make(receipt_data | {"total": None})
        assert refused.value.facts == {"key": key}
    with Press(sans="No Such Family") as lacking, pytest.raises(FontsMissing):
        lacking.receipt(receipt_data)


def test_hostile_text_is_printed_as_text(press: Press, receipt_data: dict[str, Any]) -> None:
    plain = press.receipt(receipt_data | {"customer": "张三"})
    assert press.receipt(receipt_data | {"customer": "张\x1b@\u202e三\x00"}) != plain
    assert press.receipt(receipt_data | {"customer": "张\u202e三\x00\n"}) == plain
