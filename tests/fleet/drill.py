"""A fleet under attack: kiosks and centre as processes that are killed at random, a line between them that breaks.

Kiosks write orders into their own journals and push them with the real uplink; nothing of the attack is known to them.
Only the databases of both sides judge.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import waitress
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk import catalogue, config, create_app, db
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder
from kiosk.worker.uplink import Uplink
from tests.running import eventually

WAY = ("id_card", "form", "materials", "check")
STATES = (State.PAYING, State.PAID, State.WRITING, State.DONE)
EVENTS = 1 + len(WAY) + len(STATES)  # of one whole order
BEFORE = dict(zip(STATES, (State.DRAFT, *STATES), strict=False))
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.fleet.drill"])


@dataclass(frozen=True)
class Plan:
    """How much there is to do: each of ``kiosks`` writes ``orders``, reports each ``every`` seconds.

    ``together``: so many orders at most walk side by side, three events of each in one transaction; with one, every
    event is a transaction of its own, as at a kiosk.
    """

    kiosks: int
    orders: int
    kills: int
    together: int
    every: float
    patience: float


def bare_kiosk(home: Path, name: str, every: float = 0.2) -> Flask:
    """What orders, journal and uplink need, without the web."""
    settings = config.load({}, home=str(home), kiosk_id=name, simulators=False, fleet={"every": every})
    vault = Vault.from_file(settings.master_key)
    app = Flask("drill")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.extensions["house"] = House(settings, catalogue.load(), vault, SealedFiles(Folder(settings.files), vault))
    db.init(app)
    return app


def run_kiosk(home: str, name: str, plan: Plan) -> None:
    """Carry out what is missing of the orders, report, and go on until killed."""
    app = bare_kiosk(Path(home), name, plan.every)
    line = Uplink(app, lambda: None, lambda: sys.exit(1))
    threading.Thread(target=line.run, args=(threading.Event(),), daemon=True).start()
    house: House = app.extensions["house"]
    with app.app_context():
        unfinished = db.db.session.scalars(select(Order.id).where(Order.state != State.DONE)).all()
        finish(house, unfinished, plan.together)
        while (missing := plan.orders - (db.db.session.scalar(select(func.count()).select_from(Order)) or 0)) > 0:
            with db.write() as session:
                group = range(min(random.randint(1, plan.together), missing))
                numbers = [house.open_order(session, "yiyang", "renew", "unit").id for _ in group]
            finish(house, numbers, plan.together)
    threading.Event().wait()


def finish(house: House, numbers: Sequence[int], together: int) -> None:
    """Everything these orders still lack."""
    whole, piece = [*WAY, *STATES], 1 if together == 1 else 3
    for begin in range(0, len(whole), piece):
        with db.write() as session, session.no_autoflush:
            for number in numbers:
                go_on(house, session, session.get_one(Order, number), whole[begin : begin + piece])


def go_on(house: House, session: Session, order: Order, steps: Sequence[str]) -> None:
    """These steps of the order, those that were done left out."""
    for step in steps:
        if not isinstance(step, State):
            house.mark(session, order, step)
        elif order.state == BEFORE[step]:
            house.move(session, order, step)


def run_centre(home: str, database: str, port: int) -> None:
    values: dict[str, Any] = {"role": "centre", "kiosk_id": "C001", "simulators": False, "database": database}
    app = create_app(config.load({}, home=home, **values))
    waitress.serve(app, host="127.0.0.1", port=port, threads=8, ident=None)


@dataclass
class BadLine:
    """A relay on a port of its own that breaks: before, in or after a request or its reply."""

    target: int
    chance: random.Random
    badness: float = 0.2
    breaks: int = 0
    server: socket.socket = field(default_factory=socket.socket)

    def __post_init__(self) -> None:
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        found: int = self.server.getsockname()[1]
        return found

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as centre:
            threading.Thread(target=self._copy, args=(client, centre), daemon=True).start()
            self._copy(centre, client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        """Pass on until the end, or until a piece (a request or a reply, or half of one) is lost with the line."""
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if self.chance.random() < self.badness:
                    self.breaks += 1
                    target.sendall(piece[: self.chance.choice((0, len(piece) // 2, len(piece)))])
                    break
                target.sendall(piece)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.server.close()


@dataclass
class Attack:
    """Kills one process after the other, at random moments, until told to stop; each is started again.

    Every sixth time it is the centre. ``serves`` says whether that answers: it is not killed again before it has, or
    nothing would ever come to it.
    """

    starts: dict[str, Callable[[], BaseProcess]]
    chance: random.Random
    pause: float
    serves: Callable[[], bool]
    kills: dict[str, int] = field(default_factory=dict)
    living: dict[str, BaseProcess] = field(default_factory=dict)

    def begin(self) -> None:
        self.living = {name: start() for name, start in self.starts.items()}

    def strike(self) -> None:
        """Wait a little, kill one, start it again."""
        time.sleep(self.chance.uniform(0, self.pause))
        if sum(self.kills.values()) % 6 == 5:
            eventually(self.serves, 60)
            self._kill("centre")
        else:
            self._kill(self.chance.choice(sorted(set(self.living) - {"centre"})))

    def strike_all(self) -> None:
        """As when the power of the whole town fails."""
        for name in sorted(self.living):
            self._kill(name)

    def _kill(self, name: str) -> None:
        self._end(name)
        self.kills[name] = self.kills.get(name, 0) + 1
        self.living[name] = self.starts[name]()

    def _end(self, name: str) -> None:
        process = self.living[name]
        process.kill()
        process.join(20)
        process.close()

    def end(self) -> None:
        for name in self.living:
            self._end(name)
        self.living = {}


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def chain_at_kiosk(home: Path, last: bool = False) -> list[tuple[int, str]]:
    """(seq, hash) of every event in the kiosk's database, oldest first; of the newest alone with ``last``."""
    query = f"SELECT seq, hash FROM event ORDER BY seq {'DESC LIMIT 1' if last else ''}"
    with contextlib.closing(sqlite3.connect(f"file:{home / 'kiosk.sqlite'}?mode=ro", uri=True, timeout=30)) as raw:
        return raw.execute(query).fetchall()
