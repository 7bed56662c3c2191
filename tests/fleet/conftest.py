"""A private PostgreSQL for the tests of the centre, and centres on a database of their own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade

from kiosk import config, create_app
from kiosk.db import db
from kiosk.fleet.postgres import SWIFT, Cluster
from kiosk.orders import clerks
from tests.clerk.conftest import empty_home
from tests.clerk.staff import Member, make
from tests.fleet.world import Station, pair, served, station

__all__ = ["empty_home"]

ROLES = ("clerk", "reviewer", "finance", "admin", "auditor")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """PostgreSQL in a short path of /tmp, which the user ``postgres`` may enter; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="centre-pg-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with Cluster(folder / "c", SWIFT) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database that went through every migration: others are copied from it."""
    home = tmp_path_factory.mktemp("migrated") / "home"
    app = centre_app(home, cluster.make("migrated"))
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    return "migrated"


@pytest.fixture
def database(cluster: Cluster, migrated: str) -> str:
    """The address of an empty, migrated database."""
    return cluster.make(f"t{os.getpid()}_{next(_numbers)}", migrated)


def centre_app(home: Path, database: str, **settings: object) -> Flask:
    clerks._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    clerks._nobody.cache_clear()
    values = {"role": "centre", "kiosk_id": "C001", "simulators": False, "database": database, **settings}
    app = create_app(config.load({}, home=str(home), **values))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    return app


@pytest.fixture
def centre(database: str, tmp_path: Path) -> Iterator[Flask]:
    """The centre's web on PostgreSQL."""
    app = centre_app(tmp_path / "centre", database)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def staff(centre: Flask) -> dict[str, Member]:
    """One account at the centre for each role."""
    return {role: make(centre, f"{role}.one", role) for role in ROLES}


@pytest.fixture
def address(centre: Flask) -> Iterator[str]:
    """The centre behind waitress."""
    with served(centre) as url:
        yield url


@pytest.fixture
def stations(centre: Flask, address: str, empty_home: Path, tmp_path: Path) -> Iterator[Callable[..., Station]]:
    """Makes paired kiosks: ``stations("K001")``."""
    made: list[Station] = []

    def make_one(name: str, hall: str = "yiyang", **settings: object) -> Station:
        home = shutil.copytree(empty_home, tmp_path / name)
        one = station(home, name, hall=hall, **settings)
        pair(centre, address, one, hall)
        made.append(one)
        return one

    yield make_one
    for one in made:
        one.close()
