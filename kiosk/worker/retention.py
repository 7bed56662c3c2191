"""Destroys the keys of orders whose time is over, a batch at a time, while nobody notices."""

from __future__ import annotations

import datetime as dt
import logging
import threading

from flask import Flask
from sqlalchemy.exc import OperationalError

from kiosk.db import db, now, write
from kiosk.orders import desk_retention
from kiosk.orders.book import House

log = logging.getLogger("kiosk.worker")
EVERY = 3600.0  # seconds between two looks


def shred_all(app: Flask, house: House, moment: dt.datetime | None = None) -> int:
    """Every order that is due, and the log of the database emptied; returns how many orders."""
    total = 0
    with app.app_context():
        while True:
            with write() as session:
                numbers = desk_retention.run(session, house, moment or now())
            desk_retention.sweep(house, numbers)
            total += len(numbers)
            if len(numbers) < desk_retention.BATCH:
                break
        if total and db.engine.dialect.name == "sqlite":
            with db.engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    return total


def watch(app: Flask, house: House, stopped: threading.Event) -> None:
    """Look at the start and every hour until told to stop."""
    while True:
        try:
            gone = shred_all(app, house)
            if gone:
                log.info("personal data of %d orders were destroyed", gone)
        except OperationalError:
            log.exception("the database does not answer")
        except Exception:  # a bug must cost one look, not the thread
            log.exception("retention")
        if stopped.wait(EVERY):
            return
