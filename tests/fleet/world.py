"""Kiosks and a centre for tests: real journals on SQLite, the real uplink, waitress in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import waitress
from flask import Flask
from waitress.server import BaseWSGIServer

from kiosk import config, create_app, journal
from kiosk.db import db, write
from kiosk.fleet import box, pairing, signing, wire
from kiosk.fleet.models import FleetKiosk
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.worker import uplink
from kiosk.worker.uplink import Uplink


def house_of(app: Flask) -> House:
    found: House = app.extensions["house"]
    return found


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app behind waitress on a port of its own; gives its address."""
    server: BaseWSGIServer = waitress.create_server(app, host="127.0.0.1", port=0, threads=4, ident=None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(10)


@dataclass
class Station:
    """A kiosk without devices: its app, its home, its line."""

    app: Flask
    name: str
    restarts: int = 0
    nudges: int = 0
    _uplink: list[Uplink] = field(default_factory=list)

    @property
    def house(self) -> House:
        return house_of(self.app)

    @property
    def line(self) -> Uplink:
        if not self._uplink:
            self._uplink.append(Uplink(self.app, self._nudge, self._restart))
        return self._uplink[0]

    def _nudge(self) -> None:
        self.nudges += 1

    def _restart(self) -> None:
        self.restarts += 1

    def forget(self) -> None:
        """As after a crash: nothing that was only in memory is left."""
        for one in self._uplink:
            one.close()
        self._uplink.clear()

    def live_in(self, epoch: int) -> None:
        """As after a start with another epoch in the settings."""
        self.forget()
        settings = self.house.settings.model_copy(update={"epoch": epoch})
        self.app.extensions["house"] = replace(self.house, settings=settings)

    def push(self) -> None:
        """Report until the centre has everything, and once more so that answers are in."""
        while self.line.step():
            pass
        self.line.step()

    def happen(self, count: int, event: str = "test.happened", order: str | None = None, **body: Any) -> None:
        with self.app.app_context(), write() as session:
            for number in range(count):
                journal.append(session, self.house.origin, event, {"number": number, **body}, order_no=order)

    def open_order(self, scheme: str = "yiyang", service: str = "renew", kind: str = "unit", **data: Any) -> str:
        with self.app.app_context(), write() as session:
            order = self.house.open_order(session, scheme, service, kind)
            self.house.put_data(order, data)
            return order.number

    def move(self, number: str, *states: str) -> None:
        with self.app.app_context(), write() as session:
            order = session.query(Order).filter_by(number=number).one()
            for state in states:
                self.house.move(session, order, State(state))

    def move_to(self, url: str) -> None:
        """The centre has another address now."""
        with self.app.app_context(), write() as session:
            row = session.get_one(uplink.Standing, uplink.PAIRED)
            row.value = {**row.value, "url": url}

    def close(self) -> None:
        self.forget()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


def station(home: Path, name: str, app: Flask | None = None, **settings: Any) -> Station:
    values = {"kiosk_id": name, "simulators": False, "fleet": {"every": 0.2}, **settings}
    return Station(app or create_app(config.load({}, home=str(home), **values)), name)


def pair(centre: Flask, url: str, one: Station, hall: str = "yiyang") -> FleetKiosk:
    """Pair without the command, through the same functions it calls."""
    with centre.app_context(), write() as session:
        code = pairing.invite(session, "C001", one.name, hall, "", "test")
    key = signing.write_key(one.house.settings.secrets)
    public = key.public_key().public_bytes_raw().hex()
    asked = wire.Pairing(code=code, kiosk=one.name, epoch=one.house.settings.epoch, public_key=public)
    with centre.app_context():
        with write() as session:
            row = pairing.pair(session, asked)
            session.expunge(row)
        found = wire.Paired(credential=row.credential, hall=hall, box_key=box.public_key(house_of(centre).vault).hex())
    with one.app.app_context():
        uplink.note_pairing(url, found)
        db.session.remove()
    return row
