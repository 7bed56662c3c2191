"""Finding orders and events, page by page on the key (never by offset, never counting)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from kiosk.journal import Event
from kiosk.orders.book import House
from kiosk.orders.models import Certificate, Order
from kiosk.orders.states import State

PAGE = 25
KINDS = ("number", "name", "document", "serial", "phone")


@dataclass(frozen=True)
class Page:
    """Rows, and the key to go on with: None on the last page."""

    rows: Sequence[Any]
    following: int | None


def _condition(house: House, kind: str, text: str) -> ColumnElement[bool] | None:
    blind = house.vault.blind
    match kind:
        case "number":
            return Order.number.between(text.upper(), text.upper() + "~")
        case "name":
            return Order.name_index == blind(text, "name")
        case "document":
            purposes = (blind(text, "unit"), blind(text, "personal"))
            return or_(Order.person_index == blind(text, "person"), Order.unit_index.in_(purposes))
        case "serial":
            serials = select(Certificate.order_id).where(Certificate.serial == text.lower().replace(" ", ""))
            return Order.id.in_(serials)
        case "phone":
            return Order.phone_index == blind(text, "phone")
    return None


def orders(
    session: Session, house: House, kind: str = "", text: str = "", state: str = "", before: int | None = None
) -> Page:
    """Newest first. A name, number or phone must be given whole: the index is blind."""
    query = select(Order).order_by(Order.id.desc()).limit(PAGE + 1)
    condition = _condition(house, kind, text.strip()) if text.strip() else None
    if condition is not None:
        query = query.where(condition)
    if state in set(State):
        query = query.where(Order.state == state)
    if before is not None:
        query = query.where(Order.id < before)
    rows = session.scalars(query).all()
    return Page(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None)


def events(session: Session, house: House, kind: str = "", order_no: str = "", before: int | None = None) -> Page:
    """This kiosk's journal, newest first."""
    kiosk, epoch = house.origin
    query = select(Event).where(Event.kiosk == kiosk, Event.epoch == epoch).order_by(Event.seq.desc()).limit(PAGE + 1)
    if kind:
        query = query.where(Event.kind == kind)
    if order_no:
        query = query.where(Event.order_no == order_no)
    if before is not None:
        query = query.where(Event.seq < before)
    rows = session.scalars(query).all()
    return Page(rows[:PAGE], rows[PAGE - 1].seq if len(rows) > PAGE else None)


def time_line(session: Session, order: Order) -> Sequence[Event]:
    """Every event of an order, oldest first."""
    query = select(Event).where(Event.order_no == order.number).order_by(Event.seq).limit(500)
    return session.scalars(query).all()
