"""What follows what once the answers are confirmed: price, payment, review, writing, giving back.

Every function runs inside the caller's writing transaction and enqueues the next effect in it.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import effects, money, writing
from kiosk.orders.book import House
from kiosk.orders.causes import work_of
from kiosk.orders.models import Order, Payment
from kiosk.orders.money_back import give_back as give_back
from kiosk.orders.money_back import refund
from kiosk.orders.people import holders
from kiosk.orders.prefill import answers
from kiosk.orders.states import OPEN_PAYMENTS, PaymentState, State
from kiosk.payments.channel import trade_no


class NotPriced(Exception):
    """The operator has not set a fee for this service and term; it cannot be paid for."""


def price(house: House, order: Order) -> int:
    """Fen to pay for an order, from the catalogue alone."""
    _, _, offer = house.offer(order)
    amount = offer.price(order.years)
    if amount is None:
        raise NotPriced(f"{order.scheme}/{order.service}/{order.kind}/{order.years}")
    return amount * copies(house, order)


def copies(house: House, order: Order) -> int:
    """How many certificates the order is for: one for each applicant."""
    _, service, _ = house.offer(order)
    if service.max_applicants == 1 or work_of(service) != "new":
        return 1
    given = answers(house, order, house.data(order))
    return len(holders(order.kind, given, service.max_applicants)) if given.get("name") else 1


def confirm(session: Session, house: House, order: Order) -> None:
    """The person has checked the answers: freeze the price and see whether everything can be delivered. An order that
    was paid and sent back by the reviewer goes to them again.
    """
    if order.amount is not None and is_paid(order):
        house.move(session, order, State.PAID)
        accepted(session, house, order)
        return
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
        attempt=attempt,
        out_trade_no=trade_no(kiosk, order.number.removeprefix(kiosk), attempt),
        channel=channel,
        state=PaymentState.CREATED,
        amount=order.amount,
        expires_at=money.expiry(house.settings, channel),
    )
    payment.order = order
    session.add(payment)
    session.flush()
    order.channel, order.note = channel, None
    body = {"number": payment.out_trade_no, "channel": channel, "amount": payment.amount}
    house.log(session, "payment.started", body, order)
    money.begin(session, house, payment)
    return payment


def cancel_payment(session: Session, house: House, order: Order) -> None:
    """The person wants out: the attempt is closed by the gateway's word, never by ours."""
    payment = open_payment_of(session, order)
    if payment is None:
        return
    if payment.channel == "transfer" and payment.state == PaymentState.CREATED:  # nobody was told of it yet
        house.move_payment(session, payment, PaymentState.CLOSED)
        money.ended(session, house, order, "payment_cancelled")
        return
    if payment.state != PaymentState.CLOSING:
        house.move_payment(session, payment, PaymentState.CLOSING)
    effects.hurry(session, order, "pay.watch", payment.out_trade_no)


def is_paid(order: Order) -> bool:
    """Whether money was received and not given back, or the reviewers have had the order once."""
    received = any(payment.state == PaymentState.SUCCEEDED and payment.refund is None for payment in order.payments)
    return received or bool(order.progress.get("submitted"))


def leave(session: Session, house: House, order: Order) -> None:
    """The person walks away. What is not paid ends; what is paid goes on and waits for its owner."""
    effects.cancel(session, order, *effects.READINGS)
    if order.state == State.DRAFT and not is_paid(order):
        house.move(session, order, State.VOID, "left")
    elif order.state == State.PAYING:
        payment = open_payment_of(session, order)
        if payment is None:
            house.move(session, order, State.VOID, "left")
        elif payment.channel != "transfer" or payment.state == PaymentState.CREATED:  # a voucher waits for its clerk
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
    """Paid (or free): to the reviewers where the scheme wants it, else straight to the work."""
    _, service, _ = house.offer(order)
    if service.review and not order.progress.get("reviewed"):
        house.mark(session, order, "submitted")
        house.task(session, "review", {"levels": [level.code for level in service.review]}, order)
        return
    writing.begin(session, house, order)
