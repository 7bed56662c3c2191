"""An order that goes on at another kiosk of its hall. At every moment one kiosk at most may work on it.

The order is a token that is handed over in three steps, each one transaction, each repeatable:

1. ``want``: the taker asks, and names the document of the customer who stands there (so that whoever stole a kiosk's
   key cannot fetch orders by guessing their numbers); the centre names the order to its holder in the next reply, with
   the fence that will hold.
2. ``give``: the holder, if nothing of the order is under way, marks it *away* in its own database (from then on it
   cannot work on it, line or no line) and hands the sealed parcel over. The centre raises the fence; nobody holds it.
3. ``take``: the taker fetches the parcel and keeps it without working on it, then says under which fence it did;
   the centre makes it the holder only if that fence still is the newest and the lease has not run out.

A taker who never says so loses the lease when it runs out: the fence rises, and any kiosk of the hall, the first one
too, may ask again. A holder that is cut off keeps its order: the next kiosk is told where it is.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet.models import FleetKiosk, FleetLease, FleetOrder
from kiosk.fleet.wire import Release, day_of

LIFE = dt.timedelta(minutes=10)
MOVABLE = ("paid", "draft")
"""States of an order that may be handed over; ``draft`` only where a reviewer has sent it back."""


class LeaseRefused(Exception):
    """``code``: unknown_order, other_hall, own_order, not_movable, not_asked, stale_fence, taken."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def place(number: str, kiosk: str, fence: int) -> str:
    """What a parcel's box is bound to."""
    return f"parcel.{number}.{kiosk}.{fence}"


def proof_place(number: str, kiosk: str) -> str:
    """What the proof that the customer stands there is bound to."""
    return f"want.{number}.{kiosk}"


def _order(session: Session, number: str) -> FleetOrder:
    day = day_of(number)
    found = session.get(FleetOrder, (day, number), with_for_update=True) if day else None
    if found is None:
        raise LeaseRefused("unknown_order")
    return found


def _lease(session: Session, order: FleetOrder) -> FleetLease:
    """The order's lease, brought up to the clock. The order's row is locked by the caller."""
    lease = session.get(FleetLease, order.number, with_for_update=True)
    if lease is None:
        lease = FleetLease(number=order.number, holder=order.holder, fence=1, state="held")
        session.add(lease)
    if lease.state in ("wanted", "given") and lease.expires_at is not None and lease.expires_at < now():
        lease.taker, lease.expires_at = None, None
        if lease.state == "given":
            lease.fence += 1  # what the late taker may still say is under the old one
        lease.state = "held" if lease.state == "wanted" else "free"
    return lease


def want(session: Session, kiosk: FleetKiosk, number: str) -> FleetLease:
    """The kiosk's customer wants to go on with this order. Asking again changes nothing."""
    order = _order(session, number)
    if order.hall != kiosk.hall:
        raise LeaseRefused("unknown_order")  # other halls' orders are not even confirmed to exist
    lease = _lease(session, order)
    if lease.taker == kiosk.kiosk and lease.state in ("wanted", "given"):
        return lease
    if lease.state == "held" and lease.holder == kiosk.kiosk:
        raise LeaseRefused("own_order")
    if lease.state in ("wanted", "given"):
        raise LeaseRefused("taken")
    if lease.state == "held" and (order.state not in MOVABLE or (order.state == "draft" and order.note != "rejected")):
        raise LeaseRefused("not_movable")
    lease.taker, lease.expires_at, lease.at = kiosk.kiosk, now() + LIFE, now()
    if lease.state == "free":  # the parcel is here already
        lease.fence += 1
        lease.state = "given"
    else:
        lease.state = "wanted"
    return lease


def asked_of(session: Session, kiosk: str) -> list[Release]:
    """Orders this kiosk holds and another one wants."""
    query = select(FleetLease).where(FleetLease.holder == kiosk, FleetLease.state == "wanted")
    found = session.scalars(query.order_by(FleetLease.number).limit(10)).all()
    return [
        Release(number=one.number, fence=one.fence + 1) for one in found if one.expires_at and one.expires_at > now()
    ]


def give(session: Session, kiosk: FleetKiosk, number: str, fence: int, wrapped: bytes, parcel: bytes) -> FleetLease:
    """The holder has let go. A repeated parcel is taken as said before."""
    order = _order(session, number)
    lease = _lease(session, order)
    if lease.holder != kiosk.kiosk:
        raise LeaseRefused("unknown_order")
    if lease.state in ("given", "free"):
        return lease
    if fence != lease.fence + 1:
        raise LeaseRefused("stale_fence")
    lease.fence, lease.wrapped_key, lease.parcel, lease.at = fence, wrapped, parcel, now()
    lease.state = "given" if lease.taker else "free"
    if lease.taker:
        lease.expires_at = now() + LIFE
    return lease


def parcel_for(session: Session, kiosk: FleetKiosk, number: str) -> FleetLease:
    """The lease whose parcel this kiosk may fetch."""
    order = _order(session, number)
    if order.hall != kiosk.hall:
        raise LeaseRefused("unknown_order")
    lease = _lease(session, order)
    if lease.taker != kiosk.kiosk or lease.state not in ("given", "wanted"):
        raise LeaseRefused("not_asked")
    return lease


def take(session: Session, kiosk: FleetKiosk, number: str, fence: int) -> FleetLease:
    """The taker has the parcel: from here on the order is his. Saying it twice changes nothing."""
    order = _order(session, number)
    lease = _lease(session, order)
    if lease.state == "held" and lease.holder == kiosk.kiosk and lease.fence == fence:
        return lease
    if lease.state != "given" or lease.taker != kiosk.kiosk or lease.fence != fence:
        raise LeaseRefused("stale_fence")
    lease.holder, lease.taker, lease.state, lease.expires_at = kiosk.kiosk, None, "held", None
    lease.wrapped_key = lease.parcel = None
    order.holder, order.changed_at = kiosk.kiosk, now()
    return lease
