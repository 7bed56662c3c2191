"""One report of a kiosk at the centre: its state is noted, its events are taken in, what it is to know goes back."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import commands, leases, receive
from kiosk.fleet.models import FleetDossier, FleetKiosk, FleetOrder, FleetStatus
from kiosk.fleet.wire import Order, Reply, Report

WANTED = 5  # dossiers asked for in one reply


class OldCounter(Exception):
    """The number of this request is not above the last one's, which is ``last``: it was seen before."""

    def __init__(self, last: int) -> None:
        super().__init__(str(last))
        self.last = last


def turn(session: Session, kiosk: str, counter: int) -> FleetStatus:
    """Begin a kiosk's request: its row is locked, and the request's number is used up with the transaction."""
    status = session.get_one(FleetStatus, kiosk, with_for_update=True)
    if counter <= status.counter:
        raise OldCounter(status.counter)
    status.counter = counter
    return status


def sync(session: Session, kiosk: FleetKiosk, status: FleetStatus, report: Report, catalogue: str) -> Reply:
    """Take a report; the caller commits before the reply goes out."""
    taken = receive.take(session, kiosk, status, report)
    heartbeat = report.heartbeat
    if report.now >= status.epoch:
        status.epoch = report.now
        status.version, status.seen_at = heartbeat.version, now()
        status.told = heartbeat.model_dump(mode="json", exclude={"version"})
    for answer in report.answers:
        commands.answered(session, kiosk.kiosk, answer)
    session.flush()
    return Reply(
        ack=taken.ack,
        fault=taken.fault,
        commands=[Order(id=c.id, kind=c.kind, body=c.body, by=c.by) for c in commands.waiting(session, kiosk.kiosk)],
        wanted=_wanted(session, kiosk.kiosk),
        release=leases.asked_of(session, kiosk.kiosk),
        catalogue=catalogue,
    )


def _wanted(session: Session, kiosk: str) -> list[str]:
    """Orders whose dossier or pictures are missing; those that were tried longest ago first, so that one that cannot
    come (its scan is gone) does not keep the others waiting."""
    query = select(FleetOrder.number).where(FleetOrder.holder == kiosk, FleetOrder.wanted.is_not(None))
    query = query.outerjoin(FleetDossier, FleetDossier.number == FleetOrder.number)
    return list(session.scalars(query.order_by(FleetDossier.at.nulls_first(), FleetOrder.number).limit(WANTED)))
