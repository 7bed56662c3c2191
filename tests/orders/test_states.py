"""Moves: what is not written down is refused."""

from __future__ import annotations

import pytest
from flask import Flask

from kiosk.db import write
from kiosk.orders.book import House, NotOffered
from kiosk.orders.models import Order, Payment
from kiosk.orders.states import (
    MOVES,
    OPEN_PAYMENTS,
    PAYMENT_MOVES,
    REFUND_MOVES,
    MoveRefused,
    PaymentState,
    RefundState,
    State,
    check,
)


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(State)
    assert set(PAYMENT_MOVES) == set(PaymentState)
    assert set(REFUND_MOVES) == set(RefundState)


def test_the_end_is_the_end() -> None:
    """What is done can only be given back, by two clerks."""
    for state in (State.DONE, State.REFUNDED, State.VOID):
        for new in set(State) - ({State.REFUNDING} if state == State.DONE else set()):
            with pytest.raises(MoveRefused):
                check("order", MOVES, state, new)


def test_a_closed_payment_never_opens_again() -> None:
    for new in OPEN_PAYMENTS:
        with pytest.raises(MoveRefused):
            check("payment", PAYMENT_MOVES, PaymentState.CLOSED, new)


def test_an_order_keeps_catalogue_and_number(core: Flask, house: House) -> None:
    with write() as session:
        order = house.open_order(session, "yiyang", "renew", "unit")
        number = order.number
        assert order.catalogue_version == house.catalogue.version
    assert number.startswith("K001")
    with pytest.raises(NotOffered), write() as session:
        house.open_order(session, "yiyang", "nothing", "unit")


def test_a_refused_move_changes_nothing(core: Flask, house: House) -> None:
    with write() as session:
        order = house.open_order(session, "yiyang", "renew", "unit")
        order_id = order.id
    with pytest.raises(MoveRefused), write() as session:
        found = session.get(Order, order_id)
        assert found is not None
        house.move(session, found, State.DONE)
    with write() as session:
        found = session.get(Order, order_id)
        assert found is not None
        assert found.state == State.DRAFT


def test_one_open_attempt_to_pay(core: Flask, house: House) -> None:
    """The database itself refuses a second open attempt of one order."""
    from sqlalchemy.exc import IntegrityError

    from kiosk.db import now

    with write() as session:
        order = house.open_order(session, "yiyang", "renew", "unit")
        order_id = order.id
        session.add(
            Payment(order_id=order_id, attempt=1, out_trade_no="A1", channel="wechat", amount=1, expires_at=now())
        )
    with pytest.raises(IntegrityError), write() as session:
        session.add(
            Payment(order_id=order_id, attempt=2, out_trade_no="A2", channel="wechat", amount=1, expires_at=now())
        )


def test_personal_data_are_sealed(core: Flask, house: House) -> None:
    with write() as session:
        order = house.open_order(session, "yiyang", "renew", "unit")
        house.put_data(order, {"card": {"name": "周示范", "number": "43010219850303999X"}})
        assert order.sealed is not None
        assert "周示范".encode() not in order.sealed
        assert house.data(order)["card"]["name"] == "周示范"
        assert order.person_index == house.vault.blind("43010219850303999X", "person")
