"""How long personal data are kept: after the configured days the order's key is destroyed, and with it everything that
was sealed under it. Events hold no personal data, so the time line stays and the chain still verifies.

What goes: the wrapped key, the sealed columns, the blind indexes, the sealed files. What stays: number, state, amount,
serial numbers, and what was done when. A backup made before still holds the key: backups are kept no longer than this.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders.book import House
from kiosk.orders.models import Effect, Message, Order, SmsCode, Task
from kiosk.orders.money_models import Invoice
from kiosk.orders.prefill import answers
from kiosk.orders.states import LIVE, State
from kiosk.payments.invoice import InvoiceState

BATCH = 100


def due(session: Session, house: House, moment: dt.datetime, limit: int = BATCH) -> list[Order]:
    """Orders that are over, old enough, and have nothing open; oldest first."""
    settings, wanted = house.settings, []
    if settings.retention_days:
        before = moment - dt.timedelta(days=settings.retention_days)
        closed = Order.state.in_((State.DONE, State.REFUNDED, State.VOID))
        wanted.append(closed & (Order.updated_at < before))
    if settings.left_days:
        before = moment - dt.timedelta(days=settings.left_days)
        wanted.append((Order.state == State.VOID) & (Order.updated_at < before))
    if not wanted:
        return []
    open_task = select(Task.order_id).where(Task.closed_at.is_(None), Task.order_id.is_not(None))
    live = select(Effect.order_id).where(Effect.state.in_(LIVE), Effect.order_id.is_not(None))
    query = select(Order).where(Order.wrapped_key.is_not(None), or_(*wanted))
    query = query.where(Order.id.not_in(open_task), Order.id.not_in(live)).order_by(Order.id).limit(limit)
    return [order for order in session.scalars(query) if not _wants_invoice(session, house, order)]


def _wants_invoice(session: Session, house: House, order: Order) -> bool:
    """Whether the buyer still waits for an invoice: its title and number are needed for it."""
    if order.state != State.DONE or not order.amount:
        return False
    if answers(house, order, house.data(order)).get("invoice") != "yes":
        return False
    issued = select(Invoice.order_id).where(Invoice.order_id == order.id)
    return session.scalar(issued.where(Invoice.state.in_((InvoiceState.ISSUED, InvoiceState.RED)))) is None


def shred(session: Session, house: House, orders: list[Order]) -> list[str]:
    """Destroy what these orders hold of people, in the caller's writing transaction; returns their numbers. The files
    go afterwards (:func:`sweep`): without the key they are noise.
    """
    numbers = []
    for order in orders:
        order.wrapped_key = order.sealed = None
        order.person_index = order.unit_index = order.phone_index = order.name_index = None
        for certificate in order.certificates:
            certificate.request_der = certificate.certificate_der = None
        session.execute(delete(SmsCode).where(SmsCode.order_id == order.id))
        for message in session.scalars(select(Message).where(Message.order_id == order.id)):
            message.sealed = None
        house.log(session, "personal.shredded", {"state": order.state}, order)
        numbers.append(order.number)
    return numbers


def sweep(house: House, numbers: list[str]) -> int:
    """Remove the sealed files of shredded orders; returns how many files."""
    return sum(house.files.destroy(number) for number in numbers)


def run(session: Session, house: House, moment: dt.datetime | None = None) -> list[str]:
    """One batch in a writing transaction. On SQLite freed pages are overwritten, so no copy of a key stays in the
    file; the caller empties the log afterwards.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
    return shred(session, house, due(session, house, moment or now()))
