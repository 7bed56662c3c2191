"""Channels by name, sealed merchant folders, and both gateways' bills reconciled with what was paid."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.payments.channel import LineKind, Outcome, QrChannel, beijing_date, refund_no
from kiosk.payments.keys import seal_folder
from kiosk.payments.reconcile import LedgerLine, Verdict, reconcile
from kiosk.payments.registry import open_channel
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings
from tests.payments.conftest import Gateways, start, stop


def adapter(folder: Path, key: bytes | None) -> QrChannel:
    """An acquirer's adapter, here one that stands on WeChat's settings."""
    return WechatChannel(WechatSettings.from_folder(folder, key=key))


def no_adapter(folder: Path, key: bytes | None) -> str:
    return "not a channel"


@pytest.fixture
def merchant(gateways: Gateways, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gateways.merchant, tmp_path / "merchant"))


@pytest.mark.parametrize("name", ["wechat", "alipay"])
def test_from_a_sealed_folder(merchant: Path, name: str, number: str) -> None:
    key = b"k" * 32
    plain = (merchant / f"{name}_key.pem").read_bytes()
    assert seal_folder(merchant, key) == ["alipay_key.pem", "wechat_apiv3.key", "wechat_key.pem"]
    assert not list(merchant.glob("*_key.pem"))
    assert all(plain[40:80] not in path.read_bytes() for path in merchant.iterdir())
    channel = open_channel(name, merchant, key)
    assert channel.query(number).outcome is Outcome.NONE
    channel.close_connection()
    with pytest.raises(ValueError, match="wants a key"):
        open_channel(name, merchant)
    with pytest.raises(ValueError, match="does not open"):
        open_channel(name, merchant, b"x" * 32)


@pytest.fixture
def fresh(_gateways: Gateways, tmp_path: Path) -> Path:
    """A home of gateways that have their keys and no ledger."""
    return Path(shutil.copytree(_gateways.home, tmp_path / "home", ignore=shutil.ignore_patterns("ledger*")))


def test_a_sealed_merchant_is_known_to_the_gateways_after_a_restart(fresh: Path, soon: datetime) -> None:
    """The platform keeps the merchant's public keys itself: the plain files are gone for good."""
    seal_folder(fresh / "merchant", b"k" * 32)
    process, gateways = start(fresh)
    try:
        assert not list(gateways.merchant.glob("*_key.pem"))
        for name in ("wechat", "alipay"):
            channel = open_channel(name, gateways.merchant, b"k" * 32)
            gateways.do("pay", code=channel.create(f"K1xSEALED{name[0].upper()}x1", 100, "CA", soon))
            assert channel.query(f"K1xSEALED{name[0].upper()}x1").outcome is Outcome.PAID
            channel.close_connection()
    finally:
        stop(process)


def test_an_adapter(merchant: Path, number: str) -> None:
    (merchant / "unionpay.json").write_text(f'{{"adapter": "{__name__}:adapter"}}')
    channel = open_channel("unionpay", merchant)
    assert channel.query(number).outcome is Outcome.NONE
    channel.close_connection()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"adapter": "os"}',
        '{"adapter": "no_such_package:make"}',
        '{"adapter": "os:nothing"}',
        f'{{"adapter": "{__name__}:no_adapter"}}',
    ],
)
def test_no_adapter(merchant: Path, text: str) -> None:
    (merchant / "unionpay.json").write_text(text)
    with pytest.raises(ValueError, match=r"unionpay\.json"):
        open_channel("unionpay", merchant)
    with pytest.raises(ValueError, match="name of a channel"):
        open_channel("../unionpay", merchant)


def test_a_day_of_both_gateways(fresh: Path, soon: datetime) -> None:
    """Paid and refunded through the clients, fetched as bills, matched: only what was injected stands out."""
    process, gateways = start(fresh, "--early-bills")
    ours: list[LedgerLine] = []
    bill = []
    try:
        for name in ("wechat", "alipay"):
            channel = open_channel(name, gateways.merchant)
            for index in range(8):
                number = f"K1xD{index}{name[0].upper()}x1"
                gateways.do("pay", code=channel.create(number, 20000, "CA", soon))
                paid_at = channel.query(number).paid_at
                assert paid_at is not None
                line = LedgerLine(name, LineKind.PAYMENT, number, 20000, True, paid_at, "益阳", "K1", "renew", "A")
                ours.append(line)
                if index == 0:
                    channel.refund(refund_no(number), number, 20000, 20000, "x")
                    at = channel.query_refund(refund_no(number), number).succeeded_at
                    assert at is not None
                    ours.append(
                        LedgerLine(name, LineKind.REFUND, number, 20000, True, at, "", "", "", "A", refund_no(number))
                    )
            gateways.do("stray", gateway=name, out_trade_no=f"K9xZ{name[0].upper()}x1", amount_fen=100)
            bill += channel.bill(beijing_date(datetime.now(UTC)))
            channel.close_connection()
    finally:
        stop(process)
    result = reconcile(beijing_date(datetime.now(UTC)), ours, bill)
    assert [(finding.verdict, finding.number) for finding in result.exceptions] == [
        (Verdict.SURPLUS, "K9xZWx1"),
        (Verdict.SURPLUS, "K9xZAx1"),
    ]
    assert result.counts()["balanced"] == 18
