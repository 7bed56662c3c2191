"""The database: one declarative base, one Flask-SQLAlchemy handle, and :func:`write` for everything that changes it.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit that was answered survives a power cut. A writing
transaction takes
the write lock at its start (``BEGIN IMMEDIATE``), so that web and worker, two processes, never dead-lock half-way.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Engine, MetaData, Text, TypeDecorator, event
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import DeclarativeBase, Session

BEIJING = ZoneInfo("Asia/Shanghai")
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(metadata=Base.metadata)


class Instant(TypeDecorator[dt.datetime]):
    """An aware time, kept as UTC. SQLite forgets the zone; this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Json(TypeDecorator[Any]):
    """JSON as text, keys sorted, so that the same value has the same bytes in both dialects."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The Beijing date."""
    return dt.datetime.now(BEIJING).date()


@contextmanager
def write() -> Iterator[Session]:
    """One writing transaction: commits at the end, rolls back on any error. Not to be nested."""
    session: Session = db.session()
    if session.in_transaction():
        session.rollback()  # a reading transaction may hold an old snapshot
    session.connection(execution_options={"immediate": True})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _on_connect(connection: Any, record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # BEGIN is ours, see _on_begin
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")
    got = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    in_memory = got["journal_mode"] == "memory"
    wrong = [
        name for name, value in PRAGMAS.items() if got[name] != value and not (in_memory and name == "journal_mode")
    ]
    if wrong:
        raise RuntimeError(f"SQLite did not accept {wrong}")


def _on_begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def init(app: Flask) -> None:
    db.init_app(app)
    with app.app_context():
        engine: Engine = db.engine
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)


def migrations(app: Flask) -> None:
    """Make Alembic's commands usable on this application."""
    from flask_migrate import Migrate

    folder = str(Path(__file__).parent.parent / "migrations")
    Migrate().init_app(app, db, directory=folder, render_as_batch=True)
