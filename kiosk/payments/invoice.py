"""Invoice requests (开票申请): what finance needs to issue an invoice elsewhere, and what it gives back. Pure
functions.

The kiosk issues no invoice. Buyer's fields follow the fully digitalised invoice (数电票); goods code and tax rate are
finance's to fill in.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from enum import StrEnum

from kiosk.payments.channel import beijing_text, yuan
from kiosk.payments.reconcile import csv_bytes

MAX_IMPORT = 8 * 1024 * 1024
_NUMBER = re.compile(r"[0-9]{8}|[0-9]{20}")
_TAX = re.compile(r"[0-9A-Z]{15}|[0-9A-Z]{17,20}")


class InvoiceState(StrEnum):
    """``red`` (红冲): reversed by a negative invoice, as after a refund."""

    REQUESTED = "requested"
    ISSUED = "issued"
    FAILED = "failed"
    RED = "red"


STATE_NAMES = {"已申请": "requested", "已开具": "issued", "开具失败": "failed", "已红冲": "red"}


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """One request: amount in fen with tax, ``tax_number`` empty only for persons and government bodies.

    Raises ValueError for a missing title, a malformed tax number or an amount that is not positive.
    """

    order: str
    title: str
    tax_number: str
    amount_fen: int
    content: str
    paid_at: datetime
    email: str = ""
    mobile: str = ""
    address: str = ""
    phone: str = ""
    bank: str = ""
    account: str = ""
    goods_code: str = ""
    tax_rate: str = ""

    def __post_init__(self) -> None:
        if not self.title.strip() or self.amount_fen <= 0:
            raise ValueError("an invoice needs a title and an amount")
        if self.tax_number and not _TAX.fullmatch(self.tax_number):
            raise ValueError("a tax number has 15 or 17 to 20 digits and capitals")


@dataclass(frozen=True, slots=True)
class InvoiceResult:
    """What finance says about one order's request."""

    order: str
    state: InvoiceState
    number: str
    issued_on: date | None
    reason: str = ""


HEADINGS = {
    "order": "业务单号",
    "title": "购买方名称",
    "tax_number": "购买方税号",
    "amount_fen": "含税金额（元）",
    "content": "项目名称",
    "paid_at": "付款时间",
    "email": "邮箱",
    "mobile": "手机",
    "address": "地址",
    "phone": "电话",
    "bank": "开户行",
    "account": "银行账号",
    "goods_code": "商品编码",
    "tax_rate": "税率",
}
_ANSWER = ("业务单号", "状态", "发票号码", "开票日期", "说明")


def _plain(request: InvoiceRequest) -> dict[str, str]:
    values = asdict(request)
    values["amount_fen"] = yuan(request.amount_fen)
    values["paid_at"] = beijing_text(request.paid_at)
    return {HEADINGS[name]: str(value) for name, value in values.items()}


def export_csv(requests: Sequence[InvoiceRequest]) -> bytes:
    """For a spreadsheet: UTF-8 with a byte order mark, Chinese headings. Personal data: hand it on with care.

    Long digits that a spreadsheet would round (tax, account, order numbers) are followed by a tab, as in Alipay's
    bills.
    """
    table = [[HEADINGS[item.name] for item in fields(InvoiceRequest)]]
    for request in requests:
        cells = list(_plain(request).values())
        table.append([f"{cell}\t" if cell.isascii() and cell.isdigit() and len(cell) > 11 else cell for cell in cells])
    return csv_bytes(table)


def export_json(requests: Sequence[InvoiceRequest]) -> bytes:
    """The same for a program: ``{"requests": [{…}]}``, amounts in yuan as text, times in Beijing."""
    rows = [_plain(request) for request in requests]
    return json.dumps({"requests": rows}, ensure_ascii=False, indent=1).encode("utf-8")


def import_results(raw: bytes) -> list[InvoiceResult]:
    """Read finance's answer: CSV (UTF-8 or GBK) with the columns 业务单号, 状态, 发票号码, 开票日期, 说明.

    Raises ValueError naming the line; nothing of a file with one wrong line is taken.
    """
    if len(raw) > MAX_IMPORT:
        raise ValueError("the file is too large")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = set(_ANSWER[:3]) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"line 1: no column {', '.join(sorted(missing))}")
        return [_result(row, number) for number, row in enumerate(reader, 2)]
    except csv.Error as error:
        raise ValueError("not a CSV file") from error


def _result(row: dict[str | None, str | list[str] | None], number: int) -> InvoiceResult:
    cells = {name: str(row.get(name) or "").strip("\t '") for name in _ANSWER}
    state = STATE_NAMES.get(cells["状态"])
    if state is None or not cells["业务单号"] or len(cells["业务单号"]) > 32:
        raise ValueError(f"line {number}: order or state")
    if (state in ("issued", "red")) is not bool(_NUMBER.fullmatch(cells["发票号码"])):
        raise ValueError(f"line {number}: an invoice number has 8 or 20 digits, and only an issued invoice has one")
    try:
        issued = date.fromisoformat(cells["开票日期"].replace("/", "-")) if cells["开票日期"] else None
    except ValueError:
        raise ValueError(f"line {number}: date") from None
    return InvoiceResult(cells["业务单号"], InvoiceState(state), cells["发票号码"], issued, cells["说明"][:200])
