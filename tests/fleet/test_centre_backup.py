"""The centre is backed up while it runs, lost, put back elsewhere by one command, and its kiosks go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from kiosk import backup, config, create_app, journal
from kiosk.db import db
from kiosk.fleet import dossiers
from kiosk.fleet.models import FleetFault, FleetKiosk, FleetOrder
from kiosk.fleet.postgres import Cluster
from tests.fleet.test_commands import waits_for_review
from tests.fleet.test_push import chain
from tests.fleet.world import Station, house_of, served


def command(home: Path, database: str, *words: str) -> str:
    environ = {"KIOSK_HOME": str(home), "KIOSK_DATABASE": database, "KIOSK_ROLE": "centre", "KIOSK_KIOSK_ID": "C001"}
    done = CliRunner().invoke(backup.backup, list(words), env=environ)
    return f"{done.exit_code} {done.output}"


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery staple\n", "utf-8")
    return f"--passphrase-file={file}"


def test_lost_and_put_back_by_one_command(
    centre: Flask, stations: Callable[..., Station], cluster: Cluster, database: str, tmp_path: Path, passphrase: str
) -> None:
    one = stations("K001")
    number, picture = waits_for_review(one)
    one.push()
    one.push()
    home, file = house_of(centre).settings.home, str(tmp_path / "centre.backup")
    assert command(home, database, "create", file, passphrase).startswith("0 made and checked: C001/1")
    assert b"K001" not in Path(file).read_bytes()
    later = one.open_order()
    one.push()
    with centre.app_context():
        db.session.remove()
        db.engine.dispose()

    new, fresh = tmp_path / "new", cluster.make(f"new_{tmp_path.name[-12:]}".lower())
    new.mkdir()
    assert command(new, database, "restore", file, passphrase).startswith("1 Error: the centre's database is not empty")
    assert command(new, fresh, "restore", file, passphrase).startswith("0 put back")
    again = create_app(config.load({}, home=str(new), simulators=False, role="centre"))
    assert house_of(again).settings.database == fresh
    assert house_of(again).origin == ("C001", 2)
    with again.app_context():
        assert journal.verify(db.session())[1] is None
        assert [row.number for row in db.session.query(FleetOrder)] == [number]
        assert db.session.get(FleetKiosk, "K001") is not None
        row, found = dossiers.read(db.session(), house_of(again).vault, number)
        assert row is not None
        assert found is not None
        assert found.review is not None
        digest = found.review.pictures[0].digest
        assert house_of(again).files.get(row.wrapped_key, number, digest) == picture
        db.session.remove()
    with served(again) as url:
        one.move_to(url)
        one.push()
        one.push()
    assert chain(again, "K001") == chain(one.app, "K001")
    with again.app_context():
        assert {row.number for row in db.session.query(FleetOrder)} == {number, later}
        assert db.session.query(FleetFault).filter(FleetFault.cleared_at.is_(None)).count() == 0
        db.session.remove()
        db.engine.dispose()


def test_a_changed_backup_is_not_put_back(
    centre: Flask, cluster: Cluster, database: str, tmp_path: Path, passphrase: str
) -> None:
    file = tmp_path / "centre.backup"
    assert command(house_of(centre).settings.home, database, "create", str(file), passphrase).startswith("0")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    fresh, new = cluster.make(f"bad_{tmp_path.name[-12:]}".lower()), tmp_path / "new"
    new.mkdir()
    assert command(new, fresh, "restore", str(file), passphrase).startswith("1 Error")
    assert not (new / "kiosk.toml").exists()
