"""How an effect can end, and what a handler of one kind of effect is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from kiosk.orders.book import House
from kiosk.orders.models import Effect, Order
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


@dataclass(frozen=True)
class Done:
    """It happened. ``facts`` are journalled and hold no personal data; ``private`` is for :meth:`Handler.conclude`
    alone.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    private: Any = None


@dataclass(frozen=True)
class Again:
    """Nothing to decide yet (no card on the reader, trade still open): look again after ``after`` seconds."""

    after: float
    note: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """It did not happen, for certain. ``final`` = trying again would not help."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)
    final: bool = True


@dataclass(frozen=True)
class Unknown:
    """Nobody knows yet whether it happened: ask before doing anything else."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)


Outcome = Done | Again | Failed | Unknown


@dataclass
class Job:
    """One effect at work. ``session`` is for plan, conclude, failed and parked only (one transaction each)."""

    session: Session
    house: House
    world: World
    pins: Pins
    effect: Effect
    order: Order

    def log(self, kind: str, body: dict[str, Any] | None = None) -> None:
        self.house.log(self.session, kind, body, self.order)


class Handler:
    """One kind of effect. Subclasses say what is done; the engine keeps the journal around it.

    ``plan`` runs in the transaction that writes *begun*: it fixes identifiers the outside will know and returns
    (facts for the journal, inputs for perform). It runs again after a crash and must then choose the same identifiers.
    """

    kind: str
    lane: str
    tries: int = 3
    backoff: float = 1.0  # seconds before the next try, doubled each time
    patience: float | None = None  # seconds an effect may wait in all; None = for ever

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        return {}, None

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        raise AssertionError(f"{self.kind} does nothing")  # pragma: no cover - every handler overrides this

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        """After a crash or an unknown outcome: what does the outside say? None = nothing happened, perform again."""
        return None

    def conclude(self, job: Job, done: Done) -> None:
        """Put what was done into the order, in the transaction that writes *ended*."""

    def failed(self, job: Job, failed: Failed) -> None:
        """All tries failed, in the transaction that writes *ended*."""

    def parked(self, job: Job, unknown: Unknown) -> None:
        """Asked too often without an answer: by default a clerk has to look."""
        facts = {"effect": self.kind, "code": unknown.code}
        job.house.task(job.session, "unknown_outcome", facts, job.order, job.effect.subject)
