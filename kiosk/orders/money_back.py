"""Giving money back: always in full, always under the one number of its payment, never beside a living certificate.

Before the CA was asked the refund is automatic. Afterwards the CA's word comes first: ``ca.revoke`` finds out whether
there is a certificate and has it revoked; only when that is confirmed the refunds begin. Without that word a clerk has
to look (``refund_after_issue``).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from kiosk.orders import effects, writing
from kiosk.orders.book import House
from kiosk.orders.models import Order, Payment, Refund
from kiosk.orders.money import BY_HAND, CARD
from kiosk.orders.states import PaymentState, RefundState, State
from kiosk.payments.channel import refund_no

WITHDRAWN = ("revoked", "void")
"""States of a certificate that nobody can use any more: revoked by the CA's word, or never signed."""


def give_back(session: Session, house: House, order: Order, reason: str) -> None:
    """Nothing is or stays delivered: end what was asked of the CA, then refund what was paid."""
    effects.cancel(session, order, *writing.KINDS)
    house.move(session, order, State.REFUNDING, reason)
    asked = [c for c in order.certificates if c.request_der is not None and c.state not in WITHDRAWN]
    for certificate in asked:
        effects.enqueue(session, order, "ca.revoke", str(certificate.position))
    if not asked:
        pay_back(session, house, order)


def pay_back(session: Session, house: House, order: Order) -> None:
    """No certificate of the order is alive: refund every payment that was received."""
    reason = order.note or "given_up"
    paid = [payment for payment in order.payments if payment.state == PaymentState.SUCCEEDED]
    for payment in paid:
        refund(session, house, payment, reason)
    if all(payment.refund and payment.refund.state == RefundState.SUCCEEDED for payment in paid):
        house.move(session, order, State.REFUNDED, reason)


def refund(session: Session, house: House, payment: Payment, reason: str) -> Refund:
    """The one refund of a payment, in full. Where no machine can give it back a clerk does."""
    if payment.refund:
        return payment.refund
    number = refund_no(payment.out_trade_no)
    row = Refund(out_refund_no=number, amount=payment.amount, reason=reason, state=RefundState.REQUESTED)
    row.payment = payment
    session.add(row)
    session.flush()
    body = {"number": number, "amount": payment.amount, "reason": reason}
    house.log(session, "refund.requested", body, payment.order)
    if payment.channel in BY_HAND:
        by_hand(session, house, row)
    elif payment.channel == CARD:
        effects.enqueue(session, payment.order, "pos.begin", number)
    else:
        effects.enqueue(session, payment.order, "refund", number)
    if payment.order.progress.get("invoiced") and reason != "surplus":
        house.task(session, "refund_after_invoice", {"number": number}, payment.order, number)
    return row


def by_hand(session: Session, house: House, row: Refund) -> None:
    """Ask a clerk to give this money back and to write down the reference."""
    facts = {"number": row.out_refund_no, "amount": row.amount, "channel": row.payment.channel}
    house.task(session, "refund_by_hand", facts, row.payment.order, row.out_refund_no)


def arrived(session: Session, house: House, row: Refund) -> None:
    """A refund has succeeded; with the last one the order is refunded."""
    order = row.payment.order
    open_ones = [p.refund for p in order.payments if p.refund and p.refund.state != RefundState.SUCCEEDED]
    received = [p for p in order.payments if p.state == PaymentState.SUCCEEDED and p.refund is None]
    if order.state == State.REFUNDING and not open_ones and not received:
        house.move(session, order, State.REFUNDED, order.note)
