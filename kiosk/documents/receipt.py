"""The receipt (收款凭证) as a picture: 576 dots wide, black and white, for a thermal printer of 8 dots a mm (72 mm of
80 mm paper).

Drawn with Pillow, not laid out by a browser: a receipt must be there at once, and a raster prints rare characters that
printers' own fonts lack.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from kiosk.documents import fonts
from kiosk.documents.errors import FontsMissing, TextMissing
from kiosk.documents.pictures import qr_png
from kiosk.documents.text import clean, yuan

WIDTH = 576
MARGIN = 12
MAX_HEIGHT = 4000
MAX_ROWS = 40
NOT_AN_INVOICE = "收款凭证，非发票"

_ORDER_ROWS = (
    ("业务单号", "order_number"),
    ("自助终端", "kiosk"),
    ("办理业务", "service_name"),
    ("办理人", "customer"),
)
_PAYMENT_ROWS = (
    ("支付方式", "channel"),
    ("商户单号", "payment_number"),
    ("支付流水", "transaction_id"),
    ("支付时间", "paid_at"),
)
_REFUND_ROWS = (
    ("退回到", "channel"),
    ("原支付流水", "transaction_id"),
    ("退款单号", "refund_id"),
    ("退款时间", "refunded_at"),
    ("到账时间", "arrival"),
    ("退款原因", "reason"),
)

Font = ImageFont.FreeTypeFont


class ReceiptPress:
    """Draws receipts with two installed families; fonts are opened at the first receipt."""

    def __init__(self, serif: str, sans: str) -> None:
        self._families = {"serif": serif, "sans": sans}
        self._opened: dict[tuple[str, bool, int], Font] = {}

    def draw(self, data: Mapping[str, Any]) -> bytes:
        """1-bit PNG, 576 px wide, as high as it needs.

        Keys: `order_number`, `total` (required), `items` [{name, amount}]; amounts in fen. Optional: `title`, `hall` or
        `scheme_name`, `kiosk`, `service_name`, `customer` (already masked), `channel`, `payment_number`,
        `transaction_id`, `paid_at`, `certificates` [{serial, token, not_after, not_before, subject}], `lines` [{label,
        value}] (more rows), `query` (text of the QR), `query_hint`, `hotline`, `notes` [texts], `time`, `mark`
        (「重打」 and the like, boxed).
        """
        _require(data, "order_number", "total")
        page = _Page(self)
        _head(page, data)
        _pairs(page, _ORDER_ROWS + _PAYMENT_ROWS, data)
        _items(page, data)
        _certificates(page, data)
        _tail(page, data)
        return page.png()

    def refund(self, data: Mapping[str, Any]) -> bytes:
        """A refund slip. Keys: `order_number`, `amount` (required); `refund_id`, `transaction_id`, `channel`,
        `reason`, `arrival` (when the money arrives), `refunded_at`, and those of `draw` for head and tail.
        """
        _require(data, "order_number", "amount")
        page = _Page(self)
        _head(page, {"title": "退款凭证", "subtitle": "退款凭证，非发票", **data})
        _pairs(page, _ORDER_ROWS + _REFUND_ROWS, data)
        page.amount("退款金额", f"{yuan(int(data['amount']))} 元", size=34, bold=True)
        page.rule()
        _tail(page, data)
        return page.png()

    def failure(self, data: Mapping[str, Any]) -> bytes:
        """A slip for a business that could not be finished: what happened, what becomes of the money, what to do next.

        Keys: `order_number`, `what` (required), `next` [texts], `paid`, `code`, and those of `draw` for head and
        tail.
        """
        _require(data, "order_number", "what")
        page = _Page(self)
        _head(page, {"title": "未办结凭条", "subtitle": "业务没有办完，请保留这张凭条", **data})
        _pairs(page, (*_ORDER_ROWS, ("处理编号", "code")), data)
        page.paragraph(clean(data["what"]), 28)
        if data.get("paid") is not None:
            page.amount("已付金额", f"{yuan(int(data['paid']))} 元", size=30, bold=True)
        for number, text in enumerate(list(data.get("next") or [])[:MAX_ROWS], 1):
            page.paragraph(f"{number}. {clean(text)}", 26)
        page.rule()
        _tail(page, data)
        return page.png()

    def font(self, size: int, bold: bool = False, family: str = "sans") -> Font:
        """An opened font; FontsMissing when the family is not installed."""
        key = (family, bold, size)
        if key not in self._opened:
            found = fonts.font_file(self._families[family], bold)
            if found is None:
                raise FontsMissing(families=(self._families[family],))
            path, index = found
            self._opened[key] = ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)
        return self._opened[key]


def _head(page: _Page, data: Mapping[str, Any]) -> None:
    page.gap(8)
    page.centred(clean(data.get("hall") or data.get("scheme_name")), 24)
    page.centred(clean(data.get("title")) or "收款凭证", 44, bold=True, family="serif")
    page.centred(clean(data.get("subtitle")) or NOT_AN_INVOICE, 22)
    if data.get("mark"):
        page.boxed(clean(data["mark"]))
    page.rule()


def _require(data: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        if data.get(key) is None:
            raise TextMissing(key=key)


def _pairs(page: _Page, rows: tuple[tuple[str, str], ...], data: Mapping[str, Any]) -> None:
    for label, key in rows:
        page.pair(label, clean(data.get(key)))
    page.rule()


def _items(page: _Page, data: Mapping[str, Any]) -> None:
    items = list(data.get("items") or [])[:MAX_ROWS]
    for item in items:
        page.amount(clean(item["name"]), f"{yuan(int(item['amount']))} 元")
    if items:
        page.rule(dashed=True)
    page.amount("合计", f"{yuan(int(data['total']))} 元", size=34, bold=True)
    page.rule()


def _certificates(page: _Page, data: Mapping[str, Any]) -> None:
    certificates = list(data.get("certificates") or [])[:MAX_ROWS]
    for found in certificates:
        page.pair("证书用户", clean(found.get("subject")))
        page.pair("证书序列号", clean(found.get("serial")))
        start, end = clean(found.get("not_before")), clean(found.get("not_after"))
        page.pair("有效期", f"{start} 至 {end}" if start and end else f"至 {end}" if end else "")
        page.pair("UKey 序列号", clean(found.get("token")))
        page.rule(dashed=found is not certificates[-1])
    lines = list(data.get("lines") or [])[:MAX_ROWS]
    for line in lines:
        page.pair(clean(line["label"]), clean(line["value"]))
    if lines:
        page.rule()


def _tail(page: _Page, data: Mapping[str, Any]) -> None:
    if data.get("query"):
        page.gap(6)
        page.qr(clean(data["query"]))
        page.centred(clean(data.get("query_hint")) or "扫码查询办理进度", 22)
        page.gap(8)
    for note in list(data.get("notes") or [])[:MAX_ROWS]:
        page.paragraph(clean(note), 22)
    if data.get("hotline"):
        page.centred("咨询电话 " + clean(data["hotline"]), 26, bold=True)
    if data.get("time"):
        page.centred("打印时间 " + clean(data["time"]), 20)
    page.gap(24)


class _Page:
    """A roll of paper written from the top down."""

    def __init__(self, press: ReceiptPress) -> None:
        self._press = press
        self._image = Image.new("L", (WIDTH, MAX_HEIGHT), 255)
        self._draw = ImageDraw.Draw(self._image)
        self._y = 0

    def gap(self, dots: int) -> None:
        self._y = min(MAX_HEIGHT, self._y + dots)

    def centred(self, text: str, size: int, bold: bool = False, family: str = "sans") -> None:
        if not text:
            return
        font = self._press.font(size, bold, family)
        for line in wrap(text, font, WIDTH - 2 * MARGIN):
            self._put((WIDTH - _length(line, font)) / 2, line, font)
            self._advance(size)

    def paragraph(self, text: str, size: int) -> None:
        font = self._press.font(size)
        for line in wrap(text, font, WIDTH - 2 * MARGIN):
            self._put(MARGIN, line, font)
            self._advance(size)

    def boxed(self, text: str) -> None:
        font = self._press.font(26, bold=True)
        line = wrap(text, font, WIDTH - 8 * MARGIN)[0]
        half = _length(line, font) / 2 + 14
        self.gap(4)
        self._draw.rectangle((WIDTH / 2 - half, self._y, WIDTH / 2 + half, self._y + 42), outline=0, width=2)
        self._y += 4
        self._put(WIDTH / 2 - half + 14, line, font)
        self.gap(44)

    def pair(self, label: str, value: str, size: int = 24) -> None:
        """Label in a column of its own at the left, value wrapped at the right; nothing when there is no value."""
        if not value:
            return
        font = self._press.font(size)
        left = MARGIN + 148
        self._put(MARGIN, label, font)
        for line in wrap(value, font, WIDTH - MARGIN - left):
            self._put(left, line, font)
            self._advance(size)

    def amount(self, label: str, amount: str, size: int = 26, bold: bool = False) -> None:
        font = self._press.font(size, bold)
        width = _length(amount, font)
        lines = wrap(label, font, int(WIDTH - 2 * MARGIN - width - 20))
        self._put(WIDTH - MARGIN - width, amount, font)
        for line in lines:
            self._put(MARGIN, line, font)
            self._advance(size)

    def rule(self, dashed: bool = False) -> None:
        self.gap(8)
        if dashed:
            for x in range(MARGIN, WIDTH - MARGIN, 12):
                self._draw.line((x, self._y, x + 6, self._y), fill=0, width=2)
        else:
            self._draw.line((MARGIN, self._y, WIDTH - MARGIN, self._y), fill=0, width=2)
        self.gap(10)

    def qr(self, text: str) -> None:
        with Image.open(io.BytesIO(qr_png(text, scale=6, border=4))) as code:
            picture = code.convert("L")
        if picture.width > WIDTH - 2 * MARGIN:
            raise TextMissing(key="query")
        self._image.paste(picture, ((WIDTH - picture.width) // 2, self._y))
        self.gap(picture.height)

    def png(self) -> bytes:
        cut = self._image.crop((0, 0, WIDTH, min(MAX_HEIGHT, max(self._y, 8))))
        out = io.BytesIO()
        cut.point(_THRESHOLD, mode="1").save(out, "PNG", compress_level=3, dpi=(203.2, 203.2))
        return out.getvalue()

    def _put(self, x: float, text: str, font: Font) -> None:
        self._draw.text((round(x), self._y), text, fill=0, font=font)

    def _advance(self, size: int) -> None:
        self.gap(round(size * 1.42))


_THRESHOLD = [0 if level < 150 else 255 for level in range(256)]


def wrap(text: str, font: Font, width: int) -> list[str]:
    """Lines of at most `width` px, broken anywhere (Chinese has no spaces, serial numbers neither)."""
    lines, line, used = [], "", 0.0
    for char in text:
        advance = _advance_of(font, char)
        if line and used + advance > width:
            lines.append(line)
            line, used = "", 0.0
        line, used = line + char, used + advance
    return [*lines, line]


@lru_cache(maxsize=4096)
def _advance_of(font: Font, char: str) -> float:
    return font.getlength(char)


def _length(text: str, font: Font) -> float:
    return sum(_advance_of(font, char) for char in text)
