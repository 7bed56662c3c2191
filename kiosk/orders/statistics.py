"""Figures by Beijing day: orders by service and state, waiting at each step, refusals by reason, UKeys,
money, ratings.

An order's number begins with the kiosk and the day, so a day is a range of an index. Days older than a week are counted
once and kept (:class:`DayFigure`); younger ones are counted afresh, for their orders still move.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import BEIJING, today
from kiosk.journal import Event
from kiosk.orders import rating
from kiosk.orders.book import House
from kiosk.orders.desk_models import DayFigure
from kiosk.orders.models import Order, Payment, Refund
from kiosk.orders.states import PaymentState, RefundState

SETTLED_AFTER = dt.timedelta(days=7)
MAX_DAYS = 92
PAUSE = 30 * 60  # seconds: a longer gap between two steps is an absence, not waiting


@dataclass(frozen=True)
class Figure:
    """``amount`` counts; ``total`` is milliseconds (steps) or fen (money)."""

    day: dt.date
    measure: str
    key: str
    amount: int
    total: int = 0


def days(session: Session, house: House, first: dt.date, last: dt.date) -> list[Figure]:
    """All figures of the days from first to last, both included; at most ``MAX_DAYS``."""
    first = max(first, last - dt.timedelta(days=MAX_DAYS - 1))
    kept = _kept(session, house, first, last)
    out: list[Figure] = []
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        out += kept[day] if day in kept else count_day(session, house, day)
    return out


def _kept(session: Session, house: House, first: dt.date, last: dt.date) -> dict[dt.date, list[Figure]]:
    query = select(DayFigure).where(DayFigure.kiosk == house.settings.kiosk_id, DayFigure.day.between(first, last))
    out: dict[dt.date, list[Figure]] = defaultdict(list)
    for row in session.scalars(query):
        out[row.day].append(Figure(row.day, row.measure, row.key, row.amount, row.total))
    return out


def close_days(session: Session, house: House, first: dt.date, last: dt.date) -> int:
    """Keep the figures of days that no longer change, in a writing transaction; returns how many were closed."""
    last = min(last, today() - SETTLED_AFTER)
    kept = _kept(session, house, first, last)
    closed = 0
    for number in range(max((last - first).days + 1, 0)):
        day = first + dt.timedelta(days=number)
        if day in kept:
            continue
        for figure in [*count_day(session, house, day), Figure(day, "closed", "", 1)]:
            row = DayFigure(kiosk=house.settings.kiosk_id, day=day, measure=figure.measure, key=figure.key[:80])
            row.amount, row.total = figure.amount, figure.total
            session.add(row)
        closed += 1
    return closed


def _range(house: House, day: dt.date) -> tuple[str, str]:
    prefix = f"{house.settings.kiosk_id}{day:%y%m%d}"
    return prefix, prefix + "~"


def count_day(session: Session, house: House, day: dt.date) -> list[Figure]:
    """Count the orders that were opened that day and what became of them."""
    low, high = _range(house, day)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def add(measure: str, key: str, total: int = 0) -> None:
        entry = sums[measure, key]
        entry[0] += 1
        entry[1] += total

    rows = select(Order.scheme, Order.service, Order.kind, Order.state, Order.created_at)
    for scheme, service, kind, state, at in session.execute(rows.where(Order.number.between(low, high))):
        add("orders", f"{scheme}/{service}/{kind}")
        add("hours", f"{at.astimezone(BEIJING):%H}")
        add("states", state)
    paid = select(Payment.channel, Payment.amount, Payment.state, Refund.state).join(Order).outerjoin(Refund)
    for channel, amount, state, refund in session.execute(paid.where(Order.number.between(low, high))):
        if state == PaymentState.SUCCEEDED:
            add("money", channel, amount)
        if refund == RefundState.SUCCEEDED:
            add("refunds", channel, amount)
    _events(session, low, high, add)
    return [Figure(day, measure, key, amount, total) for (measure, key), (amount, total) in sorted(sums.items())]


def _events(session: Session, low: str, high: str, put: Callable[..., None]) -> None:
    before: dict[str, dt.datetime] = {}
    query = select(Event.order_no, Event.kind, Event.body, Event.at).where(Event.order_no.between(low, high))
    for number, kind, body, at in session.execute(query.order_by(Event.order_no, Event.seq)):
        if kind in ("order.opened", "step.done"):
            gap = (at - before[number]).total_seconds() if number in before else None
            if kind == "step.done" and gap is not None and gap < PAUSE:
                put("steps", body.get("step", ""), int(gap * 1000))
            before[number] = at
        elif kind == "effect.ended" and body.get("outcome") == "failed":
            put("refusals", body.get("code", ""))
        elif kind == "review.rejected":
            for code in body.get("reasons") or ("other",):
                put("refusals", f"review:{code}")
        elif kind == "stock.moved" and body.get("kind") == "used":
            put("ukeys", "used")
        elif kind == rating.GIVEN:
            put("rating", body.get("level", ""))
        elif kind == rating.WHY:
            put("rating_why", body.get("reason", ""))
