"""The engine: begun and ended around each effect, ask first after a crash, retry, then a clerk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from kiosk import journal
from kiosk.db import db, now, write
from kiosk.hardware.errors import DeviceCrashed, DeviceFailed
from kiosk.journal import Event
from kiosk.orders.book import House
from kiosk.orders.models import Effect, Order, Task
from kiosk.orders.states import EffectState
from kiosk.worker.engine import ASKS, Engine
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


class Outside(Handler):
    """An outside whose answers the test writes; it keeps what was done to it."""

    kind, lane, tries, backoff = "test", "desk", 3, 0.0

    def __init__(self, *answers: Outcome | Exception, asked: list[Outcome | None] | None = None) -> None:
        self.answers, self.asked = list(answers), asked or []
        self.did, self.asks, self.ended, self.lost = 0, 0, 0, 0

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        return {"number": f"N{job.order.id}"}, job.order.id

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        self.did += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        self.asks += 1
        return self.asked.pop(0) if self.asked else None

    def conclude(self, job: Job, done: Done) -> None:
        self.ended += 1
        job.order.note = "concluded"

    def failed(self, job: Job, failed: Failed) -> None:
        self.lost += 1


Start = Callable[..., tuple[Engine, int]]


@pytest.fixture
def start(core: Flask, house: House) -> Start:
    def made(handler: Handler) -> tuple[Engine, int]:
        engine = Engine(core, house, World(house.settings), Pins(), {handler.kind: handler})
        with write() as session:
            order = house.open_order(session, "yiyang", "renew", "unit")
            effect = Effect(order_id=order.id, kind="test", lane="desk", facts={}, tries=0, not_before=now())
            session.add(effect)
            session.flush()
            return engine, effect.id

    return made


def drain(engine: Engine, effect_id: int, rounds: int = 40) -> Effect:
    """Step until nothing is due; what waits is made due at once."""
    for _ in range(rounds):
        if not engine.step("desk"):
            break
        with write() as session:
            effect = session.get(Effect, effect_id)
            assert effect is not None
            effect.not_before = now() - dt.timedelta(seconds=1)
    db.session.rollback()
    found = db.session.get(Effect, effect_id, populate_existing=True)
    assert found is not None
    return found


def kinds() -> list[str]:
    return list(db.session.scalars(select(Event.kind).where(Event.kind.like("effect.%")).order_by(Event.seq)))


def test_begun_before_and_ended_after(start: Start) -> None:
    outside = Outside(Done({"code": "fine"}))
    engine, effect_id = start(outside)
    effect = drain(engine, effect_id)
    assert effect.state == EffectState.DONE
    assert kinds() == ["effect.begun", "effect.ended"]
    begun = db.session.scalars(select(Event).where(Event.kind == "effect.begun")).one()
    assert begun.body["number"].startswith("N")
    assert journal.verify(db.session())[1] is None


def test_a_device_error_is_tried_again_and_then_given_up(start: Start) -> None:
    outside = Outside(DeviceFailed(), DeviceFailed(), DeviceFailed())
    engine, effect_id = start(outside)
    effect = drain(engine, effect_id)
    assert (effect.state, effect.note) == (EffectState.FAILED, "device_failed")
    assert (outside.did, outside.lost) == (3, 1)


def test_a_final_failure_is_not_tried_again(start: Start) -> None:
    outside = Outside(Failed("no"))
    engine, effect_id = start(outside)
    assert drain(engine, effect_id).state == EffectState.FAILED
    assert outside.did == 1


def test_a_crash_asks_before_it_acts_again(start: Start) -> None:
    outside = Outside(DeviceCrashed(), asked=[Done({"found": True})])
    engine, effect_id = start(outside)
    effect = drain(engine, effect_id)
    assert effect.state == EffectState.DONE
    assert (outside.did, outside.asks, outside.ended) == (1, 1, 1)
    assert kinds() == ["effect.begun", "effect.unknown", "effect.ended"]


def test_asked_and_nothing_had_happened(start: Start) -> None:
    outside = Outside(Unknown("silence"), Done(), asked=[None])
    engine, effect_id = start(outside)
    assert drain(engine, effect_id).state == EffectState.DONE
    assert (outside.did, outside.asks) == (2, 1)


def test_an_unknown_outcome_becomes_a_task_and_stays_open(start: Start) -> None:
    outside = Outside(Unknown("silence"), asked=[Unknown("silence")] * 60)
    engine, effect_id = start(outside)
    effect = drain(engine, effect_id, rounds=ASKS + 5)
    assert effect.state == EffectState.UNKNOWN
    tasks = db.session.scalars(select(Task)).all()
    assert [task.kind for task in tasks] == ["unknown_outcome"]
    assert outside.did == 1


def test_waiting_is_no_try_and_ends_in_time(start: Start) -> None:
    outside = Outside(*[Again(0.0, "card_missing")] * 100)
    outside.patience = 0.05
    engine, effect_id = start(outside)
    for _ in range(50):
        effect = drain(engine, effect_id, rounds=3)
        if effect.state == EffectState.FAILED:
            break
    assert (effect.state, effect.note, effect.tries) == (EffectState.FAILED, "card_missing", 1)
    assert kinds() == ["effect.begun", "effect.ended"]


def test_recovery_asks_for_what_was_under_way(start: Start) -> None:
    outside = Outside(asked=[Done({"found": True})])
    engine, effect_id = start(outside)
    with write() as session:
        effect = session.get(Effect, effect_id)
        assert effect is not None
        effect.state = EffectState.RUNNING
    assert engine.recover() == 1
    assert drain(engine, effect_id).state == EffectState.DONE
    assert (outside.did, outside.asks) == (0, 1)
    assert kinds()[0] == "effect.in_doubt"


def test_a_bug_in_plan_costs_one_effect_and_not_the_lane(start: Start) -> None:
    class Buggy(Outside):
        def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
            raise KeyError("name")

    outside = Buggy()
    engine, effect_id = start(outside)
    effect = drain(engine, effect_id, rounds=ASKS + 2)
    assert (effect.state, effect.note) == (EffectState.UNKNOWN, "internal")
    assert outside.did == 0
    assert db.session.scalars(select(Task)).one().kind == "unknown_outcome"


def test_a_bug_in_conclude_costs_nothing_but_the_effect(start: Start) -> None:
    class Buggy(Outside):
        def conclude(self, job: Job, done: Done) -> None:
            job.order.note = "half"
            raise ZeroDivisionError

    outside = Buggy(Done(), Done(), asked=[None])
    engine, effect_id = start(outside)
    engine.step("desk")
    db.session.rollback()
    effect = db.session.get(Effect, effect_id, populate_existing=True)
    assert effect is not None
    assert effect.state == EffectState.UNKNOWN
    order = db.session.get(Order, effect.order_id, populate_existing=True)
    assert order is not None
    assert order.note is None
