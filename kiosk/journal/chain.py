"""Append an event in the caller's transaction; verify a whole chain."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.journal.models import ChainHead, Event

START = "0" * 64
MAX_BODY = 16 * 1024


@dataclass(frozen=True)
class Broken:
    """The first event that does not fit its chain."""

    kiosk: str
    epoch: int
    seq: int
    reason: str


def digest(event: Event) -> str:
    content = [
        event.kiosk,
        event.epoch,
        event.seq,
        event.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        event.order_no,
        event.kind,
        event.body,
        event.prev,
    ]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def append(
    session: Session,
    origin: tuple[str, int],
    kind: str,
    body: dict[str, Any] | None = None,
    *,
    order_no: str | None = None,
) -> Event:
    """Add one event to the chain of ``origin`` (kiosk, epoch). The caller's transaction commits it.

    ``body`` must be JSON, at most 16 KB, and free of personal data, PINs and keys.
    """
    kiosk, epoch = origin
    if len(json.dumps(body or {})) > MAX_BODY:
        raise ValueError(f"event body of {kind} is too large")
    head = session.get(ChainHead, (kiosk, epoch), with_for_update=True)
    if head is None:
        head = ChainHead(kiosk=kiosk, epoch=epoch, seq=0, hash=START)
        session.add(head)
    event = Event(
        kiosk=kiosk,
        epoch=epoch,
        seq=head.seq + 1,
        at=now(),
        order_no=order_no,
        kind=kind,
        body=body or {},
        prev=head.hash,
    )
    event.hash = digest(event)
    head.seq, head.hash = event.seq, event.hash
    session.add(event)
    return event


def verify(session: Session) -> tuple[int, Broken | None]:
    """Walk every chain in order; returns how many events are whole and the first that is not."""
    good = 0
    for head in session.scalars(select(ChainHead).order_by(ChainHead.kiosk, ChainHead.epoch)).all():
        whole, broken = _verify_one(session, head)
        good += whole
        if broken:
            return good, broken
    return good, None


def _verify_one(session: Session, head: ChainHead) -> tuple[int, Broken | None]:
    prev, expected = START, 1
    query = select(Event).where(Event.kiosk == head.kiosk, Event.epoch == head.epoch).order_by(Event.seq)
    rows = iter(session.scalars(query.execution_options(yield_per=1000)))
    alone = False  # after an unreadable row the rest is read one by one, to name the right one
    while True:
        try:
            event = next(rows, None)
        except (ValueError, TypeError):  # a changed byte can make a time or a body unreadable
            if alone:
                return expected - 1, Broken(head.kiosk, head.epoch, expected, "cannot be read")
            rest = query.where(Event.seq >= expected)
            rows, alone = iter(session.scalars(rest.execution_options(yield_per=1))), True
            continue
        if event is None:
            break
        fault = _fault(event, expected, prev)
        if fault:
            return expected - 1, Broken(head.kiosk, head.epoch, event.seq, fault)
        prev, expected = event.hash, expected + 1
    if expected - 1 != head.seq or prev != head.hash:
        return expected - 1, Broken(head.kiosk, head.epoch, expected, "events are missing at the end")
    return expected - 1, None


def _fault(event: Event, expected: int, prev: str) -> str:
    if event.seq != expected:
        return f"event {expected} is missing"
    if event.prev != prev:
        return "does not follow the event before it"
    if event.hash != digest(event):
        return "was changed"
    return ""
