"""Real kiosks with their simulated worlds and a centre: approved there, written here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask
from playwright.sync_api import Browser

from kiosk import journal
from kiosk.db import db, write
from kiosk.fleet import pairing
from kiosk.fleet.models import FleetOrder
from kiosk.supervise import free_port
from kiosk.walk import Customer
from tests.browser.conftest import browser
from tests.clerk.staff import PASSWORD, make
from tests.fleet.chromium import DESKTOP, PHONE, Glass
from tests.fleet.office import Office, accounts
from tests.running import Running, eventually

__all__ = ["browser"]


@pytest.fixture
def paired(centre: Flask, address: str, prepared_home: Path, tmp_path: Path) -> Iterator[Running]:
    """A running kiosk, paired by its operator's command."""
    running = Running(tmp_path / "home", prepared_home)
    (tmp_path / "home" / "kiosk.toml").write_text("[fleet]\nevery = 0.5\n", "utf-8")
    with centre.app_context(), write() as session:
        code = pairing.invite(session, "C001", "K001", "yiyang", "", "test")
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "fleet", "pair", "--centre", address]
    done = subprocess.run(
        command,
        env=running.supervisor.environ,
        input=code + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "K001 is paired" in done.stdout, done.stderr
    with running:
        yield running


def test_approved_at_the_centre_and_written_at_the_kiosk(centre: Flask, address: str, paired: Running) -> None:
    names = ("reviewer.one", "reviewer.two")
    people = [make(centre, name, "reviewer", "auditor") for name in names]
    customer, said = paired.customer(), []

    def at_the_centre(number: str) -> None:
        if said:
            return  # the word is on its way; a one-time code is good for one sign-in
        for member in people:
            with Office(address, member.name, PASSWORD, member.secret) as office:
                said.append(office.approve(number))

    customer.reviewed = at_the_centre  # type: ignore[method-assign]
    report = customer.walk("realestate", "new", "personal", 1)
    customer.close()
    assert report["outcome"] == "done", report
    assert len(set(said)) == 2
    number = report["order"]

    def told() -> bool:
        with centre.app_context():
            found = db.session.query(FleetOrder).filter_by(number=number).one()
            db.session.rollback()
            return found.state == "done" and found.wanted is None

    eventually(told, 60)
    with centre.app_context():
        approved = db.session.query(journal.Event).filter_by(kiosk="K001", kind="review.approved").all()
        assert [one.body["clerk"] for one in approved] == [f"centre/{name}" for name in names]
        assert journal.verify(db.session())[1] is None
        chain = {row.seq: row.hash for row in db.session.query(journal.Event).filter_by(kiosk="K001")}
    here = dict(paired.rows("SELECT seq, hash FROM event WHERE seq <= ?", max(chain)))
    assert chain == here
    serial = paired.rows("SELECT serial FROM certificate WHERE state = 'confirmed'")[0][0]
    with Office(address, *_again(people[0].name, people[0].secret, centre)) as office:
        found = office.post("/admin/fleet/orders", "/admin/fleet/orders", kind="serial", text=serial)
        assert f"/admin/fleet/orders/{number}" in found
        assert "在线" in office.get("/admin/")


def _again(name: str, secret: str, centre: Flask) -> tuple[str, str, str]:
    """A code is taken once: the next sign-in within its half minute is somebody else's."""
    member = make(centre, "auditor.two", "auditor", "reviewer")
    return member.name, PASSWORD, member.secret


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(1200)
def test_three_kiosks_and_a_centre_by_one_command(tmp_path: Path, browser: Browser) -> None:
    """What ``make run-centre`` starts: a customer at the second kiosk, at the centre a reviewer at his desk and another
    one with his phone, and Ctrl-C.
    """
    port, told = free_port(), list[str]()
    folder = tmp_path / "fleet"
    command = [sys.executable, "-m", "kiosk.supervise_fleet", "--home", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("K003"):
                    break
            assert any(line.startswith("ready") for line in lines), lines
            people = accounts(folder)
            customer = Customer(f"http://127.0.0.1:{port + 2}")

            def at_the_centre(number: str) -> None:
                if told:
                    return  # the word is on its way; a one-time code is good for one sign-in
                told.append(number)
                for name, size in (("reviewer", DESKTOP), ("reviewer.two", PHONE)):
                    with Glass(browser, f"http://127.0.0.1:{port}", (name, *people[name]), size) as glass:
                        glass.approve(number)

            with customer:
                customer.reviewed = at_the_centre  # type: ignore[method-assign]
                report = customer.walk("realestate", "new", "personal", 1)
            assert report["outcome"] == "done", report
            with Office(f"http://127.0.0.1:{port}", "admin", *people["admin"]) as office:
                page = office.get("/admin/")
                assert page.count("在线") == 3
                eventually(lambda: report["order"] in office.get("/admin/fleet/orders?state=done"), 60)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
    for number in range(4):
        with contextlib.closing(socket.socket()) as probe:
            assert probe.connect_ex(("127.0.0.1", port + number)) != 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}")
    assert not _left(folder)


def _left(folder: Path) -> list[str]:
    """Processes that still have the folder in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"KIOSK_HOME={folder}".encode() in (entry / "environ").read_bytes():
                    found.append(entry.name)
    return found
