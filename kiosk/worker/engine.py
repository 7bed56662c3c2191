"""The engine: takes effects one by one, keeps *begun* and *ended* around each, and asks first after a crash.

Lanes run side by side (one thread each), effects of one lane one after the other; one more thread looks at the queue
for all of them and wakes the lane that has something due. Enqueueing an effect happens in the same transaction as the
state change that asks for it, so neither can be lost without the other.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kiosk.db import db, now, write
from kiosk.hardware.errors import DeviceCrashed, DeviceError, DeviceTimeout
from kiosk.orders.book import House
from kiosk.orders.models import Effect
from kiosk.orders.states import EffectState
from kiosk.worker import checkpoints
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

log = logging.getLogger("kiosk.worker")
IDLE = 0.2  # seconds between looks at a queue in which nothing is due
SLEEP = 5.0  # seconds after which a lane that nobody woke looks for itself
ASKS = 10  # unknown outcomes asked for so often become a clerk's task, and are asked for once a minute from then on
DUE = (EffectState.QUEUED, EffectState.WAITING, EffectState.UNKNOWN)


class Engine:
    """Runs the effects of one kiosk. ``handlers`` by kind; lanes are what the handlers name."""

    def __init__(self, app: Flask, house: House, world: World, pins: Pins, handlers: dict[str, Handler]) -> None:
        self.app, self.house, self.world, self.pins, self.handlers = app, house, world, pins, handlers
        self.lanes = sorted({handler.lane for handler in handlers.values()})
        self._wake = {lane: threading.Event() for lane in self.lanes}
        self._look = threading.Event()
        self._stop = threading.Event()

    # -- running ----------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Look at the queue now."""
        self._look.set()

    def stop(self) -> None:
        self._stop.set()
        for event in (self._look, *self._wake.values()):
            event.set()

    def watch_queue(self) -> None:
        """Wake each lane when an effect of it falls due; loop until :meth:`stop`."""
        while not self._stop.is_set():
            self._look.clear()
            try:
                wait = self._rouse()
            except OperationalError:
                log.exception("the database does not answer")
                wait = 1.0
            self._look.wait(wait)

    def _rouse(self) -> float:
        """Wake the lanes that have something due; seconds until the next look."""
        with self.app.app_context():
            first = (
                select(Effect.lane, func.min(Effect.not_before))
                .where(Effect.lane.in_(self.lanes), Effect.state.in_(DUE))
                .group_by(Effect.lane)
            )
            waiting = db.session.execute(first).all()
            db.session.rollback()
        wait = IDLE
        for lane, at in waiting:
            left = (at - now()).total_seconds()
            if left <= 0:
                self._wake[lane].set()
            else:
                wait = min(wait, left)
        return max(wait, 0.01)

    def recover(self) -> int:
        """At start: what was begun and not ended is in doubt. Returns how many effects will be asked for."""
        with self.app.app_context(), write() as session:
            doubtful = session.scalars(select(Effect).where(Effect.state == EffectState.RUNNING)).all()
            for effect in doubtful:
                effect.state, effect.not_before = EffectState.UNKNOWN, now()
                self.house.log(session, "effect.in_doubt", {"effect": effect.id, "kind": effect.kind}, effect.order)
            return len(doubtful)

    def run_lane(self, lane: str) -> None:
        """Loop until :meth:`stop`."""
        while not self._stop.is_set():
            self._wake[lane].clear()
            try:
                worked = self.step(lane)
            except OperationalError:
                log.exception("the database does not answer")
                worked = False
                self._stop.wait(1)
            if not worked:
                self._wake[lane].wait(SLEEP)

    def step(self, lane: str) -> bool:
        """Do the next due effect of a lane; False when there was none."""
        with self.app.app_context():
            due = (
                select(Effect.id)
                .where(Effect.lane == lane, Effect.state.in_(DUE), Effect.not_before <= now())
                .order_by(Effect.not_before, Effect.id)
                .limit(1)
            )
            effect_id = db.session.scalar(due)
            db.session.rollback()
            if effect_id is None:
                return False
            self.run(effect_id)
            self.nudge()  # what it asked for is due in another lane
            return True

    # -- one effect -------------------------------------------------------------------------------

    def run(self, effect_id: int) -> None:
        try:
            begun = self._begin(effect_id)
        except OperationalError:
            raise
        except Exception as error:  # a bug in a plan must cost one effect, not the lane
            log.exception("effect %s could not begin", effect_id)
            self._end(effect_id, Unknown("internal", {"error": type(error).__name__}))
            return
        if begun is None:
            return
        handler, inputs, in_doubt = begun
        checkpoints.reached(f"{handler.kind}:begun")
        outcome = self._act(handler, inputs, in_doubt)
        checkpoints.reached(f"{handler.kind}:acted")
        self._end(effect_id, outcome)
        checkpoints.reached(f"{handler.kind}:ended")

    def _job(self, session: Session, effect: Effect) -> Job:
        order = effect.order
        assert order is not None
        return Job(session, self.house, self.world, self.pins, effect, order)

    def _begin(self, effect_id: int) -> tuple[Handler, Any, bool] | None:
        with write() as session:
            effect = session.get(Effect, effect_id)
            if effect is None or effect.state not in DUE:
                return None
            handler = self.handlers[effect.kind]
            in_doubt = effect.state == EffectState.UNKNOWN
            first_look = effect.state == EffectState.QUEUED
            job = self._job(session, effect)
            facts, inputs = handler.plan(job)
            if first_look:
                effect.tries += 1
                if handler.patience and effect.give_up_at is None:
                    effect.give_up_at = now() + dt.timedelta(seconds=handler.patience)
                job.log("effect.begun", {"effect": effect.id, "kind": effect.kind, "try": effect.tries, **facts})
            effect.state = EffectState.RUNNING
            return handler, inputs, in_doubt

    def _act(self, handler: Handler, inputs: Any, in_doubt: bool) -> Outcome:
        try:
            if in_doubt:
                answer = handler.ask(self.world, self.pins, inputs)
                if answer is not None:
                    return answer
            return handler.perform(self.world, self.pins, inputs)
        except (DeviceCrashed, DeviceTimeout) as error:
            return Unknown(error.code)
        except DeviceError as error:
            return Failed(error.code, dict(error.facts), final=False)
        except Exception as error:  # a bug must cost one effect, not the worker
            log.exception("effect %s failed", handler.kind)
            return Unknown("internal", {"error": type(error).__name__})

    def _end(self, effect_id: int, outcome: Outcome) -> None:
        with write() as session:
            effect = session.get(Effect, effect_id)
            assert effect is not None
            handler = self.handlers[effect.kind]
            job = self._job(session, effect)
            try:
                with session.begin_nested():
                    self._settle(job, handler, outcome)
            except Exception as error:
                log.exception("effect %s could not be concluded", handler.kind)
                self._unknown(job, handler, Unknown("internal", {"error": type(error).__name__}))

    def _settle(self, job: Job, handler: Handler, outcome: Outcome) -> None:
        effect = job.effect
        if isinstance(outcome, Again) and effect.give_up_at and now() >= effect.give_up_at:
            outcome = Failed(outcome.note or "gave_up", outcome.facts)
        if isinstance(outcome, Done):
            effect.state, effect.note, effect.facts = EffectState.DONE, None, outcome.facts
            handler.conclude(job, outcome)
            job.log("effect.ended", {"effect": effect.id, "kind": effect.kind, "outcome": "done", **outcome.facts})
        elif isinstance(outcome, Again):
            effect.state, effect.note, effect.facts = EffectState.WAITING, outcome.note, outcome.facts
            effect.not_before = now() + dt.timedelta(seconds=outcome.after)
        elif isinstance(outcome, Failed):
            self._failed(job, handler, outcome)
        else:
            self._unknown(job, handler, outcome)

    def _failed(self, job: Job, handler: Handler, outcome: Failed) -> None:
        effect = job.effect
        effect.note, effect.facts = outcome.code, outcome.facts
        last = outcome.final or effect.tries >= handler.tries
        body = {"effect": effect.id, "kind": effect.kind, "outcome": "failed", "code": outcome.code, "last": last}
        job.log("effect.ended", {**body, **outcome.facts})
        if last:
            effect.state = EffectState.FAILED
            handler.failed(job, outcome)
        else:
            effect.state = EffectState.QUEUED
            effect.not_before = now() + dt.timedelta(seconds=handler.backoff * 2 ** (effect.tries - 1))

    def _unknown(self, job: Job, handler: Handler, outcome: Unknown) -> None:
        effect = job.effect
        asked = int(effect.facts.get("asked", 0)) + 1
        effect.state, effect.note = EffectState.UNKNOWN, outcome.code
        effect.facts = {**outcome.facts, "asked": asked}
        wait = min(handler.backoff * 2 ** min(asked - 1, 6), 60.0)
        effect.not_before = now() + dt.timedelta(seconds=wait)
        body = {"effect": effect.id, "kind": effect.kind, "outcome": "unknown", "code": outcome.code, **outcome.facts}
        if asked <= ASKS:
            job.log("effect.unknown", body)
        if asked == ASKS:
            handler.parked(job, outcome)
