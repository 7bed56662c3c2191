"""Named facts about the whole kiosk: small values that outlive a process, one row each (:class:`Standing`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders.desk_models import Standing


def get(session: Session, name: str) -> dict[str, Any] | None:
    """The fact's value; None where there is none."""
    row = session.get(Standing, name)
    return dict(row.value) if row else None


def put(session: Session, name: str, value: dict[str, Any]) -> None:
    """Keep a fact, in the caller's writing transaction. ``name`` has at most 24 characters."""
    row = session.get(Standing, name)
    if row is None:
        session.add(Standing(name=name, value=value))
    else:
        row.value, row.at = value, now()


def drop(session: Session, name: str) -> None:
    row = session.get(Standing, name)
    if row is not None:
        session.delete(row)


def listed(session: Session, prefix: str) -> dict[str, dict[str, Any]]:
    """Name and value of every fact whose name begins with ``prefix``."""
    query = select(Standing).where(Standing.name.startswith(prefix, autoescape=True)).order_by(Standing.name)
    return {row.name: dict(row.value) for row in session.scalars(query)}
