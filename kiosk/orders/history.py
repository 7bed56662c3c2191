"""Finding earlier orders of a person or unit, and what is to be told of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kiosk.catalogue import Operation
from kiosk.orders.book import House, NotOffered
from kiosk.orders.models import Order
from kiosk.orders.states import State

CONTINUED = (State.PAYING, State.PAID, State.WRITING, State.CLERK, State.REFUNDING)
SHOWN = 30


def of_card(session: Session, house: House, number: str) -> list[Order]:
    """Orders of whoever laid this ID card on the reader, for himself or for another."""
    index, own = house.vault.blind(number, "person"), house.vault.blind(number, "personal")
    return _real(session, house, select(Order).where(or_(Order.person_index == index, Order.unit_index == own)))


def of_number(session: Session, house: House, kind: str, number: str) -> list[Order]:
    """Orders of one kind whose certificate is for this number."""
    index = house.vault.blind(number, kind)
    return _real(session, house, select(Order).where(Order.unit_index == index, Order.kind == kind))


def _real(session: Session, house: House, query: object) -> list[Order]:
    found: Iterable[Order] = session.scalars(query.order_by(Order.id.desc()).limit(SHOWN * 3))  # type: ignore[attr-defined]
    return [order for order in found if order.state != State.VOID and not _is_query(house, order)][:SHOWN]


def _is_query(house: House, order: Order) -> bool:
    try:
        _, service, _ = house.offer(order)
    except NotOffered:  # the catalogue has changed since
        return True
    return service.operation == Operation.query


def phones(house: House, order: Order) -> set[str]:
    """Mobile numbers that were given with the order."""
    form = house.data(order).get("form", {})
    return {form[name] for name in ("mobile", "agent_mobile", "legal_mobile") if form.get(name)}


def may_continue(order: Order) -> bool:
    """Whether the person can go on with it here."""
    return order.state in CONTINUED or (order.state == State.DRAFT and order.note == "rejected")


def fully_known(order: Order) -> bool:
    """Whether the order still has its personal data (they are shredded after their time)."""
    return order.wrapped_key is not None
