"""Replies that nobody promised to be kind: whatever a gateway (or somebody in its place) sends ends in one of our
errors.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.payments.alipay import AlipaySettings
from kiosk.payments.alipay_wire import AlipayWire
from kiosk.payments.channel import GatewayError, GatewayUnreachable, GatewayUntrusted, Outcome
from kiosk.payments.fields import Fields
from kiosk.payments.http import Http, HttpReply
from kiosk.payments.keys import sign
from kiosk.payments.wechat import WechatChannel, trade_from
from kiosk.payments.wechat_wire import WechatSettings

KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
good_trade: dict[str, Any] = {
    "out_trade_no": "K1xA1x1",
    "trade_state": "SUCCESS",
    "transaction_id": "4200",
    "mchid": "19",
    "appid": "wx",
    "success_time": "2026-11-20T09:00:00+08:00",
    "amount": {"total": 1, "currency": "CNY"},
}


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request and then does what it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            answer(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(200):
            connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    except OSError:
        return


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        for _ in range(40):
            connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (flood, GatewayUntrusted, "reply_too_large"),
        (drip, GatewayUnreachable, "timeout"),
        (lambda c: c.sendall(b"nonsense\r\n\r\n"), GatewayUnreachable, "no_connection"),
        (lambda c: None, GatewayUnreachable, "no_connection"),
        (
            lambda c: c.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
            GatewayUntrusted,
            "redirected",
        ),
        (
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
            GatewayUntrusted,
            "compressed_reply",
        ),
    ],
)
def test_the_exchange_itself(answer: Callable[[socket.socket], None], error: type[GatewayError], code: str) -> None:
    with serving(answer) as url, Http(url, timeout=0.6) as http:
        started = time.monotonic()
        with pytest.raises(error, match=code):
            http.send("GET", "/", {})
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"out_trade_no": "K1xA1x2"}, "wrong_subject"),
        ({"amount": {"total": 1, "currency": "USD"}}, "wrong_currency"),
        ({"amount": {"total": True, "currency": "CNY"}}, "malformed_reply"),
        ({"amount": {"total": 1.0, "currency": "CNY"}}, "malformed_reply"),
        ({"amount": {"total": -1}}, "malformed_reply"),
        ({"amount": None}, "malformed_reply"),
        ({"success_time": "2026-11-20T09:00:00"}, "malformed_reply"),
        ({"transaction_id": ""}, "malformed_reply"),
        ({"transaction_id": "x" * 200}, "malformed_reply"),
        ({"mchid": 19}, "malformed_reply"),
    ],
)
def test_a_signed_but_senseless_trade(change: dict[str, Any], code: str) -> None:
    assert trade_from(Fields(good_trade), "K1xA1x1").outcome is Outcome.PAID
    with pytest.raises(GatewayUntrusted, match=code):
        trade_from(Fields({**good_trade, **change}), "K1xA1x1")


def test_a_new_state_is_unknown() -> None:
    trade = trade_from(Fields({**good_trade, "trade_state": "FROZEN"}), "K1xA1x1")
    assert (trade.outcome, trade.reason) == (Outcome.UNKNOWN, "state_FROZEN")


@pytest.mark.parametrize("raw", [b"", b"[]", b"nul", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, b"\xff", b"1"])
def test_senseless_json(raw: bytes) -> None:
    with pytest.raises(GatewayUntrusted, match="malformed_reply"):
        Fields.parse(raw)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(good_trade)), values))
def test_any_trade_is_judged(change: dict[str, Any]) -> None:
    try:
        trade = trade_from(Fields({**good_trade, **change}), "K1xA1x1")
    except GatewayUntrusted:
        return
    assert trade.out_trade_no == "K1xA1x1"
    if trade.outcome is Outcome.PAID:
        assert type(trade.amount_fen) is int
        assert trade.paid_at is not None


@pytest.fixture(scope="module")
def wire() -> Iterator[AlipayWire]:
    wire = AlipayWire(AlipaySettings("http://127.0.0.1:9", "1", "2", PRIVATE, PUBLIC))
    yield wire
    wire.http.close()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_unsigned_alipay_reply_is_refused(wire: AlipayWire, body: bytes) -> None:
    with pytest.raises(GatewayError):
        wire.judge(HttpReply(200, {}, body), "alipay.trade.query")


@settings(deadline=None)
@given(text=st.text(max_size=40))
def test_a_brace_in_a_text_does_not_break_the_signature(wire: AlipayWire, text: str) -> None:
    node = json.dumps({"code": "10000", "subject": text}, ensure_ascii=False)
    try:
        encoded = node.encode()
    except UnicodeEncodeError:
        return
    body = b'{"alipay_trade_query_response":' + encoded + b',"sign":"' + sign(KEY, encoded).encode() + b'"}'
    assert wire.judge(HttpReply(200, {}, body), "alipay.trade.query").code("code") == "10000"


def test_an_outage_is_unknown_not_failed() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        settings_ = WechatSettings(
            url, "19", "wx", "AB", PRIVATE, {"PUB_KEY_ID_0": PUBLIC}, b"k" * 32, "https://k.invalid"
        )
        with WechatChannel(settings_) as channel:
            assert channel.query("K1xA1x1").outcome is Outcome.UNKNOWN
            assert channel.close("K1xA1x1").outcome is Outcome.UNKNOWN
            with pytest.raises(GatewayUnreachable):
                channel.create("K1xA1x1", 1, "x", datetime.now(UTC) + timedelta(minutes=3))
