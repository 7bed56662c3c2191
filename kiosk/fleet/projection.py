"""What the centre's lists and reports show, made of the kiosks' events in the transaction that takes them in.

An event counts for an order only when its kiosk is the order's holder: one that has let an order go (see
:mod:`kiosk.fleet.leases`) and yet tells of changes is shown as a fault, and changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Dialect, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kiosk.db import BEIJING
from kiosk.fleet.models import FINAL, FleetFault, FleetFigure, FleetKiosk, FleetOrder
from kiosk.fleet.wire import day_of, kiosk_of
from kiosk.journal import Event

DOSSIER = ("paid", "writing", "done", "clerk")
"""States in which the centre wants to know whom an order is for."""
CHANGES = ("order.moved", "payment.started", "payment.moved", "review.approved", "review.rejected")
Figures = dict[tuple[dt.date, str, str], list[int]]


def apply(session: Session, kiosk: FleetKiosk, events: Sequence[Event]) -> None:
    """Bring orders and figures up to these events, which are new and in order."""
    orders = _orders(session, events)
    figures: Figures = defaultdict(lambda: [0, 0])
    for event in events:
        if event.kind == "stock.moved" and event.body.get("kind") == "used":
            _count(figures, event, "ukeys", "used")
        if event.order_no is None or day_of(event.order_no) is None:
            continue
        order = orders.get(event.order_no)
        if order is None:
            if event.kind == "order.opened" and kiosk_of(event.order_no) == kiosk.kiosk:
                orders[event.order_no] = _open(session, kiosk, event, figures)
        elif order.holder == kiosk.kiosk:
            _change(order, event, figures)
        elif event.kind in CHANGES:
            _fenced(session, event)
    session.flush()
    add(session, kiosk.hall, figures)


def _orders(session: Session, events: Iterable[Event]) -> dict[str, FleetOrder]:
    places = {(day_of(e.order_no), e.order_no) for e in events if e.order_no and day_of(e.order_no)}
    if not places:
        return {}
    query = select(FleetOrder).where(tuple_(FleetOrder.day, FleetOrder.number).in_(sorted(places)))
    days = sorted({day for day, _ in places if day})
    query = query.where(FleetOrder.day.between(days[0], days[-1]))  # lets the planner leave months out
    return {order.number: order for order in session.scalars(query.with_for_update())}


def _open(session: Session, kiosk: FleetKiosk, event: Event, figures: Figures) -> FleetOrder:
    number, body = str(event.order_no), event.body
    names = {name: str(body.get(name, ""))[:size] for name, size in (("scheme", 40), ("service", 40), ("kind", 8))}
    order = FleetOrder(
        day=day_of(number),
        number=number,
        kiosk=kiosk.kiosk,
        holder=kiosk.kiosk,
        hall=kiosk.hall,
        state="draft",
        opened_at=event.at,
        changed_at=event.at,
        review="",
        **names,
    )
    session.add(order)
    _count(figures, event, "orders", "/".join(names.values())[:80])
    return order


def _change(order: FleetOrder, event: Event, figures: Figures) -> None:
    body = event.body
    match event.kind:
        case "order.moved":
            order.state, note = str(body.get("to", ""))[:12], body.get("note")
            order.note = str(note)[:60] if note else None
            order.changed_at = event.at
            if order.state in DOSSIER:
                order.wanted = event.seq
            if order.state in FINAL:
                _count(figures, event, "states", order.state)
        case "payment.started":
            order.channel, order.amount = str(body.get("channel", ""))[:12], _fen(body)
        case "payment.moved" if body.get("to") == "succeeded":
            _count(figures, event, "money", order.channel or "", _fen(body))
        case "task.opened" if body.get("task") == "review":
            order.review, order.wanted = "waiting", event.seq
        case "review.approved":
            order.review, order.wanted = "waiting", event.seq
        case "review.rejected":
            order.review = ""
        case "task.closed" if body.get("task") == "review":
            order.review = ""


def _fen(body: dict[str, Any]) -> int:
    found = body.get("amount")
    return found if isinstance(found, int) and 0 <= found < 10**9 else 0


def _fenced(session: Session, event: Event) -> None:
    told = {"order": event.order_no, "kind": event.kind, "body": event.body}
    fault = FleetFault(kiosk=event.kiosk, epoch=event.epoch, seq=event.seq, code="fenced", told=told)
    session.add(fault)


# -- figures --------------------------------------------------------------------------------------


def _count(figures: Figures, event: Event, measure: str, key: str, total: int = 0) -> None:
    entry = figures[event.at.astimezone(BEIJING).date(), measure, key]
    entry[0], entry[1] = entry[0] + 1, entry[1] + total


def add(session: Session, hall: str, figures: Figures) -> None:
    """Add to the hall's figures; always in the same order, so that two kiosks of a hall never wait for each other."""
    if not figures:
        return
    rows = [
        {"hall": hall, "day": day, "measure": measure, "key": key, "amount": amount, "total": total}
        for (day, measure, key), (amount, total) in sorted(figures.items())
    ]
    session.execute(_adding(session.get_bind().dialect), rows)


def _adding(dialect: Dialect) -> Any:
    statement = (postgresql if dialect.name == "postgresql" else sqlite).insert(FleetFigure)
    sums = {
        "amount": FleetFigure.amount + statement.excluded.amount,
        "total": FleetFigure.total + statement.excluded.total,
    }
    return statement.on_conflict_do_update(index_elements=["hall", "day", "measure", "key"], set_=sums)
