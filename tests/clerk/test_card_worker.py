"""The card through the whole kiosk: pcscd, the worker's process, the web's process, a browser's requests."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import httpx
import pytest
from flask import Flask

from kiosk import config, create_app
from kiosk.db import db, write
from kiosk.orders import clerks, desk_cards
from tests.clerk.staff import csrf_of, house_of, make
from tests.clerk.test_card import PATIENCE
from tests.hardware import ukey_pcsc
from tests.hardware.ukey_parts import PIN, Writer
from tests.running import Running

pytestmark = [pytest.mark.long, pytest.mark.conformance]


def enrolled(app: Flask, certificate: bytes) -> None:
    """An account, and the card as an administrator gave it to it."""
    make(app, "li.na", "clerk")
    make(app, "chief", "admin")
    fingerprint = hashlib.sha256(certificate).hexdigest()
    shown = desk_cards.Proof("done", "", None, fingerprint, "0a", "2099-01-01T00:00:00+00:00", "1")
    with app.app_context():
        with write() as session:
            desk_cards.enrol(session, house_of(app), clerks.by_name(session, "chief"), "li.na", shown)
        db.session.remove()
        db.engine.dispose()


def test_signed_in_by_card_and_out_when_it_goes(prepared_home: Path, tmp_path: Path) -> None:
    with ukey_pcsc.running(tmp_path) as pcsc:
        desk = ukey_pcsc.CardDesk(pcsc, tmp_path / "card")
        desk.personalise()
        writer = Writer(desk, ukey_pcsc.SERIAL, algorithm="rsa2048")
        writer.run()
        desk.child.close()
        assert writer.certificate is not None
        running = Running(tmp_path / "home", prepared_home)
        lines = {"module": desk.module, "config": pcsc.home / "opensc.conf"}
        text = "".join(f'clerk_card_{key} = "{value}"\n' for key, value in lines.items())
        settings = tmp_path / "home" / "kiosk.toml"
        old = settings.read_text("utf-8") if settings.exists() else ""
        settings.write_text(f'{old}\n[devices]\n{text}pcsc_socket = "{pcsc.socket}"\n', "utf-8")
        enrolled(create_app(config.load({}, home=str(tmp_path / "home"))), writer.certificate)
        with running, httpx.Client(base_url=running.base, timeout=20) as browser:
            page = until(browser, "/clerk/sign-in", "卡的密码（PIN）")
            browser.post("/clerk/card", data={"csrf_token": csrf_of(page), "pin": PIN})
            end = time.monotonic() + PATIENCE
            while browser.get("/clerk/tasks").status_code != 200:
                assert time.monotonic() < end
                browser.get("/clerk/card")
                time.sleep(0.2)
            desk.card.remove()
            end = time.monotonic() + PATIENCE
            while browser.get("/clerk/tasks").status_code == 200:
                assert time.monotonic() < end
                time.sleep(0.1)
        logs = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*.log"))
        assert PIN.encode() not in logs


def until(browser: httpx.Client, path: str, words: str) -> str:
    end = time.monotonic() + PATIENCE
    while words not in (page := browser.get(path).text):
        assert time.monotonic() < end, page[-2000:]
        time.sleep(0.2)
    return page
