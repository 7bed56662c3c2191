"""What follows what once the answers are confirmed: price, payment, review, writing, giving back.

Every function runs inside the caller's writing transaction and enqueues the next effect in it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.catalogue import Operation
from kiosk.db import now
from kiosk.orders import effects
from kiosk.orders.book import House
from kiosk.orders.models import Certificate, Order, Payment, Refund
from kiosk.orders.states import OPEN_PAYMENTS, PaymentState, RefundState, State
from kiosk.payments.channel import refund_no, trade_no


class NotPriced(Exception):
    """The operator has not set a fee for this service and term; it cannot be paid for."""


def price(house: House, order: Order) -> int:
    """Fen to pay for an order, from the catalogue alone."""
    _, _, offer = house.offer(order)
    amount = offer.price(order.years)
    if amount is None:
        raise NotPriced(f"{order.scheme}/{order.service}/{order.kind}/{order.years}")
    return amount


def confirm(session: Session, house: House, order: Order) -> None:
    """The person has checked the answers: freeze the price and see whether everything can be delivered."""
    order.amount = price(house, order)
    house.move(session, order, State.PAYING)
    effects.enqueue(session, order, "preflight")


def reopen(session: Session, house: House, order: Order) -> None:
    """Back to the answers, as long as no attempt to pay is open."""
    if open_payment_of(session, order) is None:
        effects.cancel(session, order, "preflight")
        house.move(session, order, State.DRAFT)
        order.amount = None


def open_payment_of(session: Session, order: Order) -> Payment | None:
    query = select(Payment).where(Payment.order_id == order.id, Payment.state.in_(OPEN_PAYMENTS))
    return session.scalars(query).first()


def start_payment(session: Session, house: House, order: Order, channel: str) -> Payment:
    """A new attempt with a number of its own; the open one, if any, is returned instead."""
    found = open_payment_of(session, order)
    if found:
        return found
    attempt = (session.scalar(select(func.max(Payment.attempt)).where(Payment.order_id == order.id)) or 0) + 1
    kiosk = house.settings.kiosk_id
    payment = Payment(
        order_id=order.id,
        attempt=attempt,
        out_trade_no=trade_no(kiosk, order.number.removeprefix(kiosk), attempt),
        channel=channel,
        state=PaymentState.CREATED,
        amount=order.amount,
        expires_at=now() + dt.timedelta(seconds=house.settings.qr_seconds),
    )
    session.add(payment)
    session.flush()
    order.channel, order.note = channel, None
    body = {"number": payment.out_trade_no, "channel": channel, "amount": payment.amount}
    house.log(session, "payment.started", body, order)
    effects.enqueue(session, order, "pay.open", payment.out_trade_no)
    return payment


def cancel_payment(session: Session, house: House, order: Order) -> None:
    """The person wants out: the attempt is closed by the gateway's word, never by ours."""
    payment = open_payment_of(session, order)
    if payment is None:
        return
    if payment.state != PaymentState.CLOSING:
        house.move_payment(session, payment, PaymentState.CLOSING)
    effects.hurry(session, order, "pay.watch", payment.out_trade_no)


def leave(session: Session, house: House, order: Order) -> None:
    """The person walks away. What is not paid ends; what is paid goes on and waits for its owner."""
    effects.cancel(session, order, *effects.READINGS)
    if order.state == State.DRAFT:
        house.move(session, order, State.VOID, "left")
    elif order.state == State.PAYING:
        if open_payment_of(session, order) is None:
            house.move(session, order, State.VOID, "left")
        else:
            order.note = "left"
            cancel_payment(session, house, order)


def settle(
    session: Session, house: House, payment: Payment, transaction_id: str | None, paid_at: dt.datetime | None
) -> None:
    """The gateway says paid, and amount and merchant were checked: one transaction takes the order on."""
    order = payment.order
    payment.transaction_id, payment.paid_at = transaction_id, paid_at or now()
    house.move_payment(session, payment, PaymentState.SUCCEEDED)
    if order.state != State.PAYING:
        refund(session, house, payment, "surplus")
        return
    house.move(session, order, State.PAID)
    accepted(session, house, order)


def accepted(session: Session, house: House, order: Order) -> None:
    """Paid (or free): to the reviewers where the scheme wants it, else straight to the UKey."""
    _, service, _ = house.offer(order)
    if service.review and not order.progress.get("reviewed"):
        house.task(session, "review", {"levels": [level.code for level in service.review]}, order)
        return
    begin_writing(session, house, order)


def begin_writing(session: Session, house: House, order: Order) -> None:
    """Plan one certificate for each position and start with the first."""
    house.move(session, order, State.WRITING)
    if not order.certificates:
        token: dict[str, Any] = house.data(order).get("token", {})
        certificate = Certificate(
            order_id=order.id,
            position=0,
            state="planned",
            request_id=f"{order.number}-1",
            token_serial=token.get("serial"),
            old_key_id=token.get("key_id"),
            old_serial=token.get("certificate"),
        )
        session.add(certificate)
        session.flush()
        session.refresh(order, ["certificates"])
    next_write(session, house, order)


def next_write(session: Session, house: House, order: Order) -> None:
    """Start the first certificate that is not confirmed yet; none left: the order is done."""
    _, service, _ = house.offer(order)
    for certificate in order.certificates:
        if certificate.state != "confirmed":
            first = (
                "token.adopt" if service.operation == Operation.new and certificate.state == "planned" else "write.key"
            )
            following = {"keyed": "ca.issue", "issued": "write.certificate", "written": "ca.confirm"}
            effects.enqueue(session, order, following.get(certificate.state, first), str(certificate.position))
            return
    house.move(session, order, State.DONE)
    effects.enqueue(session, order, "paper.make")


def give_back(session: Session, house: House, order: Order, reason: str) -> None:
    """Nothing was issued and nothing will be: refund what was paid, or ask a clerk where money must be looked at."""
    paid = [payment for payment in order.payments if payment.state == PaymentState.SUCCEEDED]
    if any(certificate.serial for certificate in order.certificates):
        house.move(session, order, State.CLERK, reason)
        house.task(session, "refund_after_issue", {"reason": reason}, order)
        return
    house.move(session, order, State.REFUNDING, reason)
    for payment in paid:
        refund(session, house, payment, reason)
    if not paid:
        house.move(session, order, State.REFUNDED, reason)


def refund(session: Session, house: House, payment: Payment, reason: str) -> Refund:
    """The one refund of a payment, in full."""
    if payment.refund:
        return payment.refund
    number = refund_no(payment.out_trade_no)
    row = Refund(
        payment_id=payment.id,
        out_refund_no=number,
        amount=payment.amount,
        reason=reason,
        state=RefundState.REQUESTED,
    )
    session.add(row)
    session.flush()
    body = {"number": number, "amount": payment.amount, "reason": reason}
    house.log(session, "refund.requested", body, payment.order)
    effects.enqueue(session, payment.order, "refund", number)
    return row
