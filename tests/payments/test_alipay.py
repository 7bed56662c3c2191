"""The Alipay client against the gateway in another process: no trade before the scan, and everything that follows."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.payments.alipay import AlipayChannel, AlipaySettings
from kiosk.payments.alipay_wire import members
from kiosk.payments.channel import (
    GatewayRefused,
    LineKind,
    Outcome,
    beijing_date,
    refund_no,
)
from tests.payments.conftest import Gateways


def test_no_trade_before_the_scan(gateways: Gateways, alipay: AlipayChannel, number: str, soon: datetime) -> None:
    code = alipay.create(number, 20000, "CA 证书 {更新} }", soon)
    assert alipay.query(number).outcome is Outcome.NONE
    assert alipay.close(number).outcome is Outcome.NONE
    assert gateways.do("scan", code=code)["result"] == "scanned"
    trade = alipay.query(number)
    assert trade.outcome is Outcome.OPEN
    assert trade.scanned
    assert gateways.do("confirm", code=code)["result"] == "paid"
    trade = alipay.query(number)
    assert (trade.outcome, trade.amount_fen, trade.app_id) == (Outcome.PAID, 20000, alipay.settings.app_id)
    assert trade.merchant == alipay.settings.seller_id
    assert trade.paid_at is not None
    assert abs(trade.paid_at - datetime.now(UTC)) < timedelta(seconds=30)


def test_an_unscanned_code_outlives_close_and_cancel(
    gateways: Gateways, alipay: AlipayChannel, number: str, soon: datetime
) -> None:
    code = alipay.create(number, 100, "x", soon)
    assert alipay.close(number).outcome is Outcome.NONE
    assert alipay.cancel(number) is None
    assert gateways.do("pay", code=code)["result"] == "paid"
    assert alipay.query(number).outcome is Outcome.PAID


def test_close_after_the_scan(gateways: Gateways, alipay: AlipayChannel, number: str, soon: datetime) -> None:
    code = alipay.create(number, 100, "x", soon)
    gateways.do("scan", code=code)
    assert alipay.close(number).outcome is Outcome.CLOSED
    assert alipay.close(number).outcome is Outcome.CLOSED
    assert gateways.do("confirm", code=code, late=True)["reason"] == "closed"
    with pytest.raises(GatewayRefused, match=r"ACQ\.TRADE_HAS_CLOSE"):
        alipay.create(number, 100, "x", soon)


def test_the_trade_ends_by_itself(gateways: Gateways, alipay: AlipayChannel, number: str) -> None:
    code = alipay.create(number, 100, "x", datetime.now(UTC) + timedelta(seconds=60))
    gateways.do("scan", code=code)
    gateways.do("clock", offset=62)
    assert alipay.query(number).outcome is Outcome.CLOSED


def test_cancel_refunds_what_is_paid(gateways: Gateways, alipay: AlipayChannel, number: str, soon: datetime) -> None:
    gateways.do("pay", code=alipay.create(number, 700, "x", soon))
    assert alipay.cancel(number) == "refund"
    alipay.cancel(number)
    assert gateways.judge(number)["refunded_fen"] == 700


def test_bill(gateways: Gateways, alipay: AlipayChannel, number: str, soon: datetime) -> None:
    gateways.do("pay", code=alipay.create(number, 20000, "CA, 证书", soon))
    alipay.refund(refund_no(number), number, 5000, 20000, "x")
    lines = [line for line in alipay.bill(beijing_date(datetime.now(UTC))) if line.number == number]
    assert [(line.kind, line.amount_fen, line.fee_fen) for line in lines] == [
        (LineKind.PAYMENT, 20000, 120),
        (LineKind.REFUND, 5000, -30),
    ]
    assert lines[1].refund_number == refund_no(number)
    assert alipay.bill(beijing_date(datetime.now(UTC)) - timedelta(days=30)) == []


def test_only_number_code_and_latency_are_logged(
    alipay: AlipayChannel, number: str, soon: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = alipay.create(number, 100, "某公司", soon)
    alipay.query(number)
    assert f"query {number}: ACQ.TRADE_NOT_EXIST" in caplog.text
    for secret in ("sign", code, "某公司", alipay.settings.app_id):
        assert secret not in caplog.text


def test_a_stranger_s_key_is_not_alipay(gateways: Gateways, number: str) -> None:
    settings = AlipaySettings.from_folder(gateways.merchant)
    stranger = AlipaySettings(
        settings.base_url,
        settings.app_id,
        settings.seller_id,
        settings.private_key,
        gateways.merchant / "wechat_platform.pem",
    )
    with AlipayChannel(stranger) as channel:
        assert channel.query(number).reason == "bad_signature"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a":1,}', '{"a":1 "b":2}', '{"a":1}x', '{"a":1,"a":2}', "{1:2}", '{"a"}', '{"a":}', '{"a":1,'],
)
def test_members_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        members(text)


def test_members_keeps_the_exact_bytes() -> None:
    assert members(' { "a" : {"x": "}" , "y":[1, 2]} , "sign":"s" } ') == {
        "a": '{"x": "}" , "y":[1, 2]}',
        "sign": '"s"',
    }
