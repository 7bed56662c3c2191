"""A fleet under attack: kiosks and centre as processes that are killed at random, a line between them that breaks.

Kiosks write orders into their own journals, whole order by whole order, and push them with the real uplink; nothing of
the attack is known to them. Only the databases of both sides judge.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import random
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from kiosk import catalogue, config, db
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.worker.uplink import Uplink

WAY = ("id_card", "form", "materials", "check")
STATES = (State.PAYING, State.PAID, State.WRITING, State.DONE)
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.fleet.drill"])


def bare_kiosk(home: Path, name: str) -> Flask:
    """What orders, journal and uplink need, without the web."""
    settings = config.load({}, home=str(home), kiosk_id=name, simulators=False, fleet={"every": 0.2})
    vault = Vault.from_file(settings.master_key)
    app = Flask("drill")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.extensions["house"] = House(settings, catalogue.load(), vault, SealedFiles(settings.files, vault))
    db.init(app)
    return app


def run_kiosk(home: str, name: str, orders: int) -> None:
    """Carry out what is missing of ``orders``, report, and go on until killed."""
    app = bare_kiosk(Path(home), name)
    line = Uplink(app, lambda: None, lambda: sys.exit(1))
    threading.Thread(target=line.run, args=(threading.Event(),), daemon=True).start()
    house: House = app.extensions["house"]
    with app.app_context():
        for unfinished in db.db.session.scalars(select(Order.id).where(Order.state != State.DONE)).all():
            finish(house, unfinished)
        while (db.db.session.scalar(select(func.count()).select_from(Order)) or 0) < orders:
            with db.write() as session:
                number = house.open_order(session, "yiyang", "renew", "unit").id
            finish(house, number)
    threading.Event().wait()


def finish(house: House, number: int) -> None:
    """Everything an order still lacks, each in a transaction of its own."""
    for step in WAY:
        with db.write() as session:
            house.mark(session, session.get_one(Order, number), step)
    for old, new in itertools.pairwise((State.DRAFT, *STATES)):
        with db.write() as session:
            order = session.get_one(Order, number)
            if order.state == old:
                house.move(session, order, new)


def run_centre(home: str, database: str, port: int) -> None:
    import waitress

    from kiosk import create_app

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
    """Kills one process after the other, at random moments, until told to stop; each is started again."""

    starts: dict[str, Callable[[], BaseProcess]]
    chance: random.Random
    pause: float
    kills: dict[str, int] = field(default_factory=dict)
    living: dict[str, BaseProcess] = field(default_factory=dict)

    def begin(self) -> None:
        self.living = {name: start() for name, start in self.starts.items()}

    def strike(self) -> None:
        """Wait a little, kill one, start it again."""
        time.sleep(self.chance.uniform(0, self.pause))
        name = self.chance.choice(sorted(self.living))
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


def chain_at_kiosk(home: Path) -> list[tuple[int, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{home / 'kiosk.sqlite'}?mode=ro", uri=True, timeout=30)) as raw:
        return raw.execute("SELECT seq, hash FROM event ORDER BY seq").fetchall()
