"""Bills of gateways and acquirers, read into :class:`~kiosk.payments.channel.BillLine`.

A bill is hostile input: sizes, columns, numbers and dates are checked, and the lines must add up to the bill's own
totals where it has them. Everything that does not fit raises ``GatewayUntrusted("malformed_bill", …)`` with the
line's number. Amounts in bills are yuan, unlike WeChat's API.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kiosk.payments.channel import BillLine, GatewayUntrusted, LineKind, fen, parse_beijing

MAX_TEXT = 64 * 1024 * 1024
MAX_LINES = 400_000
_WECHAT_TOTALS = "总交易单数"
_ALIPAY_END = "列表结束"
_ALIPAY_FILES = 8


def parse_wechat_bill(raw: bytes, channel: str = "wechat") -> list[BillLine]:
    """A WeChat trade bill of type ALL: UTF-8 CSV, gzip allowed, each cell behind a backtick, totals in the last
    line.
    """
    rows = _rows(_text(_gunzip(raw), "utf-8-sig"))
    header = next(rows, [])
    lines: list[BillLine] = []
    for number, row in enumerate(rows, 2):
        if row and row[0].strip("`\t ") == _WECHAT_TOTALS:
            totals = [cell.strip("`\t ") for cell in next(rows, [])]
            if not totals or totals[0] != str(len(lines)):
                raise _broken(number + 1)
            return lines
        lines.append(_wechat_line(_record(header, row, number), number, channel))
        _bound(lines)
    raise GatewayUntrusted("malformed_bill", "the totals are missing")


def _wechat_line(cells: Mapping[str, str], number: int, channel: str) -> BillLine:
    refund = cells.get("交易状态") == "REFUND"
    try:
        return BillLine(
            channel,
            LineKind.REFUND if refund else LineKind.PAYMENT,
            number=_filled(cells["商户订单号"]),
            amount_fen=_positive(cells["申请退款金额"] if refund else cells["订单金额"]),
            fee_fen=fen(cells["手续费"]),
            at=parse_beijing(cells["交易时间"]),
            refund_number=_filled(cells["商户退款单号"]) if refund else "",
            transaction_id=cells["微信订单号"],
        )
    except (KeyError, ValueError) as error:
        raise _broken(number) from error


def parse_alipay_bill(raw: bytes, channel: str = "alipay") -> list[BillLine]:
    """An Alipay trade bill: a ZIP of GBK CSV files; the detail file is the one with the 25 columns, not the summary."""
    for text in _unzip(raw):
        lines = _alipay_detail(text, channel)
        if lines is not None:
            return lines
    raise GatewayUntrusted("malformed_bill", "no detail file")


def _alipay_detail(text: str, channel: str) -> list[BillLine] | None:
    header: list[str] | None = None
    lines: list[BillLine] = []
    for number, row in enumerate(_rows(text), 1):
        if row and row[0].startswith("#"):
            if header is not None and _ALIPAY_END in row[0]:
                return lines
            continue
        if header is None:
            header = [cell.strip() for cell in row]
            if "商户订单号" not in header or "业务类型" not in header:
                return None
            continue
        lines.append(_alipay_line(_record(header, row, number), number, channel))
        _bound(lines)
    if header is None:
        return None
    raise GatewayUntrusted("malformed_bill", "the end is missing")


def _alipay_line(cells: Mapping[str, str], number: int, channel: str) -> BillLine:
    kinds = {"交易": LineKind.PAYMENT, "退款": LineKind.REFUND}
    try:
        kind = kinds[cells["业务类型"]]
        amount = fen(cells["订单金额（元）"])
        if (amount < 0) is not (kind is LineKind.REFUND):
            raise ValueError("sign and kind contradict each other")
        return BillLine(
            channel,
            kind,
            number=_filled(cells["商户订单号"]),
            amount_fen=abs(amount),
            fee_fen=-fen(cells["服务费（元）"]),
            at=parse_beijing(cells["完成时间"]),
            refund_number=_filled(cells["退款批次号/请求号"]) if kind is LineKind.REFUND else "",
            transaction_id=cells["支付宝交易号"],
        )
    except (KeyError, ValueError) as error:
        raise _broken(number) from error


@dataclass(frozen=True, slots=True)
class SettlementFormat:
    """How an acquirer writes its POS settlement file: encoding, column headings, names of sale and of refund or void.

    Acquirers differ; this is data of the terminal's profile. Each record becomes a line whose ``number`` is the
    retrieval reference number (参考号) and whose ``transaction_id`` is the terminal and its trace number.
    """

    encoding: str = "utf-8-sig"
    at: str = "交易时间"
    kind: str = "交易类型"
    reference: str = "参考号"
    original: str = "原参考号"
    amount: str = "交易金额"
    fee: str = "手续费"
    terminal: str = "终端号"
    trace: str = "凭证号"
    payments: frozenset[str] = field(default_factory=lambda: frozenset({"消费"}))
    refunds: frozenset[str] = field(default_factory=lambda: frozenset({"消费撤销", "退货"}))


def parse_settlement(raw: bytes, form: SettlementFormat | None = None, channel: str = "pos") -> list[BillLine]:
    """An acquirer's settlement CSV. A refund's or void's ``number`` is the original sale's, ``refund_number`` its
    own.
    """
    form = form or SettlementFormat()
    rows = _rows(_text(raw, form.encoding))
    header = next(rows, [])
    lines: list[BillLine] = []
    for number, row in enumerate(rows, 2):
        lines.append(_settlement_line(_record(header, row, number), number, form, channel))
        _bound(lines)
    return lines


def _settlement_line(cells: Mapping[str, str], number: int, form: SettlementFormat, channel: str) -> BillLine:
    try:
        kind = cells[form.kind]
        if kind not in form.payments | form.refunds:
            raise ValueError("unknown kind")
        refund = kind in form.refunds
        return BillLine(
            channel,
            LineKind.REFUND if refund else LineKind.PAYMENT,
            number=_filled(cells[form.original] if refund else cells[form.reference]),
            amount_fen=abs(fen(cells[form.amount])),
            fee_fen=fen(cells[form.fee]),
            at=parse_beijing(cells[form.at]),
            refund_number=_filled(cells[form.reference]) if refund else "",
            transaction_id=f"{cells[form.terminal]}-{cells[form.trace]}",
        )
    except (KeyError, ValueError) as error:
        raise _broken(number) from error


def _text(raw: bytes, encoding: str) -> str:
    if len(raw) > MAX_TEXT:
        raise GatewayUntrusted("malformed_bill", "too large")
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise GatewayUntrusted("malformed_bill", "encoding") from error


def _rows(text: str) -> Iterator[list[str]]:
    """Non-empty CSV rows."""
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise GatewayUntrusted("malformed_bill", "not CSV") from error


def _record(header: Iterable[str], row: list[str], number: int) -> dict[str, str]:
    names = [name.strip("`\t ") for name in header]
    if len(names) != len(row):
        raise _broken(number)
    return {name: cell.strip("`\t ") for name, cell in zip(names, row, strict=True)}


def _bound(lines: list[BillLine]) -> None:
    if len(lines) > MAX_LINES:
        raise GatewayUntrusted("malformed_bill", "too many lines")


def _gunzip(raw: bytes) -> bytes:
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            return packed.read(MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise GatewayUntrusted("malformed_bill", "gzip") from error


def _unzip(raw: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            if len(members) > _ALIPAY_FILES or sum(info.file_size for info in members) > MAX_TEXT:
                raise GatewayUntrusted("malformed_bill", "too large")
            packed = [archive.read(info) for info in members]
    except GatewayUntrusted:
        raise
    except Exception as error:  # zipfile answers damage with whatever comes up, IndexError included
        raise GatewayUntrusted("malformed_bill", "zip") from error
    return [_text(content, "gb18030") for content in packed]


def _filled(text: str) -> str:
    if not 0 < len(text) <= 64 or not text.isascii() or not text.isprintable():
        raise ValueError("not a number")
    return text


def _positive(text: str) -> int:
    value = fen(text)
    if value <= 0:
        raise ValueError("not a positive amount")
    return value


def _broken(number: int) -> GatewayUntrusted:
    return GatewayUntrusted("malformed_bill", f"line {number}")
