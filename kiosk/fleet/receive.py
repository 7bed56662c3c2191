"""The centre takes a kiosk's events in: in order, exactly once, the chain checked, all or nothing in one transaction.

What was taken before is recognised by its hash and passed over. A gap, a fork or a changed event stops the chain there:
nothing behind it is taken, the fault is kept for a human and shown, and the kiosk keeps its events.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import projection
from kiosk.fleet.models import FleetFault, FleetKiosk, FleetStatus
from kiosk.fleet.wire import Report, Told
from kiosk.journal import Event
from kiosk.journal.chain import START, digest
from kiosk.journal.models import ChainHead


@dataclass(frozen=True)
class Taken:
    """``ack``: the highest event of that chain that is kept here. ``fault``: gap, fork, changed, old_epoch, or ""."""

    ack: int
    fault: str = ""


def take(session: Session, kiosk: FleetKiosk, status: FleetStatus, report: Report) -> Taken:
    """Keep what is new of a report's events. The caller commits."""
    head = _head(session, kiosk.kiosk, report.epoch)
    if not report.events:
        return Taken(head.seq, _open_fault(session, kiosk.kiosk, report.epoch))
    if report.now < status.epoch or report.epoch > report.now:
        _fault(session, kiosk.kiosk, report, report.events[0], "old_epoch")
        return Taken(head.seq, "old_epoch")
    new, at, fault = _follow(session, head, report)
    if new:
        rows = [_row(event) for event in new]
        session.execute(insert(Event), rows)
        head.seq, head.hash = new[-1].seq, new[-1].hash
        projection.apply(session, kiosk, new)
    if fault and at is not None:
        _fault(session, kiosk.kiosk, report, at, fault)
    elif new:
        _clear_gap(session, kiosk.kiosk, report.epoch)
    return Taken(head.seq, fault)


def _head(session: Session, kiosk: str, epoch: int) -> ChainHead:
    """The end of the chain as it is kept here, locked until the transaction ends."""
    found = session.get(ChainHead, (kiosk, epoch), with_for_update=True)
    if found is not None:
        return found
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(ChainHead).values(kiosk=kiosk, epoch=epoch, seq=0, hash=START)
    session.execute(first.on_conflict_do_nothing())
    return session.get_one(ChainHead, (kiosk, epoch), with_for_update=True)


def _event(head: ChainHead, told: Told) -> Event:
    return Event(
        kiosk=head.kiosk,
        epoch=head.epoch,
        seq=told.seq,
        at=told.at.astimezone(dt.UTC),
        order_no=told.order_no,
        kind=told.kind,
        body=told.body,
        prev=told.prev,
        hash=told.hash,
    )


def _row(event: Event) -> dict[str, Any]:
    names = ("kiosk", "epoch", "seq", "at", "order_no", "kind", "body", "prev", "hash")
    return {name: getattr(event, name) for name in names}


def _follow(session: Session, head: ChainHead, report: Report) -> tuple[list[Event], Told | None, str]:
    """(events that continue the chain, the first that does not, why)."""
    known = _known(session, head, report)
    new: list[Event] = []
    last, prev = head.seq, head.hash
    for told in report.events:
        if told.seq <= head.seq:
            if known.get(told.seq) != told.hash:
                return new, told, "fork"
            continue
        event = _event(head, told)
        if told.seq != last + 1:
            return new, told, "gap"
        if told.prev != prev:
            return new, told, "fork"
        if digest(event) != told.hash:
            return new, told, "changed"
        new.append(event)
        last, prev = told.seq, told.hash
    return new, None, ""


def _known(session: Session, head: ChainHead, report: Report) -> dict[int, str]:
    old = [told.seq for told in report.events if told.seq <= head.seq]
    if not old:
        return {}
    query = select(Event.seq, Event.hash).where(Event.kiosk == head.kiosk, Event.epoch == head.epoch)
    return dict(session.execute(query.where(Event.seq.between(min(old), max(old)))).all())


# -- faults ---------------------------------------------------------------------------------------


def _open_fault(session: Session, kiosk: str, epoch: int) -> str:
    query = select(FleetFault.code).where(FleetFault.kiosk == kiosk, FleetFault.epoch == epoch)
    query = query.where(FleetFault.cleared_at.is_(None), FleetFault.code != "fenced")
    return session.scalar(query.order_by(FleetFault.id).limit(1)) or ""


def _fault(session: Session, kiosk: str, report: Report, told: Told, code: str) -> None:
    """Keep what could not be taken, once."""
    query = select(FleetFault.id).where(FleetFault.kiosk == kiosk, FleetFault.cleared_at.is_(None))
    query = query.where(FleetFault.epoch == report.epoch, FleetFault.seq == told.seq, FleetFault.code == code)
    if session.scalar(query.limit(1)) is None:
        sent = told.model_dump(mode="json")
        session.add(FleetFault(kiosk=kiosk, epoch=report.epoch, seq=told.seq, code=code, told=sent))


def _clear_gap(session: Session, kiosk: str, epoch: int) -> None:
    """The events that were missing have come."""
    gap = update(FleetFault).where(FleetFault.kiosk == kiosk, FleetFault.epoch == epoch, FleetFault.code == "gap")
    session.execute(gap.where(FleetFault.cleared_at.is_(None)).values(cleared_at=now(), cleared_by="machine"))
