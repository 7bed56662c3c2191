"""Numbers, amounts, times, sealed keys and invoices."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.payments.channel import (
    BEIJING,
    beijing_date,
    beijing_text,
    fen,
    parse_beijing,
    refund_no,
    split_trade_no,
    trade_no,
    yuan,
)
from kiosk.payments.invoice import InvoiceRequest, InvoiceState, export_csv, export_json, import_results
from kiosk.payments.keys import load_secret, open_secret, seal_secret, store_secret


@given(
    st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True),
    st.from_regex(r"[A-Z0-9]{1,19}", fullmatch=True),
    st.integers(1, 99),
)
def test_trade_numbers_name_their_order(kiosk: str, order: str, attempt: int) -> None:
    number = trade_no(kiosk, order, attempt)
    assert len(number) <= 32
    assert number.isascii()
    assert number.isalnum()
    assert split_trade_no(number) == (kiosk, order, attempt)
    assert refund_no(number) == refund_no(number) != number


@pytest.mark.parametrize(
    ("kiosk", "order", "attempt"),
    [
        ("", "A", 1),
        ("K" * 9, "A", 1),
        ("K", "A" * 20, 1),
        ("K", "A", 0),
        ("K", "A", 100),
        ("K_", "A", 1),
        ("柜", "A", 1),
    ],
)
def test_what_cannot_be_a_number(kiosk: str, order: str, attempt: int) -> None:
    with pytest.raises(ValueError, match="no trade number"):
        trade_no(kiosk, order, attempt)


def test_hyphens_and_small_letters() -> None:
    assert trade_no("k-1", "yy-20261121-0007", 2) == "K1xYY202611210007x2"
    assert split_trade_no("WX123") is None


@given(st.integers(-(10**13), 10**13))
def test_money_there_and_back(amount: int) -> None:
    assert fen(yuan(amount)) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("1.20000", 120), ("0.005", 1), ("-0.60", -60), ("+2", 200), (" 3.1 ", 310)]
)
def test_fen(text: str, amount: int) -> None:
    assert fen(text) == amount


@pytest.mark.parametrize("text", ["", "1,000.00", "1e3", "٣", "1.", ".5", "--1", "NaN"])
def test_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        fen(text)


def test_beijing() -> None:
    moment = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    assert beijing_date(moment) == date(2026, 11, 21)
    assert beijing_text(moment) == "2026-11-21 00:30:00"
    assert parse_beijing("2026-11-21 00:30:00") == moment
    with pytest.raises(ValueError, match="time zone"):
        beijing_text(datetime(2026, 1, 1))


def test_merchant_secrets_rest_encrypted(tmp_path: Path) -> None:
    key, secret = b"k" * 32, b"-----BEGIN PRIVATE KEY-----\nabc"
    path = tmp_path / "wechat_key.pem.sealed"
    store_secret(path, secret, key)
    assert secret not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(path, key) == secret
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    other = path.rename(tmp_path / "alipay_key.pem.sealed")
    for attempt in ((other, key), (other, b"x" * 32)):
        with pytest.raises(ValueError, match="does not open"):
            load_secret(*attempt)
    sealed = seal_secret(secret, key, "a")
    for broken in (b"", sealed[:20], b"x" + sealed, sealed[:-1]):
        with pytest.raises(ValueError, match="sealed merchant secret"):
            open_secret(broken, key, "a")
    with pytest.raises(ValueError, match="32 bytes"):
        seal_secret(secret, b"short", "a")


REQUEST = InvoiceRequest(
    order="YY202611200001",
    title="=cmd|'/c calc'!A0",
    tax_number="91430900MA4L000000",
    amount_fen=20000,
    content="数字证书服务费",
    paid_at=datetime(2026, 11, 20, 1, 0, tzinfo=UTC),
    account="6222020000000000001",
)


def test_invoice_export() -> None:
    (row,) = csv.DictReader(io.StringIO(export_csv([REQUEST]).decode("utf-8-sig")))
    assert row["购买方名称"].startswith("'=")
    assert row["银行账号"] == "6222020000000000001\t"
    assert (row["含税金额（元）"], row["付款时间"]) == ("200.00", "2026-11-20 09:00:00")
    assert json.loads(export_json([REQUEST]))["requests"][0]["购买方名称"] == REQUEST.title


@pytest.mark.parametrize("change", [{"title": " "}, {"tax_number": "abc"}, {"amount_fen": 0}])
def test_an_impossible_request(change: dict[str, object]) -> None:
    values = {name: getattr(REQUEST, name) for name in InvoiceRequest.__slots__}
    with pytest.raises(ValueError, match=r"title|tax number"):
        InvoiceRequest(**{**values, **change})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_invoice_import(encoding: str) -> None:
    text = (
        "业务单号,状态,发票号码,开票日期,说明\r\n"
        "YY202611200001\t,已开具,26432000000012345678\t,2026/11/21,\r\n"
        "YY202611200002,开具失败,,,税号错误\r\n"
    ).replace("/", "-")
    first, second = import_results(text.encode(encoding))
    assert (first.order, first.number, first.issued_on) == (
        "YY202611200001",
        "26432000000012345678",
        date(2026, 11, 21),
    )
    assert (second.state, second.reason) == (InvoiceState.FAILED, "税号错误")


@pytest.mark.parametrize(
    "line",
    [
        "A,已开具,,,",
        "A,开具失败,12345678,,",
        "A,飞了,,,",
        ",已申请,,,",
        "A,已开具,12345678,昨天,",
        "A,已开具,1234567,,",
    ],
)
def test_a_wrong_line_spoils_the_file(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        import_results(f"业务单号,状态,发票号码,开票日期,说明\n{line}\n".encode())
    with pytest.raises(ValueError, match="no column"):
        import_results(b"a,b\n1,2\n")


@given(st.binary(max_size=200))
def test_any_import_ends_in_results_or_a_value_error(raw: bytes) -> None:
    try:
        results = import_results(raw)
    except ValueError:
        return
    assert results == []


def test_beijing_is_a_zone() -> None:
    assert datetime(2026, 7, 1, tzinfo=BEIJING).utcoffset() == datetime(2026, 1, 1, tzinfo=BEIJING).utcoffset()
