"""Notifications: delivered by the simulator over HTTP, judged by us, and by both foreign SDKs as witnesses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from kiosk.payments.alipay import AlipayChannel
from kiosk.payments.channel import GatewayUntrusted
from kiosk.payments.notify import alipay_notice, wechat_notice
from kiosk.payments.wechat import WechatChannel
from tests.payments.conftest import Gateways
from tests.payments.test_witness import alipay_sdk, wechat_sdk

__all__ = ["alipay_sdk", "wechat_sdk"]


class Mailbox:
    """Keeps what the gateways post."""

    def __init__(self) -> None:
        self.letters: list[tuple[dict[str, str], bytes]] = []
        letters = self.letters

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                letters.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/notify"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.close()


def test_wechat(
    gateways: Gateways, wechat: WechatChannel, wechat_sdk: Any, mailbox: Mailbox, number: str, soon: datetime
) -> None:
    gateways.do("pay", code=wechat.create(number, 100, "x", soon))
    assert gateways.do("notify", code=number, url=mailbox.url)["status"] == 200
    headers, body = mailbox.letters[0]
    notice = wechat_notice(wechat.settings, headers, body)
    assert (notice.channel, notice.event, notice.out_trade_no) == ("wechat", "TRANSACTION.SUCCESS", number)
    witness = wechat_sdk.callback(headers, body)
    assert (witness["id"], witness["resource"]["out_trade_no"]) == (notice.id, number)
    with pytest.raises(GatewayUntrusted, match="bad_signature"):
        wechat_notice(wechat.settings, headers, body.replace(b"SUCCESS", b"success"))
    with pytest.raises(GatewayUntrusted, match="stale"):
        wechat_notice(wechat.settings, headers, body, now=lambda: time.time() + 301)
    probe = {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/abcd"}
    with pytest.raises(GatewayUntrusted, match="bad_signature"):
        wechat_notice(wechat.settings, probe, body)
    with pytest.raises(GatewayUntrusted, match="unsigned"):
        wechat_notice(wechat.settings, {}, body)


@pytest.mark.parametrize("kind", ["bad_signature", "foreign_signature", "tampered", "stale"])
def test_wechat_mischief(
    gateways: Gateways, wechat: WechatChannel, mailbox: Mailbox, number: str, soon: datetime, kind: str
) -> None:
    gateways.do("pay", code=wechat.create(number, 100, "x", soon))
    gateways.do("fault", kind=kind, match="wechat.notify")
    gateways.do("notify", code=number, url=mailbox.url)
    with pytest.raises(GatewayUntrusted):
        wechat_notice(wechat.settings, *mailbox.letters[0])


def test_alipay(
    gateways: Gateways, alipay: AlipayChannel, alipay_sdk: Any, mailbox: Mailbox, number: str, soon: datetime
) -> None:
    gateways.do("pay", code=alipay.create(number, 100, "证书 & 印章", soon))
    gateways.do("notify", code=number, url=mailbox.url)
    _, body = mailbox.letters[0]
    notice = alipay_notice(alipay.settings, body)
    assert (notice.channel, notice.event, notice.out_trade_no) == ("alipay", "TRADE_SUCCESS", number)
    params = dict(parse_qsl(body.decode()))
    assert alipay_sdk.verify(params, params.pop("sign"))
    with pytest.raises(GatewayUntrusted, match="stale"):
        alipay_notice(alipay.settings, body, now=lambda: time.time() + 301)
    with pytest.raises(GatewayUntrusted, match="bad_signature"):
        alipay_notice(alipay.settings, body.replace(b"total_amount=1.00", b"total_amount=0.01"))
    with pytest.raises(GatewayUntrusted, match="duplicate parameter"):
        alipay_notice(alipay.settings, body + b"&app_id=1")


@pytest.mark.parametrize("kind", ["foreign_signature", "tampered", "stale"])
def test_alipay_mischief(
    gateways: Gateways, alipay: AlipayChannel, mailbox: Mailbox, number: str, soon: datetime, kind: str
) -> None:
    gateways.do("pay", code=alipay.create(number, 100, "x", soon))
    gateways.do("fault", kind=kind, match="alipay.notify")
    gateways.do("notify", code=number, url=mailbox.url)
    with pytest.raises(GatewayUntrusted):
        alipay_notice(alipay.settings, mailbox.letters[0][1])


def test_nothing_is_sent_beyond_this_machine(
    gateways: Gateways, wechat: WechatChannel, number: str, soon: datetime
) -> None:
    gateways.do("pay", code=wechat.create(number, 100, "x", soon))
    with pytest.raises(OSError, match="400"):
        gateways.do("notify", code=number, url="http://192.0.2.1/notify")
