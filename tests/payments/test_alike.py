"""What holds for both gateways alike: outcomes, repeats, refunds, and answers that are not to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from kiosk.payments.channel import GatewayRefused, GatewayUnreachable, GatewayUntrusted, Outcome, QrChannel, refund_no
from kiosk.payments.channel import RefundOutcome as Back
from kiosk.payments.registry import open_channel
from tests.payments.conftest import Gateways

CHANNELS = ("wechat", "alipay")


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest, gateways: Gateways) -> Iterator[QrChannel]:
    made = open_channel(request.param, gateways.merchant, timeout=3)
    yield made
    made.close_connection()


def test_it_is_a_channel(channel: QrChannel) -> None:
    assert isinstance(channel, QrChannel)
    assert (channel.unseen_grace is None) == (channel.name == "wechat"), "only WeChat knows a trade before the scan"


def test_the_same_number_with_another_amount_is_refused(channel: QrChannel, number: str, soon: datetime) -> None:
    channel.create(number, 100, "x", soon)
    with pytest.raises(GatewayRefused, match=r"INVALID_REQUEST|CONTEXT_INCONSISTENT"):
        channel.create(number, 101, "x", soon)


def test_closing_what_is_paid_says_paid(gateways: Gateways, channel: QrChannel, number: str, soon: datetime) -> None:
    gateways.do("pay", code=channel.create(number, 100, "x", soon))
    trade = channel.close(number)
    assert (trade.outcome, trade.amount_fen) == (Outcome.PAID, 100)
    with pytest.raises(GatewayRefused, match=r"ORDERPAID|TRADE_HAS_SUCCESS"):
        channel.create(number, 100, "x", soon)


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "drop_after", "error_after"])
def test_a_lost_create_may_be_repeated(
    gateways: Gateways, channel: QrChannel, number: str, soon: datetime, kind: str
) -> None:
    gateways.do("fault", kind=kind, match=f"{channel.name}.create")
    with pytest.raises(GatewayUnreachable):
        channel.create(number, 100, "x", soon)
    known = kind.endswith("after") and channel.name == "wechat"
    assert channel.query(number).outcome is (Outcome.OPEN if known else Outcome.NONE)
    assert gateways.do("pay", code=channel.create(number, 100, "x", soon))["result"] == "paid"


def test_one_refund_however_often(gateways: Gateways, channel: QrChannel, number: str, soon: datetime) -> None:
    back = refund_no(number)
    assert channel.query_refund(back, number).outcome is Back.NONE
    gateways.do("pay", code=channel.create(number, 20000, "x", soon))
    assert channel.query_refund(back, number).outcome is Back.NONE
    gateways.do("fault", kind="drop_after", match=f"{channel.name}.refund")
    assert channel.refund(back, number, 20000, 20000, "未能写入").outcome is Back.UNKNOWN
    for _ in range(3):
        assert channel.refund(back, number, 20000, 20000, "未能写入").outcome is Back.SUCCEEDED
    state = channel.query_refund(back, number)
    assert (state.outcome, state.amount_fen) == (Back.SUCCEEDED, 20000)
    assert state.succeeded_at is not None
    assert gateways.judge(number)["refunded_fen"] == 20000
    trade = channel.query(number)
    assert trade.outcome is Outcome.PAID, "a refunded trade is TRADE_CLOSED at Alipay, but it was paid"
    assert trade.refunded
    assert channel.refund(f"{back}b", number, 1, 20000, "x").outcome is Back.FAILED


@pytest.mark.parametrize("kind", ["bad_signature", "foreign_signature", "tampered", "stale"])
def test_an_unbelievable_answer_is_unknown(
    gateways: Gateways, channel: QrChannel, number: str, soon: datetime, kind: str
) -> None:
    """Alipay's replies carry no time: a stale one is another number's, and a stale refusal names none."""
    code = "bad_signature" if kind != "stale" else "stale" if channel.name == "wechat" else "wrong_subject"
    gateways.do("scan", code=channel.create(number, 100, "x", soon))
    gateways.do("fault", kind=kind, match=f"{channel.name}.", times=4 if code == "wrong_subject" else 5)
    trade = channel.query(number)
    assert (trade.outcome, trade.reason) == (Outcome.UNKNOWN, code)
    with pytest.raises(GatewayUntrusted, match=code):
        channel.create(number, 100, "x", soon)
    shut = channel.close(number)
    assert (shut.outcome, shut.reason) == (Outcome.UNKNOWN, code)
    if code != "wrong_subject":
        assert channel.refund(refund_no(number), number, 1, 1, "x").outcome is Back.UNKNOWN
    assert channel.probe().reachable == (code == "wrong_subject")
    assert channel.query(number).outcome is Outcome.CLOSED, "the close itself had its effect"


@pytest.mark.parametrize("offset", [400, -400])
def test_clock_skew_closes_payment(gateways: Gateways, channel: QrChannel, number: str, offset: int) -> None:
    assert channel.probe().skew_seconds == pytest.approx(0, abs=2.5)
    gateways.do("clock", offset=offset)
    probe = channel.probe()
    assert not probe.reachable
    assert probe.skew_seconds == pytest.approx(offset, abs=2.5)
    assert channel.query(number).reason == "request_not_accepted"


def test_down_and_up_again(gateways: Gateways, channel: QrChannel, number: str) -> None:
    gateways.do("down")
    assert channel.probe().reachable is False
    assert channel.probe().skew_seconds is None
    assert channel.query(number).outcome is Outcome.UNKNOWN
    gateways.do("calm")
    assert channel.probe().reachable
