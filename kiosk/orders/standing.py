"""The kiosk as a whole: in or out of service, self-test on demand, screens that are stuck, the stock of blank UKeys."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.orders import desk_facts, fulfil
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, Standing, StockMove
from kiosk.orders.models import Order, Visit

OUT_REASONS = ("maintenance", "device_fault", "no_ukey", "no_paper", "hall_closed")
STOCK_REASONS = {"in": ("delivered",), "spoilt": ("write_damage", "defective", "lost"), "counted": ("counted",)}
LOW_STOCK = 20
MAX_MOVE = 10_000


def out_of_service(session: Session) -> str | None:
    """Code of why this kiosk takes nobody just now; None when it serves."""
    row = session.get(Standing, "service")
    return str(row.value["reason"]) if row and row.value.get("out") else None


def take_out(session: Session, house: House, clerk: Clerk, reason: str) -> None:
    """No new order is begun; what is paid is still carried out."""
    if reason not in OUT_REASONS:
        raise DeskRefused("no_reason")
    before = out_of_service(session)
    desk_facts.put(session, "service", {"out": True, "reason": reason})
    house.log(session, "kiosk.out", {"clerk": clerk.name, "reason": reason, "before": before, "after": reason})


def put_back(session: Session, house: House, clerk: Clerk) -> None:
    before = out_of_service(session)
    desk_facts.put(session, "service", {"out": False})
    house.log(session, "kiosk.in", {"clerk": clerk.name, "reason": "fault_cleared", "before": before, "after": None})


def ask_self_test(session: Session, house: House, clerk: Clerk) -> None:
    """Have the worker probe every device at once."""
    desk_facts.put(session, "self_test", {"by": clerk.name})
    house.log(session, "kiosk.self_test", {"clerk": clerk.name, "reason": "self_test"})


def self_test_asked(session: Session, since: dt.datetime) -> bool:
    """Whether a probe was asked for after ``since``."""
    row = session.get(Standing, "self_test")
    return row is not None and row.at > since


def unlock_screen(session: Session, house: House, clerk: Clerk, reason: str) -> int:
    """Wipe every open visit of this kiosk: what is unpaid ends, what is paid goes on. Returns how many there were."""
    if reason not in ("screen_stuck", "customer_left"):
        raise DeskRefused("no_reason")
    visits = session.scalars(select(Visit)).all()
    for visit in visits:
        order = session.get(Order, visit.order_id) if visit.order_id is not None else None
        if order is not None:
            before = order.state
            fulfil.leave(session, house, order)
            body = {"clerk": clerk.name, "reason": reason, "before": before, "after": order.state}
            house.log(session, "screen.unlocked", body, order)
        session.delete(visit)
    return len(visits)


# -- blank UKeys ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stock:
    """Pieces. ``low``: below the warning level."""

    left: int
    received: int
    used: int
    spoilt: int
    level: int

    @property
    def low(self) -> bool:
        return self.left < self.level


def stock(session: Session) -> Stock:
    """What the movements add up to."""
    rows = session.execute(select(StockMove.kind, func.sum(StockMove.amount)).group_by(StockMove.kind)).all()
    sums = {kind: int(amount or 0) for kind, amount in rows}
    row = session.get(Standing, "stock")
    level = int(str(row.value.get("level", LOW_STOCK))) if row else LOW_STOCK
    return Stock(sum(sums.values()), sums.get("in", 0), -sums.get("used", 0), -sums.get("spoilt", 0), level)


def set_level(session: Session, house: House, clerk: Clerk, level: int) -> None:
    if not 0 <= level <= MAX_MOVE:
        raise DeskRefused("amount_wrong")
    before = stock(session).level
    desk_facts.put(session, "stock", {"level": level})
    house.log(session, "stock.level", {"clerk": clerk.name, "reason": "counted", "before": before, "after": level})


def move_stock(
    session: Session, house: House, clerk: Clerk, kind: str, amount: int, reason: str, serial: str = ""
) -> None:
    """``in`` and ``spoilt`` take pieces; ``counted`` sets what is left and books the difference."""
    if kind not in STOCK_REASONS or reason not in STOCK_REASONS[kind]:
        raise DeskRefused("no_reason")
    before = stock(session).left
    signed = {"in": amount, "spoilt": -amount, "counted": amount - before}[kind]
    if not 0 <= amount <= MAX_MOVE or (kind != "counted" and amount == 0) or (serial and amount != 1):
        raise DeskRefused("amount_wrong")
    if serial and session.scalar(select(StockMove.id).where(StockMove.token_serial == serial)):
        raise DeskRefused("token_booked")
    session.add(StockMove(kind=kind, amount=signed, token_serial=serial or None, reason=reason, by=clerk.name))
    body = {"kind": kind, "clerk": clerk.name, "reason": reason, "before": before, "after": before + signed}
    house.log(session, "stock.moved", {**body, "token": serial or None})


def used(session: Session, house: House, serial: str | None, order: Order) -> None:
    """A blank UKey has taken its owner's PIN: it left the stock. Each UKey is booked once."""
    if not serial or session.scalar(select(StockMove.id).where(StockMove.token_serial == serial)):
        return
    session.add(StockMove(kind="used", amount=-1, token_serial=serial, reason="issued", by="machine"))
    house.log(session, "stock.moved", {"kind": "used", "token": serial, "reason": "issued"}, order)
