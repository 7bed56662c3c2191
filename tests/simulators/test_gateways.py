"""The gateways' own manners: who may speak, what is remembered, and the phone's page."""

from __future__ import annotations

import json
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.payments.alipay import AlipayChannel, AlipaySettings
from kiosk.payments.channel import GatewayError, Outcome, RefundOutcome, refund_no
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings, WechatWire
from tests.hardware.peers import Peer

QUERY = "/v3/pay/transactions/out-trade-no/K1xA1x1?mchid=1900000109"


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer("gateways", tmp_path_factory.mktemp("home")) as peer:
        yield peer


@pytest.fixture
def settings(gateways: Peer) -> WechatSettings:
    return WechatSettings.from_folder(Path(gateways.ready["merchant"]))


def number() -> str:
    return f"T1x{secrets.token_hex(6).upper()}x1"


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=3)


def fetch(
    peer: Peer, path: str, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
) -> tuple[int, str]:
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(f"http://127.0.0.1:{peer.ready['port']}{path}", data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_authorization_is_good_once(gateways: Peer, settings: WechatSettings) -> None:
    wire = WechatWire(settings)
    ticket = {"Authorization": wire.authorization("GET", QUERY, b"")}
    wire.http.close()
    assert fetch(gateways, QUERY, ticket)[0] == 404
    assert fetch(gateways, QUERY, ticket)[0] == 401


@pytest.mark.parametrize("age", [-301, 301])
def test_an_authorization_is_good_for_five_minutes(gateways: Peer, settings: WechatSettings, age: int) -> None:
    wire = WechatWire(settings, now=lambda: time.time() - age)
    ticket = {"Authorization": wire.authorization("GET", QUERY, b"")}
    wire.http.close()
    assert fetch(gateways, QUERY, ticket)[0] == 401


@pytest.mark.parametrize("header", ["", "Bearer x", 'WECHATPAY2-SHA256-RSA2048 mchid="1900000109"'])
def test_no_signature_no_answer(gateways: Peer, header: str) -> None:
    assert fetch(gateways, QUERY, {"Authorization": header})[0] == 401


def test_another_merchant_s_key(gateways: Peer, settings: WechatSettings) -> None:
    other = Path(gateways.ready["merchant"]) / "alipay_key.pem"
    for changed in (
        replace(settings, private_key=other),
        replace(settings, serial_no="AB"),
        replace(settings, mchid="1"),
    ):
        with WechatChannel(changed) as channel:
            trade = channel.query("K1xA1x1")
        assert (trade.outcome, trade.reason) == (Outcome.UNKNOWN, "request_not_accepted")


def test_a_signature_covers_the_body(gateways: Peer, settings: WechatSettings) -> None:
    wire = WechatWire(settings)
    body = b'{"mchid":"1900000109"}'
    path = "/v3/pay/transactions/out-trade-no/K1xA1x1/close"
    ticket = wire.authorization("POST", path, b"")
    reply = wire.http.send("POST", path, {"Authorization": ticket}, body)
    wire.http.close()
    assert reply.status == 401


def test_the_phone_s_page(gateways: Peer, settings: WechatSettings) -> None:
    order = number()
    with WechatChannel(settings) as channel:
        code = channel.create(order, 12345, "<script>alert(1)</script>", soon())
        status, page = fetch(gateways, f"/phone?code={urllib.parse.quote(code, safe='')}")
        assert status == 200
        assert "¥ 123.45" in page
        assert "<script>" not in page
        assert ">支付<" in page
        assert ">取消<" in page
        assert code in re.findall(r'href="/phone\?code=([^"]+)"', urllib.parse.unquote(fetch(gateways, "/phone")[1]))
        assert "已取消" in fetch(gateways, "/phone", form={"code": code, "act": "cancel"})[1]
        assert channel.query(order).outcome is Outcome.OPEN
        assert "支付成功" in fetch(gateways, "/phone", form={"code": code, "act": "pay"})[1]
        assert channel.query(order).outcome is Outcome.PAID
        assert "支付成功" in fetch(gateways, "/phone", form={"code": code, "act": "pay"})[1]
    assert "二维码无效" in fetch(gateways, "/phone?code=x")[1]
    assert fetch(gateways, "/phone", headers={"Host": "evil.example:80"})[0] == 404


def test_late_payment_by_itself(gateways: Peer, settings: WechatSettings) -> None:
    order = number()
    with WechatChannel(settings) as channel:
        code = channel.create(order, 100, "x", soon())
        assert gateways.post("pay_late", code=code, seconds=0.1)["result"] == "scanned"
        deadline = time.monotonic() + 5
        while channel.query(order).outcome is not Outcome.PAID:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_chaos_never_moves_money_twice(gateways: Peer, settings: WechatSettings) -> None:
    """Forty orders paid and refunded by a stubborn client through a gateway that fails in 40 of 100 exchanges."""
    gateways.post("chaos", rate=0.4, seed=7)
    orders = [number() for _ in range(40)]
    alipay = AlipaySettings.from_folder(Path(gateways.ready["merchant"]))
    with WechatChannel(settings) as first, AlipayChannel(alipay) as second:
        for index, order in enumerate(orders):
            channel = (first, second)[index % 2]
            until = soon()
            code = ""
            while not code:
                try:
                    code = channel.create(order, 300, "x", until)
                except GatewayError:
                    continue
            gateways.post("pay", code=code)
            while channel.query(order).outcome is not Outcome.PAID:
                continue
            while channel.refund(refund_no(order), order, 300, 300, "x").outcome is not RefundOutcome.SUCCEEDED:
                continue
    gateways.post("calm")
    verdicts = {trade["out_trade_no"]: trade for trade in gateways.post("judge")["trades"]}
    assert all(verdicts[order]["captured_fen"] == verdicts[order]["refunded_fen"] == 300 for order in orders)
    entries = [entry for entry in gateways.post("ledger")["entries"] if entry["out_trade_no"] in orders]
    assert len(entries) == 80


def test_refused_verbs(gateways: Peer) -> None:
    for verb, body in (
        ("fault", {"kind": "earthquake"}),
        ("chaos", {"rate": 2}),
        ("pay", {}),
        ("stray", {"gateway": "cash", "out_trade_no": "A", "amount_fen": 1}),
        ("notify", {"code": "nothing"}),
    ):
        assert gateways.post(verb, **body)["status"] == 400, verb
    assert gateways.post("pay", code="nothing")["reason"] == "no_such_code"


def test_a_stray_payment(gateways: Peer) -> None:
    order = number()
    assert gateways.post("stray", gateway="alipay", out_trade_no=order, amount_fen=500)["result"] == "paid"
    assert gateways.post("stray", gateway="alipay", out_trade_no=order, amount_fen=500)["status"] == 400


def test_killed_it_remembers(tmp_path: Path) -> None:
    order = number()
    with (
        Peer("gateways", tmp_path) as peer,
        WechatChannel(WechatSettings.from_folder(tmp_path / "merchant")) as channel,
    ):
        peer.post("pay", code=channel.create(order, 100, "x", soon()))
        peer.process.send_signal(signal.SIGKILL)
        peer.process.wait()
    key = (tmp_path / "merchant/wechat_key.pem").read_bytes()
    with Peer("gateways", tmp_path), WechatChannel(WechatSettings.from_folder(tmp_path / "merchant")) as channel:
        assert channel.query(order).outcome is Outcome.PAID
    assert (tmp_path / "merchant/wechat_key.pem").read_bytes() == key
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as ledger:
        for change in ("UPDATE entry SET amount=1", "DELETE FROM entry"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                ledger.execute(change)
    ledger.close()


def test_keys_are_private(gateways: Peer) -> None:
    merchant = Path(gateways.ready["merchant"])
    assert merchant.stat().st_mode & 0o077 == 0
    for name in ("wechat_key.pem", "alipay_key.pem", "wechat_apiv3.key"):
        assert (merchant / name).stat().st_mode & 0o077 == 0
    settings: dict[str, Any] = json.loads((merchant / "wechat.json").read_bytes())
    assert settings["base_url"] == f"http://127.0.0.1:{gateways.ready['port']}"


def test_an_occupied_port_is_an_error(gateways: Peer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kiosk.simulators.gateways", "--home", str(tmp_path)]
    done = subprocess.run(
        [*command, "--port", str(gateways.ready["port"])], capture_output=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert b"ready" not in done.stdout
