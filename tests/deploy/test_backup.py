"""A kiosk is backed up while it lives, destroyed, put back, and goes on."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from kiosk import backup, config, create_app, restore
from kiosk.catalogue import Kind
from kiosk.db import db, write
from kiosk.orders import editing
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.sealed_stream import CHUNK, Reader, SealedStreamError, Writer

PASSPHRASE = "correct horse battery 正确"
PERSON = {"card": {"name": "林样例", "number": "430903199001010017"}, "form": {"mobile": "13800000000"}}
PICTURE = bytes(range(256)) * 6000  # 1.5 MB: more than one chunk


def command(home: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(backup.backup, list(words), env={"KIOSK_HOME": str(home), **environ})


def opened(home: Path) -> Flask:
    return create_app(config.load({}, home=str(home)))


def closed(app: Flask) -> None:
    db.session.remove()
    db.engine.dispose()


def flask(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    environ = {**os.environ, "KIOSK_HOME": str(home)}
    return subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n", "utf-8")
    return f"--passphrase-file={file}"


@pytest.fixture(scope="module")
def lived(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kiosk with one order: personal data, a sealed picture, events. To be copied."""
    home = tmp_path_factory.mktemp("lived") / "home"
    shutil.copytree(prepared_home, home, ignore=shutil.ignore_patterns("sim"))
    (home / "kiosk.toml").write_text(
        '# ours\nkiosk_id = "K007"\nepoch = 3 # old\n[devices]\npos = "/dev/null"\n', "utf-8"
    )
    app = opened(home)
    house: House = app.extensions["house"]
    with app.app_context():
        with write() as session:
            order = house.open_order(session, "yiyang", "renew", "personal")
            digest = house.put_file(order, PICTURE)
            house.put_data(order, {**PERSON, "picture": digest})
        shelf = editing.shelf_of(house)
        shelf.publish("yiyang.toml", editing.edited_scheme(shelf.text("yiyang.toml"), {"fee-renew-personal-0": "321"}))
        closed(app)
    return home


@pytest.fixture
def home(lived: Path, tmp_path: Path) -> Path:
    shutil.copytree(lived, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def made(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of that kiosk. To be copied."""
    file = tmp_path_factory.mktemp("made") / "kiosk.backup"
    backup.create(config.load({}, home=str(lived)), file, PASSPHRASE)
    return file


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    return shutil.copy(made, tmp_path / "kiosk.backup")


def looked_at(home: Path) -> tuple[dict[str, Any], bytes, int]:
    """(the order's data, its picture, the next event's epoch) as a started kiosk reads them."""
    app = opened(home)
    house: House = app.extensions["house"]
    with app.app_context():
        order = db.session.scalars(db.select(Order)).one()
        data = house.data(order)
        picture = house.get_file(order, data["picture"])
        closed(app)
    return data, picture, house.origin[1]


def test_destroyed_and_put_back(home: Path, tmp_path: Path, passphrase: str) -> None:
    file = tmp_path / "kiosk.backup"
    ledger = hashlib.sha256("\n".join(dump(home / "ca" / "ledger.sqlite3")).encode()).digest()
    made = flask(home, "backup", "create", str(file), passphrase)
    assert made.returncode == 0, made.stderr
    assert "made and checked: K007/3" in made.stdout
    assert file.stat().st_mode & 0o077 == 0
    shutil.rmtree(home)
    home.mkdir()

    done = flask(home, "backup", "restore", str(file), passphrase)

    assert done.returncode == 0, done.stderr
    data, picture, epoch = looked_at(home)
    assert data["card"] == PERSON["card"]
    assert picture == PICTURE
    assert epoch == 4
    assert config.load({}, home=str(home)).devices.pos == "/dev/null"
    assert hashlib.sha256("\n".join(dump(home / "ca" / "ledger.sqlite3")).encode()).digest() == ledger
    verified = flask(home, "audit", "verify")
    assert verified.returncode == 0, verified.stdout
    assert "chain whole" in verified.stdout
    shown = flask(home, "ca", "show")
    assert shown.returncode == 0, shown.stderr
    assert (home / "secrets" / "master.key").stat().st_mode & 0o077 == 0


def prices(home: Path) -> tuple[str, int | None, int | None]:
    """(version in force, price of a new order, price of the order that was begun before) as a started kiosk says."""
    app = opened(home)
    house: House = app.extensions["house"]
    with app.app_context():
        before = house.offer(db.session.scalars(db.select(Order)).one())[2].price(1)
        closed(app)
    offers = house.catalogue.schemes["yiyang"].services["renew"].offers
    return house.catalogue.version, offers[Kind.personal].price(1), before


def test_the_published_catalogue_comes_back_with_its_older_version(home: Path, file: Path, passphrase: str) -> None:
    version, now, before = prices(home)
    assert (now, before) == (32100, 10000)
    shutil.rmtree(home)
    home.mkdir()
    done = flask(home, "backup", "restore", str(file), passphrase)
    assert done.returncode == 0, done.stderr
    assert prices(home) == (version, now, before)


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        lines = list(database.iterdump())
    database.close()
    return lines


def test_a_copy_is_taken_while_others_write(home: Path, tmp_path: Path, passphrase: str) -> None:
    writer = sqlite3.connect(home / "kiosk.sqlite", isolation_level=None)
    writer.execute("PRAGMA journal_mode=wal")
    writer.execute("CREATE TABLE scribble (n INTEGER)")
    writer.execute("INSERT INTO scribble VALUES (1)")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO scribble VALUES (2)")  # not committed: not in the backup
    file = tmp_path / "kiosk.backup"
    made = command(home, "create", str(file), passphrase)
    writer.execute("ROLLBACK")
    writer.close()
    assert made.exit_code == 0, made.output
    other = tmp_path / "other"
    done = command(other, "restore", str(file), passphrase)
    assert done.exit_code == 0, done.output
    back = sqlite3.connect(other / "kiosk.sqlite")
    assert back.execute("SELECT n FROM scribble").fetchall() == [(1,)]
    back.close()


def test_nothing_readable_in_the_file(lived: Path, file: Path) -> None:
    found = file.read_bytes()
    for secret in ((lived / "secrets" / "master.key").read_bytes(), b"SQLite format", b"kiosk.sqlite", b"K007"):
        assert secret not in found


def test_restore_never_overwrites(home: Path, file: Path, tmp_path: Path, passphrase: str) -> None:
    before = looked_at(home)
    refused = command(home, "restore", str(file), passphrase)
    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    assert looked_at(home) == before
    assert not list(home.glob("**/*.before-restore"))
    again = command(home, "create", str(file), passphrase)
    assert again.exit_code == 1
    assert "exists already" in again.output


def test_restore_goes_through_the_link_of_an_installed_kiosk(
    lived: Path, file: Path, tmp_path: Path, passphrase: str
) -> None:
    etc, other = tmp_path / "etc", tmp_path / "other"
    (etc / "secrets").mkdir(parents=True)
    (etc / "kiosk.toml").write_text('kiosk_id = "K001"\n', "utf-8")
    (etc / "secrets" / "master.key").write_bytes(b"k" * 32)
    other.mkdir()
    (other / "kiosk.toml").symlink_to(etc / "kiosk.toml")
    done = command(other, "restore", str(file), passphrase, KIOSK_SECRETS_FOLDER=str(etc / "secrets"))
    assert done.exit_code == 0, done.output
    assert (other / "kiosk.toml").is_symlink()
    assert config.load({}, home=str(other)).kiosk_id == "K007"
    assert (etc / "secrets" / "master.key").read_bytes() == (lived / "secrets" / "master.key").read_bytes()
    assert (etc / "secrets" / "master.key.before-restore").read_bytes() == b"k" * 32
    assert not (other / "secrets" / "master.key").exists()


@pytest.mark.parametrize("hurt", ["passphrase", "flip", "cut", "cut_at_chunk", "other"])
def test_damage_is_told_and_nothing_is_put_back(file: Path, tmp_path: Path, passphrase: str, hurt: str) -> None:
    whole = file.read_bytes()
    head = 33
    if hurt == "passphrase":
        (tmp_path / "wrong").write_text("another passphrase", "utf-8")
        passphrase = f"--passphrase-file={tmp_path / 'wrong'}"
    elif hurt == "flip":
        place = len(whole) // 2
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif hurt == "cut":
        file.write_bytes(whole[:-100])
    elif hurt == "cut_at_chunk":
        file.write_bytes(whole[: head + CHUNK + 16])
    else:
        file.write_bytes(b"PK\x03\x04" + whole)
    checked = command(tmp_path, "check", str(file), passphrase)
    assert checked.exit_code == 1
    assert "damaged" in checked.output or "not_a_backup" in checked.output
    other = tmp_path / "other"
    done = command(other, "restore", str(file), passphrase)
    assert done.exit_code == 1
    assert not [path for path in other.rglob("*") if path.is_file()]


def test_a_short_passphrase_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("12345678", "utf-8")
    made = command(home, "create", str(tmp_path / "b"), f"--passphrase-file={tmp_path / 'short'}")
    assert made.exit_code == 1
    assert not (tmp_path / "b").exists()


def test_restore_refuses_beside_a_running_worker(file: Path, tmp_path: Path, passphrase: str) -> None:
    from kiosk.worker.main import take_lock

    other = tmp_path / "other"
    lock = take_lock(other / "run")
    try:
        refused = command(other, "restore", str(file), passphrase)
    finally:
        os.close(lock)
    assert refused.exit_code == 1
    assert "worker is running" in refused.output


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_stream_at_its_seams(tmp_path: Path, size: int) -> None:
    plain, file = os.urandom(size), tmp_path / "sealed"
    with file.open("wb") as out:
        writer = Writer(out, PASSPHRASE, work=14)
        for place in range(0, size, 700_001):
            writer.write(plain[place : place + 700_001])
        writer.finish()
    with file.open("rb") as source:
        assert Reader(source, PASSPHRASE).read(size + 1) == plain
    with file.open("ab") as out:
        out.write(b"x")
    with file.open("rb") as source, pytest.raises(SealedStreamError):
        Reader(source, PASSPHRASE).read(size + 1)


def test_a_hostile_head_gets_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    file.write_bytes(b"CA-KIOSK-BACKUP\x01" + bytes([40]) + bytes(200))
    with file.open("rb") as source, pytest.raises(SealedStreamError, match="not_a_backup"):
        Reader(source, PASSPHRASE)


@pytest.mark.parametrize(
    "text", ["", "[devices]\npos = ''\n", 'epoch=9\nkiosk_id = "K1A" # c\n', "schemes = [\n'a']\n"]
)
def test_settings_are_changed_in_place(text: str) -> None:
    import tomllib

    done = tomllib.loads(restore.with_values(text, {"epoch": 10, "kiosk_id": "K007"}))
    assert (done.pop("epoch"), done.pop("kiosk_id")) == (10, "K007")
    kept = tomllib.loads(text)
    assert done == {key: value for key, value in kept.items() if key not in ("epoch", "kiosk_id")}
