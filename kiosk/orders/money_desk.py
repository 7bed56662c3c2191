"""What a clerk confirms by name: the slip of a stand-alone card terminal, the voucher of a company transfer, money
given back by hand. Every function runs in the caller's writing transaction and is journalled with the clerk's name.
"""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import effects, fulfil, money, money_back
from kiosk.orders.book import House
from kiosk.orders.models import Material, Order, Payment, Refund, Task
from kiosk.orders.states import OPEN_PAYMENTS, REFUND_MOVES, PaymentState, RefundState, State, check

VOUCHER = "voucher"
"""Code of the material that proves a transfer, in every scheme that takes one."""
_REFERENCE = re.compile(r"[0-9A-Za-z-]{6,40}")


class ConfirmRefused(Exception):
    """``code``: not_by_hand, not_open, reference_malformed, reference_used, machine_at_work."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def waiting_transfer(session: Session, order: Order) -> Payment | None:
    """The transfer that still wants its voucher."""
    found = fulfil.open_payment_of(session, order)
    return found if found and found.channel == "transfer" and found.state == PaymentState.CREATED else None


def voucher_shown(session: Session, house: House, order: Order, picture: Material) -> None:
    """The voucher was scanned and kept: a clerk compares it with the bank statement."""
    payment = waiting_transfer(session, order)
    if payment is None:
        raise ConfirmRefused("not_open")
    picture.state = "kept"
    house.move_payment(session, payment, PaymentState.PENDING)
    money.ask_clerk(session, house, payment)


def confirm(session: Session, house: House, payment: Payment, reference: str, clerk: str) -> None:
    """The money is there: ``reference`` is the slip's 参考号 or the bank's transaction number, used once for ever."""
    _by_hand(payment)
    reference = reference.strip().upper()
    if not _REFERENCE.fullmatch(reference):
        raise ConfirmRefused("reference_malformed")
    same = select(Payment.id).where(Payment.channel == payment.channel, Payment.transaction_id == reference)
    if session.scalar(same) is not None:
        raise ConfirmRefused("reference_used")
    payment.confirmed_by = clerk
    body = {"number": payment.out_trade_no, "reference": reference, "clerk": clerk}
    house.log(session, "payment.confirmed", body, payment.order)
    _close_task(session, "confirm_payment", payment.out_trade_no, clerk)
    fulfil.settle(session, house, payment, reference, now())


def refuse(session: Session, house: House, payment: Payment, clerk: str) -> None:
    """No money came."""
    _by_hand(payment)
    payment.confirmed_by = clerk
    house.log(session, "payment.refused", {"number": payment.out_trade_no, "clerk": clerk}, payment.order)
    house.move_payment(session, payment, PaymentState.CLOSED)
    _close_task(session, "confirm_payment", payment.out_trade_no, clerk)
    money.ended(session, house, payment.order, "payment_not_received")


def given_back(session: Session, house: House, row: Refund, reference: str, clerk: str) -> None:
    """A clerk has given this refund back (at the window's terminal, by transfer, in the merchant's platform)."""
    reference = reference.strip().upper()
    if not _REFERENCE.fullmatch(reference):
        raise ConfirmRefused("reference_malformed")
    if row.state == RefundState.SUCCEEDED:
        raise ConfirmRefused("not_open")
    order = row.payment.order
    if any(effects.live(session, order, kind, row.out_refund_no) for kind in ("refund", "pos.begin", "pos.void")):
        raise ConfirmRefused("machine_at_work")
    check("refund", REFUND_MOVES, RefundState(row.state), RefundState.SUCCEEDED)
    row.state, row.refund_id, row.confirmed_by, row.done_at = RefundState.SUCCEEDED, reference, clerk, now()
    body = {"number": row.out_refund_no, "reference": reference, "clerk": clerk}
    house.log(session, "refund.confirmed", body, order)
    for kind in ("refund_by_hand", "refund_failed"):
        _close_task(session, kind, row.out_refund_no, clerk)
    if order.state == State.CLERK:
        house.move(session, order, State.REFUNDING, "refund_failed")
    money_back.arrived(session, house, row)


def _by_hand(payment: Payment) -> None:
    if payment.channel not in money.BY_HAND:
        raise ConfirmRefused("not_by_hand")
    if payment.state not in OPEN_PAYMENTS:
        raise ConfirmRefused("not_open")


def _close_task(session: Session, kind: str, subject: str, clerk: str) -> None:
    query = select(Task).where(Task.kind == kind, Task.subject == subject, Task.closed_at.is_(None))
    for task in session.scalars(query):
        task.closed_at, task.closed_by = now(), clerk
