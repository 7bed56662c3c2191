"""A kiosk's web with an empty database, and staff of every role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade

from kiosk import config, create_app
from kiosk.db import db
from kiosk.orders import clerks
from tests.clerk.staff import Member, make

ROLES = ("clerk", "reviewer", "finance", "admin", "auditor")


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose database has gone through every migration. Hashing is made cheap: many people sign in here."""
    clerks._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    clerks._nobody.cache_clear()
    home = tmp_path_factory.mktemp("desk") / "home"
    app = create_app(config.load({}, home=str(home), simulators=False))
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    return home


@pytest.fixture
def app(empty_home: Path, tmp_path: Path) -> Iterator[Flask]:
    home = shutil.copytree(empty_home, tmp_path / "home")
    app = create_app(config.load({}, home=str(home), simulators=False))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def staff(app: Flask) -> dict[str, Member]:
    """One account for each role, named like it, and a second chief of the money."""
    members = {role: make(app, f"{role}.one", role) for role in ROLES}
    members["finance2"] = make(app, "finance.two", "finance")
    return members
