"""The months of ``fleet_order``: one partition each in PostgreSQL, so that a list's newest page reads one small table.

Orders dated outside the months we make (a kiosk with a wrong clock) fall into the default partition.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading

from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from kiosk.db import today, write

log = logging.getLogger("kiosk.fleet")

FIRST = dt.date(2026, 1, 1)
AHEAD = 2  # months made in advance
LOCK = 7_310_001  # number of the advisory lock that lets one maker in


def following(month: dt.date) -> dt.date:
    return (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def wanted(until: dt.date | None = None, first: dt.date = FIRST) -> list[dt.date]:
    """The first days of every month that shall have a partition."""
    last = until or today()
    for _ in range(AHEAD):
        last = following(last)
    months = [first.replace(day=1)]
    while months[-1] < last.replace(day=1):
        months.append(following(months[-1]))
    return months


def ensure(connection: Connection, until: dt.date | None = None, first: dt.date = FIRST) -> int:
    """Make the partitions that are missing, in the caller's transaction; returns how many. SQLite has none."""
    if connection.dialect.name != "postgresql":
        return 0
    query = text("SELECT relname FROM pg_class WHERE relname LIKE 'fleet\\_order\\_m%' AND relkind = 'r'")
    known = {name for (name,) in connection.execute(query)}
    missing = [month for month in wanted(until, first) if f"fleet_order_m{month:%Y%m}" not in known]
    if missing:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    for month in missing:
        name, end = f"fleet_order_m{month:%Y%m}", following(month)
        made = f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF fleet_order FOR VALUES FROM ('{month}') TO ('{end}')"
        connection.execute(text(made))
    return len(missing)


def make_missing() -> int:
    """In a transaction of its own; needs an app context."""
    with write() as session:
        return ensure(session.connection())


def tend(app: Flask) -> threading.Thread:
    """Look once a day; started with the centre's web process."""

    def look() -> None:
        while True:
            try:
                with app.app_context():
                    make_missing()
            except SQLAlchemyError:
                log.exception("the months of fleet_order could not be made")
            pause.wait(24 * 3600)

    pause = threading.Event()
    thread = threading.Thread(target=look, name="months", daemon=True)
    thread.start()
    return thread
