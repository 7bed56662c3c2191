"""好差评: how a person found the service. One level for each order, a reason for the lower two; both are events without
personal data.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.journal import Event
from kiosk.orders.book import House
from kiosk.orders.models import Order

LEVELS = ("very_satisfied", "satisfied", "fair", "dissatisfied", "very_dissatisfied")
LOW = LEVELS[3:]
REASONS = ("slow", "unclear", "device", "price", "staff", "other")
GIVEN, WHY = "service.rated", "service.rated_why"


@dataclass(frozen=True)
class Rating:
    """What was given so far; None where nothing was."""

    level: str | None = None
    reason: str | None = None

    @property
    def wants_reason(self) -> bool:
        return self.level in LOW and self.reason is None


def of(session: Session, order: Order) -> Rating:
    """The rating of an order, read from its events."""
    query = select(Event).where(Event.order_no == order.number, Event.kind.in_((GIVEN, WHY)))
    found = {event.kind: event.body for event in session.scalars(query)}
    return Rating(found.get(GIVEN, {}).get("level"), found.get(WHY, {}).get("reason"))


def give(session: Session, house: House, order: Order, level: str, reason: str) -> None:
    """Keep a level, or the reason of a low one. What is unknown or was given before is left as it is."""
    before = of(session, order)
    if before.level is None and level in LEVELS:
        house.log(session, GIVEN, {"level": level}, order)
    elif before.wants_reason and reason in REASONS:
        house.log(session, WHY, {"level": before.level, "reason": reason}, order)
