"""One person's time at the screen: which order is his, when he was last seen, and how everything is wiped.

The cookie holds a random token and the look of the screen, nothing else. PINs typed here are kept in this process's
memory
until the visit ends, so that a restarted worker can be given one again; they are never written down.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time

from flask import current_app, g, request, session
from sqlalchemy import bindparam, select

from kiosk.db import db, now, write
from kiosk.orders import fulfil
from kiosk.orders.book import House
from kiosk.orders.models import Order, Visit
from kiosk.orders.states import State
from kiosk.worker import pins

TOUCH = 20  # seconds between two notes that somebody is there
PAID_IDLE = 15 * 60  # a person who has paid is not thrown out while the machine works
_VISIT = select(Visit, Order).outerjoin(Order, Order.id == Visit.order_id).where(Visit.token == bindparam("token"))
POLLS = ("journey.wait", "journey.pay_wait", "journey.work_wait", "clerk.card_state", "clerk.card_gone")
LOOK = ("lang", "elder", "low", "voice")  # how the screen looks and speaks, kept until it rests
_kept: dict[int, tuple[float, str]] = {}
_lock = threading.Lock()


def _house() -> House:
    found: House = current_app.extensions["house"]
    return found


def begin(order: Order) -> None:
    """Tie the screen to an order, inside the caller's transaction. The visit's order before it, if any, is let go."""
    old, token = session.get("visit"), secrets.token_urlsafe(32)
    if session.pop("again", None) and isinstance(old, str):
        db.session.query(Visit).where(Visit.token == old).delete()
    db.session.add(Visit(token=token, order_id=order.id))
    session["visit"] = token
    g.visit_order_id = order.id


def look() -> None:
    """Before each request: find the visit, end it when nobody was seen for too long."""
    g.visit_order_id = None
    token = session.get("visit")
    if request.endpoint in (None, "static") or not isinstance(token, str):
        return
    found = db.session.execute(_VISIT, {"token": token}).one_or_none()
    if found is None:
        session.pop("visit", None)
        return
    visit, order = found
    g.visit_rows = found  # a session forgets what nobody holds
    paid = order is not None and order.state not in (State.DRAFT, State.VOID)
    limit = PAID_IDLE if paid and not session.get("again") else _house().settings.idle_seconds
    age = (now() - visit.seen_at).total_seconds()
    if age > limit:
        wipe()
        g.timed_out = True
        return
    g.visit_order_id = visit.order_id
    if age > TOUCH and request.endpoint not in POLLS:
        with write() as changing:
            seen = changing.get(Visit, token)
            if seen:
                seen.seen_at = now()


def go_on() -> None:
    """The person whose order is done wants to do another thing."""
    session["again"] = True


def goes_on(order: Order) -> bool:
    """Whether this order is done and its owner is choosing another service."""
    return order.state == State.DONE and bool(session.get("again"))


def order() -> Order | None:
    """The order of this visit."""
    order_id = g.get("visit_order_id")
    return db.session.get(Order, order_id) if order_id is not None else None


def wipe() -> None:
    """End the visit: the unpaid order is void, PINs are forgotten, the cookie is emptied but for the look of the
    screen.
    """
    token = session.pop("visit", None)
    kept = {key: session[key] for key in LOOK if key in session}
    session.clear()
    session.update(kept)
    g.visit_order_id = None
    if not isinstance(token, str):
        return
    with write() as changing:
        visit = changing.get(Visit, token)
        if visit is None:
            return
        order = changing.get(Order, visit.order_id)
        if order is not None:
            fulfil.leave(changing, _house(), order)
            if order.state in (State.VOID, State.DONE):
                forget_pin(order.id)
        changing.delete(visit)


def sweep() -> int:
    """Wipe the visits nobody came back to; returns how many."""
    limit = now() - dt.timedelta(seconds=PAID_IDLE)
    with write() as changing:
        stale = changing.query(Visit).where(Visit.seen_at < limit).all()
        for visit in stale:
            order = changing.get(Order, visit.order_id)
            if order is not None:
                fulfil.leave(changing, _house(), order)
            changing.delete(visit)
        return len(stale)


# -- PINs ----------------------------------------------------------------------------------------


def send_pin(order_id: int, pin: str) -> bool:
    """Give a PIN to the worker; False when no worker is there."""
    with _lock:
        _kept[order_id] = (time.monotonic(), pin)
    return pins.send(_house().settings.run / "worker.sock", {"order": order_id, "pin": pin})


def send_pin_again(order_id: int) -> bool:
    """After a restart of the worker: the PIN that was typed in this visit, once more. False when it is not known
    here.
    """
    with _lock:
        found = _kept.get(order_id)
    if found is None or time.monotonic() - found[0] > pins.LIFETIME:
        return False
    return pins.send(_house().settings.run / "worker.sock", {"order": order_id, "pin": found[1]})


def forget_pin(order_id: int) -> None:
    with _lock:
        _kept.pop(order_id, None)
    pins.send(_house().settings.run / "worker.sock", {"forget": order_id})


def nudge() -> None:
    """Tell the worker to look at its queue now."""
    pins.send(_house().settings.run / "worker.sock", {})
