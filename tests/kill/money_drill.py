"""Drives orders through payment and writing from outside: buyers with phones and cards, a clerk, and the UKeys."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from kiosk import config, create_app
from kiosk.ca.connector import serial_hex
from kiosk.ca.embedded import EmbeddedCa
from kiosk.db import db, now, write
from kiosk.hardware.child import Child
from kiosk.orders import effects, fulfil
from kiosk.orders.book import House
from kiosk.orders.models import Effect, Order, Payment, Task
from kiosk.orders.states import LIVE, PaymentState, State
from kiosk.simulators.ukeys_drawer import Drawer
from kiosk.supervise import free_port
from kiosk.worker import pins
from tests.kill.money_worker import scenario
from tests.running import LINE

PIN, SO_PIN = "592741", "87654321"
BATCH = 40  # orders on one UKey
AHEAD = 30  # orders that are under way at once
CODELESS = 5  # of them, orders whose code is not there yet: a slow machine opens fewer
QR_SECONDS = 15
STALLED = 180  # seconds in which no order ended and no worker died
POS = (13, 14)
ENDED = (State.DONE, State.REFUNDED, State.VOID)


@dataclass
class Buyer:
    """One person and what he has done so far."""

    order_id: int
    way: int
    channel: str
    token: str
    acts: int = 0
    began: float = field(default_factory=time.monotonic)


def id_number(index: int) -> str:
    """A number that belongs to nobody, with a right check digit (GB 11643, ISO 7064 MOD 11-2)."""
    first = f"430101199001{1 + index % 28:02d}{100 + index // 28:03d}"
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    return first + "10X98765432"[sum(w * int(d) for w, d in zip(weights, first, strict=True)) % 11]


class Drill:
    """Gateways, card terminal, UKeys, CA, database and the dying worker in one folder."""

    kiosk_id = "K001"
    qr_seconds = QR_SECONDS

    def __init__(
        self,
        home: Path,
        orders: int,
        ways: tuple[int, ...] | None = None,
        channels: tuple[str, str] = ("wechat", "alipay"),
    ) -> None:
        self.home, self.orders, self.channels = home, orders, channels
        self.pos_ways: tuple[int, ...] = POS
        self.seed = int(os.environ.get("CHAOS_SEED", "20261121"))
        self.ways = ways or tuple(range(20))
        home.mkdir(parents=True)
        self.processes: list[subprocess.Popen[str]] = []
        self.told: dict[str, dict[str, Any]] = {}
        self.kills = home / "kills"
        self.buyers: list[Buyer] = []
        self.slot = ""

    # -- the outside ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._outside()
            self._tokens()
            self._configure()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        if hasattr(self, "context"):
            db.session.remove()
            db.engine.dispose()
            self.context.pop()

    def _outside(self) -> None:
        """Gateways and card terminal: ``told`` says where they are."""
        self._simulator("gateways", "--early-bills")
        self._simulator("pos", "--auto", "--link", str(self.home / "pos-port"))

    @property
    def merchant(self) -> Path:
        return Path(self.told["gateways"]["merchant"])

    def _simulator(self, name: str, *more: str) -> None:
        command = [sys.executable, "-m", f"kiosk.simulators.{name}", "--control", str(free_port())]
        command += ["--home", str(self.home / "sim" / name), *more]
        (self.home / "sim" / name).mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        self.told[name] = json.loads(process.stdout.readline().removeprefix("ready"))

    def ask(self, name: str, verb: str, **body: Any) -> dict[str, Any]:
        answer = LINE.post(f"http://127.0.0.1:{self.told[name]['control']}/{verb}", json=body)
        found: dict[str, Any] = answer.json()
        return found

    def _tokens(self) -> None:
        self.drawer = Drawer(self.home / "sim" / "ukeys")
        options = {"module": self.drawer.module, "config": str(self.drawer.config)}
        self.reader = options
        self.serials: dict[str, str] = {}
        for number in range(1, (self.orders - 1) // BATCH + 2):
            self.drawer.create(f"stock-{number}", f"STOCK {number}", PIN, SO_PIN)
        for token in self.drawer.tokens():
            self.serials[token["name"]] = token["serial"]

    def _configure(self) -> None:
        run = self.home / "run"
        run.mkdir(mode=0o700)
        lines = [f"merchant = {json.dumps(str(self.merchant))}", f"qr_seconds = {self.qr_seconds}"]
        lines += ["[devices]", f"pos = {json.dumps(self.told['pos']['port'])}", f"blank_pin = {json.dumps(PIN)}"]
        lines += [f"ukey_module = {json.dumps(self.drawer.module)}"]
        lines += [f"ukey_config = {json.dumps(str(self.drawer.config))}"]
        (run / "simulators.toml").write_text("\n".join(lines) + "\n")
        self.app = create_app(config.load({}, home=str(self.home), kiosk_id=self.kiosk_id))
        self.house: House = self.app.extensions["house"]
        self.context = self.app.app_context()
        self.context.push()
        self._books()

    def _books(self) -> None:
        """Empty tables and a CA."""
        db.create_all()
        EmbeddedCa.create(self.home / "ca", algorithm="p256")

    def start_worker(
        self, points: Sequence[str] = (), times: int = 2, mutant: str = "", spared: tuple[int, int] = (10, 40)
    ) -> None:
        """The worker that dies ``times`` times at each of the checkpoints ``points``, passing ``spared`` between."""
        environ = {**os.environ, "KIOSK_HOME": str(self.home), "KILLS": str(self.kills), "MUTANT": mutant}
        environ |= {"POINTS": " ".join(points), "TIMES": str(times), "SEED": str(self.seed)}
        environ["SPARED"] = f"{spared[0]} {spared[1]}"
        self.log = self.home / "worker.log"
        with self.log.open("w") as out:
            command = [sys.executable, "-m", "tests.kill.money_worker"]
            self.processes.append(subprocess.Popen(command, env=environ, stdout=out, stderr=out, text=True))
        until = time.monotonic() + 120
        while "ready" not in self.log.read_text():
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def use(self, name: str) -> None:
        """Exactly this UKey is plugged in."""
        if self.slot != name:
            if self.slot:
                self.drawer.remove(self.slot)
            self.drawer.insert(name)
            self.slot = name

    # -- one order --------------------------------------------------------------------------------

    def open(self, index: int) -> None:
        """An order of the index-th person, answers confirmed; he chooses how to pay."""
        token = f"stock-{index // BATCH + 1}"
        with write() as session:
            order = self.house.open_order(session, "yiyang", "new", "personal")
            way = scenario(order.id)
            number = id_number(order.id)
            card = {"kind": "resident", "name": f"测试{order.id}", "number": number, "address": "长沙市测试路1号"}
            data = {"card": card, "role": "self", "token": {"serial": self.serials[token]}}
            self.house.put_data(order, {**data, "form": {"mobile": "13800000000"}})
            order.years = 1
            if way not in self.ways:
                self.house.move(session, order, State.VOID, "not needed")
                return
            fulfil.confirm(session, self.house, order)
            effects.cancel(session, order, "preflight")  # printer and scanner are not part of this
            channel = "pos" if way in self.pos_ways else self.channels[(order.id // 20 + way) % 2]
            fulfil.start_payment(session, self.house, order, channel)
            self.buyers.append(Buyer(order.id, way, channel, token))

    def act(self, buyer: Buyer, order: Order, payment: Payment | None) -> None:
        """What this buyer does now; each does a thing once."""
        shown = payment is not None and payment.state == PaymentState.PENDING and payment.code_url
        if buyer.way in POS or not shown or payment is None:
            return
        code, way = payment.code_url, buyer.way
        if buyer.acts and not (way == 10 and payment.attempt == 2):
            return
        buyer.acts += 1
        if way == 7:
            self.ask("gateways", "pay_late", code=code, seconds=QR_SECONDS + 1)
        elif way == 8:
            self.ask("gateways", "pay_twice", code=code)
        elif way == 9:
            self.cancel(order.id)
            self.ask("gateways", "pay", code=code)
        elif way == 10 and payment.attempt == 1:
            self.cancel(order.id)
        elif way == 12:
            self.ask("gateways", "pay_late", code=code, seconds=0.4)
            self.leave(order.id)
        elif way == 17:
            self.ask("gateways", "pay_late", code=code, seconds=1.0)
            self.cancel(order.id)
        elif way != 11:
            self.ask("gateways", "pay", code=code)

    def cancel(self, order_id: int) -> None:
        with write() as session:
            order = session.get(Order, order_id)
            assert order is not None
            fulfil.cancel_payment(session, self.house, order)

    def leave(self, order_id: int) -> None:
        with write() as session:
            order = session.get(Order, order_id)
            assert order is not None
            fulfil.leave(session, self.house, order)

    def again(self, buyer: Buyer) -> None:
        """Nobody is paying: way 10 tries the other channel, everybody else gives up."""
        with write() as session:
            order = session.get(Order, buyer.order_id)
            assert order is not None
            if order.state != State.PAYING or fulfil.open_payment_of(session, order) is not None:
                return
            if buyer.way == 10 and len(order.payments) == 1:
                other = "alipay" if buyer.channel == "wechat" else "wechat"
                fulfil.start_payment(session, self.house, order, other)
            elif len(order.payments) < 3 and buyer.way not in (7, 9, 10, 11, 12, 17):
                fulfil.start_payment(session, self.house, order, "pos" if buyer.way in POS else "wechat")
                buyer.acts = 0
            else:
                fulfil.leave(session, self.house, order)

    def clerk(self, order_id: int) -> None:
        """The UKey is dead and the CA has signed: the clerk gives up and has everything taken back."""
        with write() as session:
            order = session.get(Order, order_id)
            assert order is not None
            if order.state == State.CLERK and order.certificates and order.certificates[0].state == "failed":
                for task in session.scalars(select(Task).where(Task.order_id == order_id, Task.closed_at.is_(None))):
                    task.closed_at, task.closed_by = now(), "clerk"
                fulfil.give_back(session, self.house, order, "token_dead")

    # -- all of them ------------------------------------------------------------------------------

    def run(self) -> None:
        """Open orders until there are enough, act for everybody, until all have come to their end.

        However slow the machine is: it fails only when nothing has moved for a long time.
        """
        opened, resent, before, moved_at = 0, 0.0, (0, 0), time.monotonic()
        query = select(Order).where(Order.state.not_in(ENDED)).options(selectinload(Order.payments))
        while True:
            db.session.rollback()
            busy = list(db.session.scalars(query.execution_options(populate_existing=True)))
            snapshot = [(order, next((p for p in reversed(order.payments)), None)) for order in busy]
            if opened == self.orders and all(self.settled(order) for order in busy):
                return
            seen = (opened - len(busy), self.kills.stat().st_size if self.kills.exists() else 0)
            before, moved_at = (before, moved_at) if seen == before else (seen, time.monotonic())
            assert time.monotonic() - moved_at < STALLED, self.stuck()
            if opened < self.orders and self._room(snapshot):
                self.open(opened)
                opened += 1
                continue
            self._everybody(snapshot)
            self._plug(snapshot)
            if time.monotonic() - resent > 0.7:
                resent = time.monotonic()
                for order, _ in snapshot:
                    if order.state in (State.PAID, State.WRITING):
                        pins.send(self.home / "run" / "worker.sock", {"order": order.id, "pin": PIN})
            assert self.processes[-1].poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.1)

    @staticmethod
    def _room(snapshot: list[tuple[Order, Payment | None]]) -> bool:
        """Whether the worker can take another order; a code that only has to die keeps it from nothing."""
        payments = [payment for _, payment in snapshot if payment is not None]
        busy = sum(payment.state != PaymentState.CLOSING for payment in payments)
        return busy < AHEAD and sum(p.state == PaymentState.CREATED for p in payments) < CODELESS

    def settled(self, order: Order) -> bool:
        tasks = select(Task.id).where(Task.order_id == order.id, Task.closed_at.is_(None))
        hopeless = order.certificates and order.certificates[0].state == "failed"
        return order.state == State.CLERK and not hopeless and db.session.scalars(tasks).first() is not None

    def _everybody(self, snapshot: list[tuple[Order, Payment | None]]) -> None:
        facts = {order.id: (order, payment) for order, payment in snapshot}
        for buyer in self.buyers:
            found = facts.get(buyer.order_id)
            if found is None:
                continue
            order, payment = found
            if order.state == State.CLERK:
                self.clerk(order.id)
            elif order.state == State.PAYING and payment is not None and payment.state == PaymentState.CLOSED:
                self.again(buyer)
            elif order.state == State.PAYING:
                self.act(buyer, order, payment)

    def _plug(self, snapshot: list[tuple[Order, Payment | None]]) -> None:
        """The first UKey somebody waits for stays in until nobody does any more."""
        working = [order.id for order, _ in snapshot if order.state in (State.PAID, State.WRITING)]
        wanted = [buyer.token for buyer in self.buyers if buyer.order_id in working]
        if wanted and self.slot not in wanted:
            self.use(wanted[0])

    def stuck(self) -> str:
        db.session.rollback()
        rows = db.session.scalars(select(Order).where(Order.state.not_in(ENDED))).all()
        live = db.session.scalars(select(Effect).where(Effect.state.in_(LIVE), Effect.lane != "paper")).all()
        said = [(order.id, scenario(order.id), order.state, order.note) for order in rows]
        return f"not at an end: {said} effects: {[(e.order_id, e.kind, e.state, e.note) for e in live]}"

    def contents(self) -> dict[str, set[str]]:
        """Serial numbers of the certificates on each UKey, read from the UKeys themselves."""
        found: dict[str, set[str]] = {}
        with Child("judge", "kiosk.hardware.ukey:UKeyReader", self.reader) as reader:
            for name in self.serials:
                self.use(name)
                contents = reader.call("inspect", deadline=60)
                numbers = {
                    serial_hex(x509.load_der_x509_certificate(c.der).serial_number) for c in contents.certificates
                }
                found[self.serials[name]] = numbers
        return found
