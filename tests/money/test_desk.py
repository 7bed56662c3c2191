"""What clerks confirm by name, and giving back after the CA was asked."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from kiosk.ca.connector import State as Alive
from kiosk.db import db, write
from kiosk.orders import desk_acts, fulfil, money_desk
from kiosk.orders.models import Certificate, Material, Order, Payment, Refund
from kiosk.orders.money_desk import ConfirmRefused
from kiosk.orders.states import PaymentState, RefundState, State
from tests.money.conftest import Till


def again(order: Order) -> Order:
    db.session.rollback()
    found = db.session.get(Order, order.id, populate_existing=True)
    assert found is not None
    return found


def test_a_slip_of_the_window_pays_one_order_only(till: Till) -> None:
    orders = [till.order(), till.order()]
    payments = [till.pay(order, "pos_manual") for order in orders]
    assert till.tasks(orders[0]) == ["confirm_payment"]
    with write() as session:
        money_desk.confirm(session, till.house, session.merge(payments[0]), "123456789012", "clerk-1")
    assert again(orders[0]).state == State.WRITING
    assert till.tasks(orders[0]) == []
    with pytest.raises(ConfirmRefused, match="reference_used"), write() as session:
        money_desk.confirm(session, till.house, session.merge(payments[1]), "123456789012", "clerk-1")
    with pytest.raises(ConfirmRefused, match="reference_malformed"), write() as session:
        money_desk.confirm(session, till.house, session.merge(payments[1]), "1; drop", "clerk-1")
    with write() as session:
        money_desk.refuse(session, till.house, session.merge(payments[1]), "clerk-1")
    assert (again(orders[1]).state, again(orders[1]).note) == (State.PAYING, "payment_not_received")


def test_a_qr_payment_cannot_be_confirmed_by_hand(till: Till) -> None:
    payment = till.pay(till.order(), "wechat")
    with pytest.raises(ConfirmRefused, match="not_by_hand"), write() as session:
        money_desk.confirm(session, till.house, session.merge(payment), "123456789012", "clerk-1")


def test_a_transfer_waits_for_its_clerk_and_its_owner_may_go(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "transfer")
    assert till.tasks(order) == []
    with write() as session:
        found = session.get(Order, order.id)
        assert found is not None
        picture = Material(order_id=order.id, code=money_desk.VOUCHER, state="good", verdict=[])
        session.add(picture)
        session.flush()
        money_desk.voucher_shown(session, till.house, found, picture)
        fulfil.leave(session, till.house, found)
    assert again(order).state == State.PAYING
    assert till.tasks(order) == ["confirm_payment"]
    with write() as session:
        money_desk.confirm(session, till.house, session.merge(payment), "BANK-2026112100017", "clerk-2")
    assert again(order).state == State.WRITING
    with write() as session:
        fulfil.give_back(session, till.house, session.merge(order), "token_dead")
    assert till.tasks(order) == ["refund_by_hand"]
    with write() as session:
        row = session.scalars(select(Refund)).one()
        money_desk.given_back(session, till.house, row, "BANK-2026112200001", "clerk-2")
    assert again(order).state == State.REFUNDED
    assert db.session.scalars(select(Refund)).one().confirmed_by == "clerk-2"


def test_a_transfer_without_a_voucher_is_called_off_at_once(till: Till) -> None:
    order = till.order()
    payment = till.pay(order, "transfer")
    with write() as session:
        fulfil.cancel_payment(session, till.house, session.merge(order))
    assert db.session.get(Payment, payment.id, populate_existing=True).state == PaymentState.CLOSED  # type: ignore[union-attr]
    assert again(order).note == "payment_cancelled"


def _issued(till: Till) -> tuple[Order, str]:
    """An order that was paid and whose certificate the CA has signed, with a key of the test's own."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    order = till.order()
    payment = till.pay(order, "wechat")
    till.work("money", rounds=2)
    till.ask("gateways", "pay", code=payment.out_trade_no)
    till.work("money")
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    from kiosk.orders import effects, writing

    with write() as session:
        certificate = session.scalars(select(Certificate).where(Certificate.order_id == order.id)).one()
        place = f"certificate.request_der.{certificate.id}"
        certificate.request_der = till.house.seal(certificate.order, csr.public_bytes(Encoding.DER), place)
        certificate.state = "keyed"
        effects.cancel(session, certificate.order, "token.adopt", "token.next", "write.key")
        writing.go_on(session, till.house, certificate.order)
    till.work("ca")
    serial = db.session.scalars(select(Certificate.serial).where(Certificate.order_id == order.id)).one()
    assert serial
    return order, serial


def test_money_goes_back_only_after_the_certificate_is_revoked(till: Till) -> None:
    order, serial = _issued(till)
    with write() as session:
        fulfil.give_back(session, till.house, session.merge(order), "token_dead")
    till.work("money")
    assert db.session.scalars(select(Refund)).all() == []
    assert till.world.ca.status(serial).state == Alive.ACTIVE
    till.work("ca")
    assert till.world.ca.status(serial).state == Alive.REVOKED
    till.work("money")
    assert again(order).state == State.REFUNDED
    assert db.session.scalars(select(Refund)).one().state == RefundState.SUCCEEDED


def test_what_is_finished_is_given_back_only_after_it_was_revoked(till: Till) -> None:
    order, serial = _issued(till)
    with write() as session:
        till.house.move(session, session.merge(order), State.DONE)
    with write() as session:
        desk_acts.give_back(session, till.house, session.merge(order), None, {})
    till.work("money")
    assert db.session.scalars(select(Refund)).all() == []
    till.work("ca", "money")
    assert till.world.ca.status(serial).state == Alive.REVOKED
    assert again(order).state == State.REFUNDED
    with pytest.raises(desk_acts.DeskRefused, match="nothing_to_refund"), write() as session:
        desk_acts.give_back(session, till.house, session.merge(order), None, {})


def test_without_the_cas_word_a_clerk_has_to_look(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    from kiosk.ca.connector import CaRejected

    order, _ = _issued(till)

    def refuse(serial_hex: str, reason: object) -> None:
        raise CaRejected("not_allowed")

    monkeypatch.setattr(till.world.ca, "revoke", refuse)
    with write() as session:
        fulfil.give_back(session, till.house, session.merge(order), "token_dead")
    till.work("ca", "money")
    assert again(order).state == State.CLERK
    assert till.tasks(order) == ["refund_after_issue"]
    assert db.session.scalars(select(Refund)).all() == []
