"""Two foreign SDKs speak to the simulator as they speak to the real gateways: they witness that its protocol is true.

They know their endpoints by heart; a private attribute turns them to the simulator.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alipay import AliPay
from alipay.exceptions import AliPayValidationError
from wechatpayv3 import WeChatPay, WeChatPayType

from kiosk.payments.alipay import AlipayChannel
from kiosk.payments.channel import Outcome, beijing_date, refund_no
from kiosk.payments.wechat import WechatChannel
from tests.payments.conftest import Gateways

pytestmark = pytest.mark.conformance


@pytest.fixture
def wechat_sdk(gateways: Gateways) -> WeChatPay:
    values = json.loads((gateways.merchant / "wechat.json").read_bytes())
    (key_id,) = values["platform_keys"]
    sdk = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=values["mchid"],
        private_key=(gateways.merchant / "wechat_key.pem").read_text(),
        cert_serial_no=values["serial_no"],
        apiv3_key=(gateways.merchant / "wechat_apiv3.key").read_text(),
        appid=values["app_id"],
        notify_url=values["notify_url"],
        public_key=(gateways.merchant / "wechat_platform.pem").read_text(),
        public_key_id=key_id,
        timeout=(3, 3),
    )
    sdk._core._gate_way = gateways.url
    return sdk


@pytest.fixture
def alipay_sdk(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> Iterator[AliPay]:
    values = json.loads((gateways.merchant / "alipay.json").read_bytes())
    sdk = AliPay(
        appid=values["app_id"],
        app_private_key_string=(gateways.merchant / "alipay_key.pem").read_text(),
        alipay_public_key_string=(gateways.merchant / "alipay_platform.pem").read_text(),
    )
    sdk._gateway = f"{gateways.url}/gateway.do"
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Asia/Shanghai")  # it stamps its requests in the machine's time zone
    time.tzset()
    yield sdk
    monkeypatch.delenv("TZ") if before is None else monkeypatch.setenv("TZ", before)
    time.tzset()


def test_wechatpayv3_walks_through_a_trade(
    gateways: Gateways, wechat_sdk: Any, wechat: WechatChannel, number: str
) -> None:
    status, text = wechat_sdk.pay("CA 证书", number, {"total": 20000})
    assert status == 200, text
    assert json.loads(wechat_sdk.query(out_trade_no=number)[1])["trade_state"] == "NOTPAY"
    gateways.do("pay", code=json.loads(text)["code_url"])
    trade = json.loads(wechat_sdk.query(out_trade_no=number)[1])
    ours = wechat.query(number)
    assert (trade["trade_state"], trade["transaction_id"]) == ("SUCCESS", ours.transaction_id)
    status, text = wechat_sdk.close(number)
    assert (status, json.loads(text)["code"]) == (400, "ORDERPAID")
    back = refund_no(number)
    amount = {"refund": 20000, "total": 20000, "currency": "CNY"}
    assert wechat_sdk.refund(back, amount, out_trade_no=number)[0] == 200
    assert json.loads(wechat_sdk.query_refund(back)[1])["status"] == "SUCCESS"
    assert wechat.query(number).refunded


def test_wechatpayv3_closes(wechat_sdk: Any, wechat: WechatChannel, number: str, soon: datetime) -> None:
    wechat.create(number, 1, "x", soon)
    assert wechat_sdk.close(number)[0] == 204
    assert wechat.query(number).outcome is Outcome.CLOSED


def test_wechatpayv3_fetches_the_packed_bill(
    gateways: Gateways, wechat_sdk: Any, wechat: WechatChannel, number: str, soon: datetime
) -> None:
    gateways.do("pay", code=wechat.create(number, 1, "x", soon))
    today = beijing_date(datetime.now(UTC)).isoformat()
    answer = json.loads(wechat_sdk.trade_bill(today)[1])
    _, packed = wechat_sdk.download_bill(answer["download_url"])
    plain = gzip.decompress(packed)
    assert hashlib.sha1(plain).hexdigest() == answer["hash_value"]
    assert number in plain.decode()


@pytest.mark.parametrize("kind", ["bad_signature", "foreign_signature", "tampered"])
def test_wechatpayv3_refuses_what_we_refuse(
    gateways: Gateways, wechat_sdk: Any, wechat: WechatChannel, number: str, soon: datetime, kind: str
) -> None:
    wechat.create(number, 1, "x", soon)
    gateways.do("fault", kind=kind, match="wechat.query")
    with pytest.raises(Exception, match="failed to verify the signature"):
        wechat_sdk.query(out_trade_no=number)


def test_alipay_sdk_walks_through_a_trade(
    gateways: Gateways, alipay_sdk: Any, alipay: AlipayChannel, number: str
) -> None:
    answer = alipay_sdk.api_alipay_trade_precreate("CA 证书", number, "200.00")
    assert answer["code"] == "10000"
    assert alipay_sdk.api_alipay_trade_query(number)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    gateways.do("pay", code=answer["qr_code"])
    trade = alipay_sdk.api_alipay_trade_query(number)
    ours = alipay.query(number)
    assert (trade["trade_status"], trade["trade_no"]) == ("TRADE_SUCCESS", ours.transaction_id)
    assert alipay_sdk.api_alipay_trade_close(number)["sub_code"] == "ACQ.REASON_TRADE_STATUS_INVALID"
    back = refund_no(number)
    refund = alipay_sdk.api_alipay_trade_refund("200.00", number, out_request_no=back)
    assert refund["fund_change"] == "Y"
    state = alipay_sdk.api_alipay_trade_fastpay_refund_query(back, out_trade_no=number)
    assert state["refund_status"] == "REFUND_SUCCESS"
    assert alipay.query(number).refunded


@pytest.mark.parametrize("kind", ["bad_signature", "foreign_signature", "tampered"])
def test_alipay_sdk_refuses_what_we_refuse(
    gateways: Gateways, alipay_sdk: Any, alipay: AlipayChannel, number: str, soon: datetime, kind: str
) -> None:
    gateways.do("scan", code=alipay.create(number, 1, "x", soon))
    gateways.do("fault", kind=kind, match="alipay.query")
    with pytest.raises(AliPayValidationError):
        alipay_sdk.api_alipay_trade_query(number)
