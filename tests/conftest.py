"""Fixtures every room shares: a kiosk's house on a fresh SQLite in a folder of its own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kiosk import catalogue, config, db
from kiosk.orders.book import House
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder
from tests.running import Running, prepare


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What a test has to tell in figures: ``record_property("table", text)``."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "table" and report.when == "call":
                terminalreporter.write_line(f"\n{text}")


@pytest.fixture(scope="session")
def schemes() -> catalogue.Catalogue:
    """The shipped catalogue, read once."""
    return catalogue.load()


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kiosk's home after set-up, to be copied; made once for all test processes of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home, half = shared / "prepared-home", shared / "prepared-home.half"
    with (shared / "prepared-home.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            prepare(half)
            half.rename(home)
    return home


@pytest.fixture(scope="module")
def kiosk(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running kiosk with its simulators, shared by the tests of one module."""
    with Running(tmp_path_factory.mktemp("kiosk") / "home", prepared_home) as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, schemes: catalogue.Catalogue) -> House:
    """Settings, catalogue, keys and files of a kiosk without simulators."""
    settings = config.load({}, home=str(tmp_path / "home"), simulators=False)
    for folder in (settings.home, settings.files, settings.run):
        folder.mkdir(parents=True, exist_ok=True)
    vault = Vault.from_file(settings.secrets / "master.key")
    return House(settings, schemes, vault, SealedFiles(Folder(settings.files), vault))


@pytest.fixture
def core(house: House) -> Iterator[Flask]:
    """The database and the house, without any page: what orders, journal and worker need."""
    import kiosk.journal.models
    import kiosk.orders.models  # noqa: F401

    app = Flask("core")
    app.config["SQLALCHEMY_DATABASE_URI"] = house.settings.database_url
    app.extensions["house"] = house
    db.init(app)
    with app.app_context():
        db.db.create_all()
        yield app
        db.db.session.remove()
        db.db.engine.dispose()
