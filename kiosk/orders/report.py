"""What a kiosk reports to its centre: how it is, and the events the centre does not have."""

from __future__ import annotations

import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk import __version__
from kiosk.db import today
from kiosk.fleet import wire
from kiosk.journal import Event
from kiosk.journal.models import ChainHead
from kiosk.orders import remote, standing
from kiosk.orders.book import House
from kiosk.orders.models import DeviceHealth, Order, Task

MOST_BYTES = 1024 * 1024  # of event bodies in one report
TASKS = 500  # open tasks are counted up to here


def heartbeat(session: Session, house: House, behind: int = 0, fault: str = "") -> wire.Heartbeat:
    """How the kiosk is just now. Details of devices stay here: they may name addresses."""
    prefix = f"{house.settings.kiosk_id}{today():%y%m%d}"
    by_state = select(Order.state, func.count()).where(Order.number.between(prefix, prefix + "~"))
    open_tasks = select(Task.id).where(Task.closed_at.is_(None)).limit(TASKS).subquery()
    stock = standing.stock(session)
    return wire.Heartbeat(
        version=__version__,
        parts={
            one.name: wire.PartHealth.model_validate({"level": one.level, "code": _code(one.code), "at": one.at})
            for one in session.scalars(select(DeviceHealth).order_by(DeviceHealth.name).limit(24))
        },
        stock=wire.StockTold(
            left=stock.left, received=stock.received, used=stock.used, spoilt=stock.spoilt, level=stock.level
        ),
        today=dict(session.execute(by_state.group_by(Order.state)).all()),
        out=standing.out_of_service(session),
        tasks=session.scalar(select(func.count()).select_from(open_tasks)) or 0,
        catalogue=house.catalogue.version,
        behind=behind,
        fault=fault,
    )


def _code(code: str) -> str:
    """A device's code as the wire allows it."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in code.lower())[:60]


def chains(session: Session, house: House) -> list[tuple[int, int]]:
    """(epoch, highest seq) of this kiosk's own chains, oldest first."""
    query = select(ChainHead.epoch, ChainHead.seq).where(ChainHead.kiosk == house.settings.kiosk_id)
    return list(session.execute(query.order_by(ChainHead.epoch)))


def events(session: Session, house: House, epoch: int, after: int) -> list[wire.Told]:
    """The next events of one chain, as many as one report takes."""
    query = select(Event).where(Event.kiosk == house.settings.kiosk_id, Event.epoch == epoch, Event.seq > after)
    out: list[wire.Told] = []
    size = 0
    for one in session.scalars(query.order_by(Event.seq).limit(wire.BATCH)):
        size += len(json.dumps(one.body, ensure_ascii=False)) + 400
        if out and size > MOST_BYTES:
            break
        facts = {"seq": one.seq, "at": one.at, "order_no": one.order_no, "kind": one.kind, "body": one.body}
        out.append(wire.Told.model_validate({**facts, "prev": one.prev, "hash": one.hash}))
    return out


def make(session: Session, house: House, epoch: int, acked: int | None, behind: int, fault: str) -> wire.Report:
    """One report of one chain; ``acked`` None asks where the centre stands, and sends no events."""
    told = [] if acked is None or fault else events(session, house, epoch, acked)
    return wire.Report(
        now=house.settings.epoch,
        epoch=epoch,
        heartbeat=heartbeat(session, house, behind, fault),
        events=told,
        answers=remote.answers(session)[:50],
    )
