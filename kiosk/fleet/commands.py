"""What the centre has a kiosk do: commands it fetches with its next report and answers with a later one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet.models import FleetCommand, FleetKiosk, FleetOrder
from kiosk.fleet.wire import Answer, day_of

KINDS = ("out", "in", "restart", "self_test", "reprint", "logs", "review")
AT_ONCE = 20
MOST_OPEN = 100


class CommandRefused(Exception):
    """``code``: unknown_command, not_paired, too_many."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def give(session: Session, kiosk: str, kind: str, body: dict[str, Any], by: str) -> FleetCommand:
    """Queue a command. The kiosk's row is locked, so that its commands commit in the order of their numbers."""
    if kind not in KINDS:
        raise CommandRefused("unknown_command")
    row = session.get(FleetKiosk, kiosk, with_for_update=True)
    if row is None or row.revoked_at is not None:
        raise CommandRefused("not_paired")
    if len(waiting(session, kiosk, MOST_OPEN)) >= MOST_OPEN:
        raise CommandRefused("too_many")
    command = FleetCommand(kiosk=kiosk, kind=kind, body=body, by=by[:40])
    session.add(command)
    session.flush()
    return command


def waiting(session: Session, kiosk: str, limit: int = AT_ONCE) -> Sequence[FleetCommand]:
    """What the kiosk has not answered yet, oldest first."""
    query = select(FleetCommand).where(FleetCommand.kiosk == kiosk, FleetCommand.state == "open")
    return session.scalars(query.order_by(FleetCommand.id).limit(limit)).all()


def answered(session: Session, kiosk: str, answer: Answer) -> None:
    """Keep what became of a command; another kiosk's command, or one that was answered, stays as it is."""
    command = session.get(FleetCommand, answer.id, with_for_update=True)
    if command is None or command.kiosk != kiosk or command.state != "open":
        return
    command.state, command.code = "done" if answer.ok else "failed", answer.code
    command.answer, command.answered_at = answer.text, now()
    if command.kind == "review" and not answer.ok:
        number = str(command.body.get("order", ""))
        order = session.get(FleetOrder, (day_of(number), number)) if day_of(number) else None
        if order is not None and order.review == "decided":
            order.review = "waiting"


def newest(session: Session, kiosk: str, limit: int = 20) -> Sequence[FleetCommand]:
    query = select(FleetCommand).where(FleetCommand.kiosk == kiosk).order_by(FleetCommand.id.desc())
    return session.scalars(query.limit(limit)).all()
