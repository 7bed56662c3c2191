"""Destroys the keys of orders whose time is over, a batch at a time, while nobody notices: at a kiosk in the worker, at
the centre in every web process (two of them never take the same order).
"""

from __future__ import annotations

import datetime as dt
import logging
import threading

from flask import Flask
from sqlalchemy.exc import OperationalError

from kiosk import journal
from kiosk.db import db, now, write
from kiosk.fleet import dossiers
from kiosk.orders import desk_retention
from kiosk.orders.book import House
from kiosk.privacy.store import StoreError

log = logging.getLogger("kiosk.worker")
EVERY = 3600.0  # seconds between two looks


def shred_all(app: Flask, house: House, moment: dt.datetime | None = None) -> int:
    """Every order that is due, and the log of the database emptied; returns how many orders."""
    if house.settings.role == "centre":
        return _shred_dossiers(app, house, moment or now())
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


def _shred_dossiers(app: Flask, house: House, moment: dt.datetime) -> int:
    """What the centre has of its kiosks' orders."""
    if not house.settings.retention_days:
        return 0
    total, place = 0, dossiers.FIRST
    before = moment - dt.timedelta(days=house.settings.retention_days)
    with app.app_context():
        while True:
            with write() as session:
                orders, following = dossiers.shred(session, before, place)
                for order in orders:
                    journal.append(
                        session, house.origin, "personal.shredded", {"state": order.state}, order_no=order.number
                    )
                numbers = [order.number for order in orders]
            total += len(numbers)
            try:
                desk_retention.sweep(house, numbers)
            except StoreError as error:
                log.warning("without their keys, but not removed yet: the files of %d orders: %s", len(numbers), error)
            if following is None:
                return total
            place = following


def tend(app: Flask) -> threading.Thread:
    """Watch as long as the process lives."""
    house: House = app.extensions["house"]
    thread = threading.Thread(target=watch, args=(app, house, threading.Event()), name="retention", daemon=True)
    thread.start()
    return thread


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
