"""A kiosk's money in a folder, and an engine that a test steps by hand. Gateways and card terminal are shared by all
tests of a process: each test is a kiosk of its own with numbers of its own.
"""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import select

from kiosk.config import Settings
from kiosk.db import db, now, write
from kiosk.orders import effects, fulfil
from kiosk.orders.models import Effect, Order, Payment, Task
from kiosk.orders.states import LIVE
from kiosk.worker.effects import HANDLERS
from kiosk.worker.engine import Engine
from kiosk.worker.pins import Pins
from kiosk.worker.world import World
from tests.kill.money_drill import Drill

_kiosks = itertools.count(1)


class Counter(Drill):
    """The outside alone: both gateways and the card terminal; and ``template``, a kiosk's home with nothing in it."""

    template: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._outside()
        except BaseException:
            self.__exit__()
            raise
        return self

    def calm(self) -> None:
        """Everything answers and tells the truth."""
        self.ask("gateways", "calm")
        self.ask("gateways", "clock", offset=0)
        self.ask("pos", "plug")
        self.ask("pos", "auto", on=True)


class Till(Drill):
    """A drill without a worker: effects run in the test, lane by lane, when :meth:`work` is called.

    ``counter``: an outside that is there already; without one the till has its own, with the keys of ``keys``.
    """

    qr_seconds = Settings.model_fields["qr_seconds"].default

    def __init__(self, home: Path, counter: Counter | None = None, keys: Path | None = None) -> None:
        super().__init__(home, 0)
        self.keys = keys
        self.counter, self.kiosk_id = counter, f"T{next(_kiosks):04d}"

    def _outside(self) -> None:
        if self.counter is None:
            if self.keys:  # gateways that know their merchant already, and nothing else
                ledger = shutil.ignore_patterns("ledger*")
                shutil.copytree(self.keys / "sim" / "gateways", self.home / "sim" / "gateways", ignore=ledger)
            super()._outside()
            return
        merchant = shutil.copytree(self.counter.merchant, self.home / "sim" / "gateways" / "merchant")
        self.told = {**self.counter.told, "gateways": {**self.counter.told["gateways"], "merchant": str(merchant)}}
        self.counter.calm()

    def _books(self) -> None:
        template = self.counter.template if self.counter else None
        if template is None:
            super()._books()
            return
        shutil.copy(template / "kiosk.sqlite", self.home / "kiosk.sqlite")
        shutil.copytree(template / "ca", self.home / "ca")

    def trades(self) -> list[dict[str, Any]]:
        """This kiosk's trades in the gateways' ledgers."""
        found: list[dict[str, Any]] = self.ask("gateways", "judge", prefix=f"{self.kiosk_id}x")["trades"]
        return found

    def slips(self) -> list[dict[str, Any]]:
        """This kiosk's transactions at the card terminal."""
        return [slip for slip in self.ask("pos", "ledger")["entries"] if slip["orders"].startswith(self.kiosk_id)]

    def begin(self) -> None:
        self.pins = Pins()
        self.world = World(self.house.settings)
        self.engine = Engine(self.app, self.house, self.world, self.pins, HANDLERS)

    def close(self) -> None:
        self.world.close()

    def order(
        self, scheme: str = "yiyang", service: str = "new", kind: str = "personal", preflight: bool = False
    ) -> Order:
        """Answers confirmed, nothing paid."""
        with write() as session:
            order = self.house.open_order(session, scheme, service, kind)
            card = {"kind": "resident", "name": "测试", "number": "430101199001011239", "address": "长沙市测试路1号"}
            self.house.put_data(order, {"card": card, "role": "self", "token": {"serial": "A1"}})
            order.years = 1
            fulfil.confirm(session, self.house, order)
            if not preflight:
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


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("counter")
    with Counter(folder / "home", 0) as made:
        with Till(folder / "template", made) as empty:
            template = empty.home
        made.template = template
        yield made


@pytest.fixture
def till(tmp_path: Path, counter: Counter) -> Iterator[Till]:
    with Till(tmp_path / "home", counter) as made:
        made.begin()
        yield made
        made.close()


@pytest.fixture
def lone_till(tmp_path: Path, counter: Counter) -> Iterator[Till]:
    """With gateways of its own, whose bills hold nothing else."""
    with Till(tmp_path / "home", keys=counter.home) as made:
        made.begin()
        yield made
        made.close()


def fault(till: Till, **body: Any) -> None:
    till.ask("gateways", "fault", **body)
