"""What a start finds missing before it loads the program."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from kiosk import config
from kiosk.setup_state import MIGRATIONS, missing


@pytest.fixture
def home(tmp_path: Path, prepared_home: Path) -> Path:
    return Path(shutil.copytree(prepared_home, tmp_path / "home", symlinks=True))


def found(home: Path, **settings: object) -> set[str]:
    return missing(config.load({}, home=str(home), **settings))


def test_nothing_after_the_set_up(home: Path) -> None:
    assert found(home) == set()


def test_everything_in_an_empty_home(tmp_path: Path) -> None:
    assert found(tmp_path / "new") == {"database", "ca", "document key", "keyboard", "ukeys"}
    assert "ukeys" not in found(tmp_path / "new", simulators=False)


def test_a_centre_needs_its_database_alone(tmp_path: Path) -> None:
    assert found(tmp_path / "new", role="centre") == {"database"}


def test_each_part_that_was_taken_away(home: Path) -> None:
    (home / "ca" / "ca.pem").unlink()
    (home / "sim" / "ukeys" / "seeded").unlink()
    assert found(home) == {"ca", "ukeys"}


def test_a_database_of_an_older_version(home: Path) -> None:
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with closing(sqlite3.connect(home / "kiosk.sqlite")) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
        raw.commit()
    assert found(home) == {"database"}


def test_another_database_is_always_asked_itself(home: Path) -> None:
    assert found(home, database="postgresql+psycopg://nobody@127.0.0.1:1/none") == {"database"}
