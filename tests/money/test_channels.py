"""Each way to pay, with the simulated gateway or terminal at the other end."""

from __future__ import annotations

from typing import Any

import pytest

from kiosk.db import db, write
from kiosk.orders import fulfil
from kiosk.orders.models import Order, Payment, Refund
from kiosk.orders.states import PaymentState, RefundState, State
from tests.money.conftest import Till, fault


def fresh(payment: Payment) -> Payment:
    db.session.rollback()
    found = db.session.get(Payment, payment.id, populate_existing=True)
    assert found is not None
    return found


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_a_code_is_paid(till: Till, channel: str) -> None:
    order = till.order()
    payment = till.pay(order, channel)
    till.work("money", rounds=2)
    assert fresh(payment).state == PaymentState.PENDING
    assert till.ask("gateways", "pay", code=fresh(payment).code_url)["result"] == "paid"
    till.work("money")
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert fresh(payment).order.state == State.WRITING


def test_a_refusal_after_a_lost_answer_is_not_believed(till: Till) -> None:
    """The first create got through, its answer was lost, and the buyer paid: ORDERPAID is no failure."""
    order = till.order()
    payment = till.pay(order, "wechat")
    fault(till, kind="drop_after", match="wechat.create")
    till.engine.step("money")
    assert till.ask("gateways", "pay", code=payment.out_trade_no)["result"] == "paid"
    till.work("money")
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert fresh(payment).order.state == State.WRITING


def test_a_number_the_gateway_never_saw_ends_at_once(till: Till) -> None:
    """Every create was lost on its way and nobody saw a code: nothing to wait for."""
    payment = till.pay(till.order(), "wechat")
    fault(till, kind="drop_before", match="wechat.create", times=2)
    till.engine.step("money")
    with write() as session:
        fulfil.cancel_payment(session, till.house, session.merge(payment.order))
    till.work("money")
    assert fresh(payment).state == PaymentState.CLOSED


def test_cancelled_only_on_the_gateways_word(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "wechat")
    till.work("money", rounds=2)
    with write() as session:
        fulfil.cancel_payment(session, till.house, session.merge(order))
    till.ask("gateways", "down", down=True)
    till.work("money", rounds=4)
    assert fresh(payment).state == PaymentState.CLOSING
    till.ask("gateways", "down", down=False)
    till.work("money")
    assert fresh(payment).state == PaymentState.CLOSED
    assert fresh(payment).order.note == "payment_cancelled"
    with write() as session:
        assert fulfil.start_payment(session, till.house, session.merge(order), "alipay").attempt == 2


def test_who_left_and_paid_all_the_same_gets_everything_back(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "wechat")
    till.work("money", rounds=2)
    with write() as session:
        found = session.get(Order, order.id)
        assert found is not None
        till.house.move(session, found, State.VOID, "left")
    till.ask("gateways", "pay", code=fresh(payment).code_url)
    till.work("money")
    refund = db.session.query(Refund).one()
    assert (refund.state, refund.amount, refund.reason) == (RefundState.SUCCEEDED, payment.amount, "surplus")
    (trade,) = till.trades()
    assert trade["refunded_fen"] == trade["captured_fen"] == payment.amount


def test_a_wrong_amount_goes_to_a_clerk(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "wechat")
    till.work("money", rounds=2)
    till.ask("gateways", "pay", code=fresh(payment).code_url)
    with write() as session:
        found = session.get(Payment, payment.id)
        assert found is not None
        found.amount += 1
    till.work("money")
    assert fresh(payment).state == PaymentState.MISMATCH
    assert till.tasks(order) == ["payment_mismatch"]


@pytest.mark.parametrize("account", [(None, "wx-another"), ("1900000000", None)], ids=["app id", "merchant"])
def test_money_of_another_account_goes_to_a_clerk(till: Till, account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kiosk's account was changed while a code was open: what the old one received is not simply booked."""
    payment = till.pay(till.order(), "wechat")
    till.work("money", rounds=2)
    till.ask("gateways", "pay", code=fresh(payment).code_url)
    monkeypatch.setattr(till.world, "account", lambda name: account)
    till.work("money")
    assert fresh(payment).state == PaymentState.MISMATCH
    assert till.tasks(fresh(payment).order) == ["payment_mismatch"]


def test_a_card_is_charged_once(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "pos")
    till.work("pos")
    paid = fresh(payment)
    assert paid.state == PaymentState.SUCCEEDED
    (slip,) = till.slips()
    assert (slip["reference"], slip["amount"]) == (paid.transaction_id, payment.amount)


def test_a_lost_result_is_asked_for_and_not_charged_again(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.worker.effects.pos.DEADLINE", 1.0)
    till.ask("pos", "auto", on=False)
    till.ask("pos", "lost_result")
    payment = till.pay(till.order(), "pos")
    till.work("pos")
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert len(till.slips()) == 1


def test_a_declined_card_leaves_the_choice(till: Till) -> None:
    till.ask("pos", "auto", on=False)
    till.ask("pos", "decline", response="51")
    payment = till.pay(till.order(), "pos")
    till.work("pos")
    assert fresh(payment).state == PaymentState.CLOSED
    assert (fresh(payment).order.state, fresh(payment).order.note) == (State.PAYING, "card_declined")


def test_a_card_payment_is_given_back_by_a_void(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "pos")
    till.work("pos")
    with write() as session:
        fulfil.give_back(session, till.house, session.merge(order), "token_full")
    till.work("pos")
    assert fresh(payment).order.state == State.REFUNDED
    assert [slip["kind"] for slip in till.slips()] == ["sale", "void"]


def test_no_key_in_the_merchant_folder_is_needed_in_the_clear(till: Till) -> None:
    runner = till.app.test_cli_runner()
    result = runner.invoke(args=["merchant", "seal"])
    assert "wechat_key.pem" in result.output
    folder = till.home / "sim" / "gateways" / "merchant"
    assert not list(folder.glob("*_key.pem"))
    assert not list(folder.glob("*.key"))
    for sealed in folder.glob("*.sealed"):
        assert b"PRIVATE" not in sealed.read_bytes()
    payment = till.pay(till.order(), "wechat")
    till.work("money", rounds=2)
    assert fresh(payment).code_url
