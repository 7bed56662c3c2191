"""What money's parts cost: gateway exchanges against two foreign SDKs, bills and reconciliation against bare floors.

``python -m bench.bench_money_parts [--rounds N]`` prints one JSON line. The gateways run as a process of their own;
everything is warm and taken in turns. Peers: ``wechatpayv3`` and ``python-alipay-sdk`` asking the same question. Floor
of an exchange: one kept-alive round trip of the standard library to the same process, refused before any work is done,
plus the one signature and the one verification that the protocols demand. Floor of reconciliation: a plain dictionary
join of the same lines.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from alipay import AliPay
from wechatpayv3 import WeChatPay, WeChatPayType

from kiosk.payments.alipay import AlipayChannel, AlipaySettings
from kiosk.payments.bills import parse_wechat_bill
from kiosk.payments.channel import BEIJING, BillLine, LineKind, trade_no
from kiosk.payments.keys import load_private, load_public, sign, verify
from kiosk.payments.reconcile import LedgerLine, reconcile
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings

DAY = date(2026, 11, 20)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def in_turns(rounds: int, works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Times of each work, taken in turns so that the machine's moods hit all of them alike."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(milliseconds(work))
    return times


def figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"p50_ms": round(statistics.median(ordered), 2), "p95_ms": round(ordered[int(len(ordered) * 0.95)], 2)}


def peers(merchant: Path, url: str) -> tuple[Any, Any]:
    """Both SDKs, turned to the simulator."""
    settings = json.loads((merchant / "wechat.json").read_bytes())
    (key_id,) = settings["platform_keys"]
    wechat = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=settings["mchid"],
        private_key=(merchant / "wechat_key.pem").read_text(),
        cert_serial_no=settings["serial_no"],
        apiv3_key=(merchant / "wechat_apiv3.key").read_text(),
        appid=settings["app_id"],
        notify_url=settings["notify_url"],
        public_key=(merchant / "wechat_platform.pem").read_text(),
        public_key_id=key_id,
        timeout=(3, 3),
    )
    wechat._core._gate_way = url
    alipay = AliPay(
        appid=json.loads((merchant / "alipay.json").read_bytes())["app_id"],
        app_private_key_string=(merchant / "alipay_key.pem").read_text(),
        alipay_public_key_string=(merchant / "alipay_platform.pem").read_text(),
    )
    alipay._gateway = f"{url}/gateway.do"
    return wechat, alipay


def exchanges(merchant: Path, port: int, pay: Callable[[str], object], rounds: int) -> dict[str, Any]:
    """The same paid trade queried by us, by the SDK, and by nobody (the floor)."""
    wechat_sdk, alipay_sdk = peers(merchant, f"http://127.0.0.1:{port}")
    key, public = load_private(merchant / "wechat_key.pem"), load_public(merchant / "wechat_platform.pem")
    line = http.client.HTTPConnection("127.0.0.1", port)

    def floor() -> None:
        line.request("GET", "/v3/nothing")
        line.getresponse().read()
        verify(public, sign(key, b"x" * 300), b"y" * 600)

    soon = datetime.now(UTC) + timedelta(minutes=30)
    with (
        WechatChannel(WechatSettings.from_folder(merchant)) as wechat,
        AlipayChannel(AlipaySettings.from_folder(merchant)) as alipay,
    ):
        for number, channel in (("BENCHx1x1", wechat), ("BENCHx2x1", alipay)):
            pay(channel.create(number, 20000, "CA", soon))
        works: dict[str, Callable[[], object]] = {
            "floor": floor,
            "wechat_query": lambda: wechat.query("BENCHx1x1"),
            "wechatpayv3_query": lambda: wechat_sdk.query(out_trade_no="BENCHx1x1"),
            "alipay_query": lambda: alipay.query("BENCHx2x1"),
            "alipay_sdk_query": lambda: alipay_sdk.api_alipay_trade_query("BENCHx2x1"),
            "wechat_create": lambda: wechat.create("BENCHx3x1", 20000, "CA", soon),
            "alipay_create": lambda: alipay.create("BENCHx4x1", 20000, "CA", soon),
        }
        times = in_turns(rounds, works)
    line.close()
    result: dict[str, Any] = {name: figures(values) for name, values in times.items()}
    median = {name: statistics.median(values) for name, values in times.items()}
    result["ratios"] = {
        "wechat_to_floor": round(median["wechat_query"] / median["floor"], 2),
        "alipay_to_floor": round(median["alipay_query"] / median["floor"], 2),
        "wechat_to_wechatpayv3": round(median["wechat_query"] / median["wechatpayv3_query"], 2),
        "alipay_to_alipay_sdk": round(median["alipay_query"] / median["alipay_sdk_query"], 2),
    }
    return result


def day(count: int) -> tuple[list[LedgerLine], list[BillLine]]:
    """A day of balanced payments."""
    start = datetime(2026, 11, 20, 9, tzinfo=BEIJING)
    ours, bill = [], []
    for index in range(count):
        at, number = start + timedelta(milliseconds=index * 100), trade_no("K1", f"A{index}", 1)
        ours.append(LedgerLine("wechat", LineKind.PAYMENT, number, 20000, True, at, "益阳", "K1", "renew", f"A{index}"))
        bill.append(BillLine("wechat", LineKind.PAYMENT, number, 20000, 120, at))
    return ours, bill


def reconciliation(rounds: int) -> dict[str, Any]:
    """A hundred thousand payments matched, against the bare join."""
    ours, bill = day(100_000)

    def join() -> int:
        known = {(line.channel, line.kind, line.number): line for line in ours}
        return sum(known[line.channel, line.kind, line.number].amount_fen == line.amount_fen for line in bill)

    small = day(1000)
    works: dict[str, Callable[[], object]] = {
        "join_100000": join,
        "reconcile_100000": lambda: reconcile(DAY, ours, bill),
        "reconcile_1000": lambda: reconcile(DAY, *small),
    }
    times = in_turns(max(3, rounds // 40), works)
    result: dict[str, Any] = {name: figures(values) for name, values in times.items()}
    result["to_join"] = round(statistics.median(times["reconcile_100000"]) / statistics.median(times["join_100000"]), 1)
    return result


def bill_text(lines: int) -> bytes:
    """A WeChat bill of so many payments."""
    head = (
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
        "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
        "手续费,费率,订单金额,申请退款金额,费率备注\r\n"
    )
    row = (
        "`2026-11-20 09:15:02,`wx1,`19,`0,`,`4200{0},`K1xA{0}x1,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`200.00,`0.00,`0,`0,"
        "`0.00,`0.00,`,`,`CA,`,`1.20000,`0.60%,`200.00,`0.00,`\r\n"
    )
    total = f"总交易单数\r\n`{lines}\r\n"
    return (head + "".join(row.format(index) for index in range(lines)) + total).encode()


def main() -> None:
    """Run everything and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = max(20, parser.parse_args().rounds)
    os.environ["TZ"] = "Asia/Shanghai"  # python-alipay-sdk stamps its requests in the machine's time zone
    time.tzset()
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "kiosk.simulators.gateways", "--home", home]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline().removeprefix("ready "))

            def pay(code: str) -> None:
                control = http.client.HTTPConnection("127.0.0.1", ready["control"])
                control.request("POST", "/pay", json.dumps({"code": code}))
                assert json.load(control.getresponse())["result"] == "paid"
                control.close()

            try:
                result = exchanges(Path(ready["merchant"]), ready["port"], pay, rounds)
            finally:
                process.terminate()
    result["reconciliation"] = reconciliation(rounds)
    raw = bill_text(20_000)
    seconds = min(milliseconds(lambda: parse_wechat_bill(raw)) for _ in range(3)) / 1000
    result["wechat_bill_lines_per_s"] = round(20_000 / seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
