"""The migrations make what the models say, in both dialects, and go back."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from kiosk import config, create_app, journal
from kiosk.db import db, write
from kiosk.fleet import months
from kiosk.fleet.postgres import Cluster
from kiosk.journal import Event


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    database = ""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        database = cluster.make(f"empty_{tmp_path.name[-20:]}".lower())
    return create_app(config.load({}, home=str(tmp_path / "home"), simulators=False, database=database))


def differences() -> list[object]:
    """What would still have to be migrated; partitions are tables the models do not name."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and str(name).startswith(("event_p", "fleet_order_m", "fleet_order_other")))

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours})
        return list(compare_metadata(context, db.metadata))


def test_migrations_make_what_the_models_say(empty: Flask) -> None:
    with empty.app_context():
        upgrade()
        assert differences() == []
        db.engine.dispose()


def test_a_chain_survives_the_way_there_and_back(empty: Flask) -> None:
    with empty.app_context():
        upgrade(revision="0004")
        with write() as session:
            for number in range(30):
                journal.append(session, (f"K{number % 3:03d}", 1), "test.happened", {"名": number})
        for step in (upgrade, lambda: downgrade(revision="0004"), upgrade):
            db.session.remove()
            step()
            assert journal.verify(db.session()) == (30, None)
        db.session.remove()
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        db.engine.dispose()


def test_events_and_orders_stand_in_partitions(centre: Flask) -> None:
    with centre.app_context():
        with write() as session:
            journal.append(session, ("K001", 1), "test.happened")
            assert months.ensure(session.connection()) == 0
            assert months.ensure(session.connection(), until=months.following(months.wanted()[-1])) > 0
        names = inspect(db.engine).get_table_names()
        assert len([name for name in names if name.startswith("event_p")]) == 16
        assert f"fleet_order_m{months.wanted()[-1]:%Y%m}" in names
        assert db.session.query(Event).one().kiosk == "K001"
