"""Gateways, card terminal and CA in a folder, and an engine that a test steps by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kiosk.db import db, now, write
from kiosk.orders import effects, fulfil
from kiosk.orders.models import Effect, Order, Payment, Task
from kiosk.orders.states import LIVE
from kiosk.worker.effects import HANDLERS
from kiosk.worker.engine import Engine
from kiosk.worker.pins import Pins
from kiosk.worker.world import World
from tests.kill.money_drill import Drill


class Till(Drill):
    """A drill without a worker: effects run in the test, lane by lane, when :meth:`work` is called."""

    def begin(self) -> None:
        self.pins = Pins()
        self.world = World(self.house.settings)
        self.engine = Engine(self.app, self.house, self.world, self.pins, HANDLERS)

    def close(self) -> None:
        self.world.close()

    def order(self, scheme: str = "yiyang", service: str = "new", kind: str = "personal") -> Order:
        """Answers confirmed, nothing paid."""
        with write() as session:
            order = self.house.open_order(session, scheme, service, kind)
            card = {"kind": "resident", "name": "测试", "number": "430101199001011239", "address": "长沙市测试路1号"}
            self.house.put_data(order, {"card": card, "role": "self", "token": {"serial": "A1"}})
            order.years = 1
            fulfil.confirm(session, self.house, order)
            effects.cancel(session, order, "preflight")
            return order

    def pay(self, order: Order, channel: str) -> Payment:
        with write() as session:
            return fulfil.start_payment(session, self.house, session.merge(order), channel)

    def work(self, *lanes: str, rounds: int = 30) -> None:
        """Until nothing is due any more in these lanes; what waits is made due at once."""
        for _ in range(rounds):
            with write() as session:
                for effect in session.scalars(select(Effect).where(Effect.lane.in_(lanes), Effect.state.in_(LIVE))):
                    effect.not_before = now() - dt.timedelta(seconds=1)
            worked = [self.engine.step(lane) for lane in lanes]
            if not any(worked):
                break
        db.session.rollback()
        db.session.expire_all()

    def tasks(self, order: Order) -> list[str]:
        query = select(Task.kind).where(Task.order_id == order.id, Task.closed_at.is_(None)).order_by(Task.id)
        return list(db.session.scalars(query))


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    with Till(tmp_path / "home", 0) as made:
        made.begin()
        yield made
        made.close()


def fault(till: Till, **body: Any) -> None:
    till.ask("gateways", "fault", **body)
