"""What the fleet's pages show: kiosks by hall, orders, the review queue, figures. Every list goes on by key.

``hall`` None = every hall; else only that hall's, wherever the rows come from.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet.models import FleetFault, FleetFigure, FleetKey, FleetKiosk, FleetOrder, FleetStatus
from kiosk.fleet.wire import day_of
from kiosk.journal import Event
from kiosk.privacy import Vault

PAGE = 25
KIOSKS = 100
SILENT = dt.timedelta(minutes=3)
KINDS = ("number", "name", "document", "serial", "phone")


@dataclass(frozen=True)
class Machine:
    """One kiosk and what it last told. ``fault``: code of the oldest open one."""

    row: FleetKiosk
    status: FleetStatus
    fault: str

    @property
    def silent(self) -> bool:
        seen = self.status.seen_at
        return seen is None or now() - seen > SILENT

    @property
    def told(self) -> dict[str, Any]:
        return self.status.told or {}

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.told.get("parts", {}).get(name, {})
        return found

    @property
    def bad(self) -> list[str]:
        """Names of parts that are not well."""
        return [name for name, one in self.told.get("parts", {}).items() if one.get("level") in ("warning", "failed")]

    @property
    def low(self) -> bool:
        stock = self.told.get("stock", {})
        return bool(stock) and stock.get("left", 0) < stock.get("level", 0)


@dataclass(frozen=True)
class Listed:
    """Rows, and the key to go on with: "" on the last page; whether a search had more orders than it looks at."""

    rows: Sequence[Any]
    following: str
    partial: bool = False


def machines(session: Session, hall: str | None, after: str = "") -> Listed:
    """Kiosks by hall and number; revoked ones last seen stay in the list."""
    query = select(FleetKiosk, FleetStatus).join(FleetStatus, FleetStatus.kiosk == FleetKiosk.kiosk)
    query = query.order_by(FleetKiosk.hall, FleetKiosk.kiosk).limit(KIOSKS + 1)
    if hall is not None:
        query = query.where(FleetKiosk.hall == hall)
    if after:
        last_hall, _, last = after.rpartition(".")
        query = query.where(tuple_(FleetKiosk.hall, FleetKiosk.kiosk) > (last_hall, last))
    rows = session.execute(query).all()
    faults = _faults(session, [row.kiosk for row, _ in rows])
    found = [Machine(row, status, faults.get(row.kiosk, "")) for row, status in rows]
    more = f"{found[KIOSKS - 1].row.hall}.{found[KIOSKS - 1].row.kiosk}" if len(found) > KIOSKS else ""
    return Listed(found[:KIOSKS], more)


def machine(session: Session, hall: str | None, kiosk: str) -> Machine | None:
    row, status = session.get(FleetKiosk, kiosk), session.get(FleetStatus, kiosk)
    if row is None or status is None or (hall is not None and row.hall != hall):
        return None
    return Machine(row, status, _faults(session, [kiosk]).get(kiosk, ""))


def _faults(session: Session, kiosks: Sequence[str]) -> dict[str, str]:
    query = select(FleetFault.kiosk, FleetFault.code).where(FleetFault.kiosk.in_(kiosks))
    query = query.where(FleetFault.cleared_at.is_(None)).order_by(FleetFault.id.desc())
    return dict(session.execute(query).all())


def faults(session: Session, kiosk: str) -> Sequence[FleetFault]:
    query = select(FleetFault).where(FleetFault.kiosk == kiosk, FleetFault.cleared_at.is_(None))
    return session.scalars(query.order_by(FleetFault.id).limit(20)).all()


# -- orders ---------------------------------------------------------------------------------------

FOUND = 2000  # orders of one person, unit, phone or name that a search looks at
NEWEST = (FleetOrder.day.desc(), FleetOrder.opened_at.desc(), FleetOrder.number.desc())


def _key(order: FleetOrder) -> str:
    return f"{order.day.isoformat()} {order.opened_at.isoformat()} {order.number}"


def _below(query: Select[FleetOrder], key: str) -> Select[FleetOrder]:
    """Rows after the one that key was made of; a key that was tampered with is left out."""
    day, _, rest = key.partition(" ")
    at, _, number = rest.partition(" ")
    try:
        date, moment = dt.date.fromisoformat(day), dt.datetime.fromisoformat(at)
    except ValueError:
        return query
    if moment.tzinfo is None:
        return query
    position = tuple_(FleetOrder.day, FleetOrder.opened_at, FleetOrder.number)
    return query.where(FleetOrder.day <= date, position < (date, moment, number))


def orders(
    session: Session,
    vault: Vault,
    hall: str | None,
    kind: str = "",
    text: str = "",
    state: str = "",
    kiosk: str = "",
    before: str = "",
) -> Listed:
    """Newest first. A name, number or phone must be given whole: the index is blind."""
    query: Select[FleetOrder] = select(FleetOrder).order_by(*NEWEST).limit(PAGE + 1)
    partial = False
    if text.strip():
        condition, partial = _condition(session, vault, kind, text.strip())
        query = query.where(condition)
    for column, value in ((FleetOrder.hall, hall), (FleetOrder.state, state), (FleetOrder.kiosk, kiosk)):
        if value:
            query = query.where(column == value)
    if before:
        query = _below(query, before)
    rows = session.scalars(query).all()
    return Listed(rows[:PAGE], _key(rows[PAGE - 1]) if len(rows) > PAGE else "", partial)


def _condition(session: Session, vault: Vault, kind: str, text: str) -> tuple[ColumnElement[bool], bool]:
    """Which orders are looked for, and whether there were too many to look at all."""

    def among(*pairs: tuple[str, str]) -> tuple[ColumnElement[bool], bool]:
        """The numbers first, then their days: so only the months they are in are opened, each by its primary key."""
        keys = select(FleetKey.number).where(tuple_(FleetKey.kind, FleetKey.value).in_(pairs)).limit(FOUND + 1)
        numbers = session.scalars(keys).all()
        days = {day for number in numbers[:FOUND] if (day := day_of(number))}
        return FleetOrder.day.in_(days) & FleetOrder.number.in_(numbers[:FOUND]), len(numbers) > FOUND

    match kind:
        case "name":
            return among(("name", vault.blind(text, "name")))
        case "document":
            return among(("person", vault.blind(text, "person")), ("unit", vault.blind(text, "unit")))
        case "serial":
            return among(("serial", text.lower().replace(" ", "")[:48]))
        case "phone":
            return among(("phone", vault.blind(text, "phone")))
    number = text.upper()[:24]
    day = day_of(number)
    exact = FleetOrder.number == number
    return (exact if day is None else (FleetOrder.day == day) & exact), False


def order(session: Session, hall: str | None, number: str) -> FleetOrder | None:
    day = day_of(number)
    found = session.get(FleetOrder, (day, number)) if day else None
    return found if found is not None and (hall is None or found.hall == hall) else None


def time_line(session: Session, number: str) -> Sequence[Event]:
    """Every event of an order, of whatever kiosk, oldest first."""
    query = select(Event).where(Event.order_no == number).order_by(Event.at, Event.seq).limit(500)
    return session.scalars(query).all()


def in_review(session: Session, hall: str | None, limit: int = 100) -> Sequence[FleetOrder]:
    """Orders that wait for a reviewer, oldest first."""
    query = select(FleetOrder).where(FleetOrder.review != "").order_by(FleetOrder.day, FleetOrder.number).limit(limit)
    if hall is not None:
        query = query.where(FleetOrder.hall == hall)
    return session.scalars(query).all()


# -- figures --------------------------------------------------------------------------------------


def figures(
    session: Session, hall: str | None, first: dt.date, last: dt.date
) -> list[tuple[dt.date, str, str, int, int]]:
    """(day, measure, key, amount, total) summed over the halls."""
    columns = (FleetFigure.day, FleetFigure.measure, FleetFigure.key)
    query = select(*columns, func.sum(FleetFigure.amount), func.sum(FleetFigure.total))
    query = query.where(FleetFigure.day.between(first, last)).group_by(*columns)
    if hall is not None:
        query = query.where(FleetFigure.hall == hall)
    return [(day, measure, key, int(n), int(total)) for day, measure, key, n, total in session.execute(query)]


def by_hall(session: Session, first: dt.date, last: dt.date) -> list[tuple[str, int]]:
    """Orders begun in each hall."""
    query = select(FleetFigure.hall, func.sum(FleetFigure.amount)).where(FleetFigure.measure == "orders")
    query = query.where(FleetFigure.day.between(first, last)).group_by(FleetFigure.hall)
    return [(hall, int(n)) for hall, n in session.execute(query)]
