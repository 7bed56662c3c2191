"""The WeChat client against the gateway in another process: outcomes, races, refunds, bills, unbelievable answers."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.payments.channel import (
    GatewayRefused,
    LineKind,
    Outcome,
    RefundOutcome,
    beijing_date,
    refund_no,
)
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings
from tests.payments.conftest import Gateways


def test_paid_by_the_phone(gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime) -> None:
    assert wechat.query(number).outcome is Outcome.NONE
    code = wechat.create(number, 20000, "CA 证书更新（单位，1 年）", soon)
    assert code.startswith("weixin://")
    assert wechat.query(number).outcome is Outcome.OPEN
    assert gateways.do("pay", code=code)["result"] == "paid"
    trade = wechat.query(number)
    assert trade.outcome is Outcome.PAID
    assert (trade.amount_fen, trade.merchant, trade.app_id) == (
        20000,
        wechat.settings.mchid,
        wechat.settings.app_id,
    )
    assert trade.paid_at is not None
    assert abs(trade.paid_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert trade.transaction_id == gateways.judge(number)["transaction_id"]


def test_a_newer_code_kills_the_older(gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime) -> None:
    old = wechat.create(number, 100, "x", soon)
    new = wechat.create(number, 100, "x", soon)
    assert gateways.do("pay", code=old)["reason"] == "dead_code"
    assert gateways.do("pay", code=new)["result"] == "paid"


def test_close(gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime) -> None:
    assert wechat.close(number).outcome is Outcome.NONE
    code = wechat.create(number, 100, "x", soon)
    assert wechat.close(number).outcome is Outcome.CLOSED
    assert wechat.close(number).outcome is Outcome.CLOSED
    assert wechat.query(number).outcome is Outcome.CLOSED
    assert gateways.do("pay", code=code, late=True)["reason"] == "closed"
    with pytest.raises(GatewayRefused, match="ORDER_CLOSED"):
        wechat.create(number, 100, "x", soon)


def test_two_phones_pay_once(gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime) -> None:
    assert gateways.do("pay_twice", code=wechat.create(number, 100, "x", soon))["paid"] == 1
    assert gateways.judge(number)["captured_fen"] == 100


def test_late_and_expired(gateways: Gateways, wechat: WechatChannel, number: str) -> None:
    code = wechat.create(number, 100, "x", datetime.now(UTC) + timedelta(seconds=60))
    gateways.do("clock", offset=61)
    assert gateways.do("pay", code=code)["reason"] == "expired"
    assert wechat.query(number).outcome is Outcome.OPEN, "only the gateway's word closes"
    assert gateways.do("pay", code=code, late=True)["result"] == "paid"
    assert wechat.query(number).outcome is Outcome.PAID


def test_refund_of_nothing_fails(wechat: WechatChannel, number: str) -> None:
    state = wechat.refund(refund_no(number), number, 1, 1, "x")
    assert (state.outcome, state.reason) == (RefundOutcome.FAILED, "RESOURCE_NOT_EXISTS")


def test_a_slow_gateway_ends_in_time(gateways: Gateways, number: str) -> None:
    with WechatChannel(WechatSettings.from_folder(gateways.merchant, timeout=0.3)) as channel:
        gateways.do("fault", kind="delay", match="wechat.", seconds=2)
        started = time.monotonic()
        assert channel.query(number).reason == "timeout"
        assert time.monotonic() - started < 1.5


def test_replies_of_a_signer_we_do_not_know(gateways: Gateways, number: str) -> None:
    settings = WechatSettings.from_folder(gateways.merchant)
    pem = next(iter(settings.platform_keys.values()))
    stranger = WechatSettings(
        settings.base_url,
        settings.mchid,
        settings.app_id,
        settings.serial_no,
        settings.private_key,
        {"PUB_KEY_ID_1": pem},
        settings.apiv3_key,
        settings.notify_url,
    )
    with WechatChannel(stranger) as channel:
        assert channel.query(number).reason == "foreign_signer"


def test_bill(gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime) -> None:
    gateways.do("pay", code=wechat.create(number, 20000, "CA, 证书", soon))
    wechat.refund(refund_no(number), number, 20000, 20000, "x")
    lines = [line for line in wechat.bill(beijing_date(datetime.now(UTC))) if line.number == number]
    assert [(line.kind, line.amount_fen, line.fee_fen) for line in lines] == [
        (LineKind.PAYMENT, 20000, 120),
        (LineKind.REFUND, 20000, -120),
    ]
    assert lines[1].refund_number == refund_no(number)
    assert wechat.bill(beijing_date(datetime.now(UTC)) - timedelta(days=30)) == []
    with pytest.raises(GatewayRefused, match="STATEMENT_CREATING"):
        wechat.bill(beijing_date(datetime.now(UTC)) + timedelta(days=2))


def test_only_number_code_and_latency_are_logged(
    gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING
    code = wechat.create(number, 100, "某公司", soon)
    gateways.do("pay", code=code)
    wechat.query(number)
    wechat.bill(beijing_date(datetime.now(UTC)))
    assert f"query {number}: ok" in caplog.text
    for secret in ("WECHATPAY2", "signature", code, "某公司", "token=", wechat.settings.apiv3_key.decode()):
        assert secret not in caplog.text
    assert wechat.settings.apiv3_key.decode() not in repr(wechat.settings)
    assert "PRIVATE" not in repr(wechat.settings)


def test_http_only_on_this_machine(gateways: Gateways) -> None:
    with pytest.raises(ValueError, match="https only"):
        WechatChannel(WechatSettings.from_folder(gateways.merchant, base_url="http://192.0.2.1"))
