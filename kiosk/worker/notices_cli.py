"""``flask --app wsgi notices run``: the centre's watch over its kiosks (a kiosk's worker tells its own by itself)."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
from flask import Flask, current_app
from sqlalchemy import text

from kiosk.db import db
from kiosk.orders.book import House
from kiosk.worker.alarms import Alarms
from kiosk.worker.world import World

LOCK = 4203  # PostgreSQL's advisory lock: of several nodes one tells


@click.group()
def notices() -> None:
    """Notices by SMS and webhook."""


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the only process that tells; the lock goes with the connection."""
    with db.engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            yield True
            return
        yield bool(connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), {"n": LOCK}))


@notices.command("run")
def run() -> None:
    """Look and tell until stopped; a second one waits its turn."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    house: House = app.extensions["house"]
    if house.settings.role != "centre":
        raise click.ClickException("this is a command of the centre; a kiosk's worker tells by itself")
    stopped, world = threading.Event(), World(house.settings)

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not stopped.is_set():
        with _alone() as alone:
            if alone:
                Alarms(app, house, world).run(stopped)
        stopped.wait(5)
    world.close()
