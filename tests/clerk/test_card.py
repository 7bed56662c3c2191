"""The clerk's card, from pcscd to the page: put in, proven by its PIN, taken away; nobody signs in by presence."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk import config, create_app
from kiosk.ca.connector import CertificateRequest, Reason
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Document, Subject
from kiosk.db import db, now, write
from kiosk.journal import Event, verify
from kiosk.orders import clerks, desk_cards
from kiosk.orders.desk_models import Clerk, ClerkSession, Standing
from kiosk.worker.clerk_card import CardDesk
from kiosk.worker.pins import Pins, PinServer
from kiosk.worker.world import World
from tests.clerk.staff import Browser, house_of, make
from tests.hardware import ukey_pcsc
from tests.hardware.ukey_parts import PIN, SUBJECT, new_id

pytestmark = pytest.mark.conformance
PATIENCE = 20.0
HTMX = {"HX-Request": "true"}


@dataclass
class Desk:
    """A kiosk's web and its clerk-card thread, at a real pcscd with a card in its virtual reader."""

    app: Flask
    card: Any
    ca: Path
    serial: str

    def browser(self) -> Browser:
        return Browser(self.app.test_client(), "/clerk")

    def seen(self) -> desk_cards.Seen:
        with self.app.app_context():
            return desk_cards.look(db.session())

    def until(self, true: Callable[[desk_cards.Seen], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not true(self.seen()):
            assert time.monotonic() < end, self.seen()
            time.sleep(0.05)

    def insert(self) -> None:
        self.card.insert()
        self.until(lambda seen: seen.present and bool(seen.fingerprint))

    def remove(self) -> None:
        self.card.remove()
        self.until(lambda seen: not seen.present)

    def settle(self, client: FlaskClient) -> TestResponse:
        """Ask as the page does until the card has answered; where that leads."""
        end = time.monotonic() + PATIENCE
        while True:
            answer = client.get("/clerk/card", headers=HTMX)
            if "HX-Redirect" in answer.headers:
                return answer
            assert "正在核对" in answer.get_data(as_text=True)
            assert time.monotonic() < end
            time.sleep(0.1)

    def sign_in(self, pin: str = PIN) -> tuple[Browser, TestResponse]:
        browser = self.browser()
        browser.post("/card", pin=pin)
        return browser, self.settle(browser.client)

    def said(self, browser: Browser) -> str:
        return browser.client.get("/clerk/sign-in").get_data(as_text=True)


def personalise(home: Path, card: ukey_pcsc.CardDesk) -> str:
    """A key pair made on the card and a certificate of the kiosk's own CA; its serial number."""
    EmbeddedCa.create(home / "ca", algorithm="rsa2048")
    card.personalise()
    on = {"serial": ukey_pcsc.SERIAL, "pin": PIN, "key_id": new_id()}
    card.call("generate", algorithm="rsa2048", **on)
    csr = card.call("request", subject=SUBJECT, **on)
    subject = Subject("李娜", "430903199003078515", Document.ID_CARD)
    with EmbeddedCa(home / "ca") as ca:
        issued = ca.submit(CertificateRequest("clerk-1", "sign", csr, subject, "personal", 1))
    card.call("write_certificate", cert_der=issued.certificate, **on)
    return issued.serial_hex


@pytest.fixture(scope="module")
def desk(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("card")
    home = shutil.copytree(empty_home, folder / "home")
    with ukey_pcsc.running(folder) as pcsc:
        maker = ukey_pcsc.CardDesk(pcsc, folder / "card")
        serial = personalise(home, maker)
        maker.child.close()
        maker.card.remove()
        devices = {"clerk_card_module": str(maker.module), "clerk_card_config": str(pcsc.home / "opensc.conf")}
        devices["pcsc_socket"] = str(pcsc.socket)
        app = create_app(config.load({}, home=str(home), simulators=False, devices=devices))
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        world, stopped = World(house_of(app).settings), threading.Event()
        watcher = CardDesk(app, house_of(app), world)
        server = PinServer(house_of(app).settings.run / "worker.sock", Pins(), lambda: None, watcher.put)
        thread = threading.Thread(target=watcher.run, args=(stopped,), daemon=True)
        server.start()
        thread.start()
        try:
            yield Desk(app, maker.card, home / "ca", serial)
        finally:
            stopped.set()
            thread.join(30)
            server.close()
            world.close()
            maker.card.remove()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


@pytest.fixture(scope="module")
def li_na(desk: Desk) -> str:
    """An account whose card an administrator enrolled at the kiosk, the holder typing the PIN."""
    make(desk.app, "li.na", "clerk")
    admin = make(desk.app, "chief", "admin").browser("clerk")
    desk.insert()
    admin.post("/cards", name="li.na", pin="000000")
    desk.settle(admin.client)
    assert "卡的密码不对" in admin.text("/cards")
    admin.post("/cards", name="li.na", pin=PIN)
    desk.settle(admin.client)
    page = admin.text("/cards")
    assert "已登记" in page
    assert desk.serial.upper() in page
    return "li.na"


def test_a_card_that_is_not_enrolled_or_only_lies_there_signs_nobody_in(desk: Desk) -> None:
    make(desk.app, "nobody.yet", "clerk")
    desk.until(lambda seen: seen.watched and not seen.present)
    assert "请把工作人员卡放入读卡器" in desk.said(desk.browser())
    desk.insert()
    browser = desk.browser()
    assert "没有登记" in desk.said(browser)
    browser.post("/card", pin=PIN)
    assert browser.get("/tasks").status_code == 303
    with desk.app.app_context():
        assert db.session.query(ClerkSession).count() == 0
    desk.remove()


def test_card_and_pin_sign_in_and_taking_it_away_signs_out(desk: Desk, li_na: str) -> None:
    assert "卡的密码（PIN）" in desk.said(desk.browser())
    browser, answer = desk.sign_in()
    assert answer.headers["HX-Redirect"] == "/clerk/"
    page = browser.text("/tasks")
    assert "clerk-banner" in page
    assert "/clerk/card/gone" in page
    assert browser.get("/card/gone").status_code == 204
    assert desk.browser().get("/tasks").status_code == 303
    desk.remove()
    gone = browser.client.get("/clerk/card/gone", headers=HTMX)
    assert gone.headers["HX-Redirect"] == "/"
    assert browser.get("/tasks").status_code == 303
    desk.insert()
    assert browser.get("/tasks").status_code == 303
    with desk.app.app_context():
        kinds = [event.kind for event in db.session.query(Event).order_by(Event.seq)]
        assert kinds[kinds.index("clerk.card_added") :] == ["clerk.card_added", "clerk.signed_in", "clerk.card_gone"]
        told = "".join(str(event.body) for event in db.session.query(Event))
        facts = "".join(str(row.value) for row in db.session.query(Standing))
        assert PIN not in told + facts
        assert verify(db.session())[1] is None


def test_a_proof_is_for_one_browser_and_used_once(desk: Desk, li_na: str) -> None:
    browser, answer = desk.sign_in()
    assert answer.headers["HX-Redirect"] == "/clerk/"
    stranger = desk.browser()
    with stranger.client.session_transaction() as cookie:
        cookie["card"] = "A" * 32
    assert stranger.client.get("/clerk/card", headers=HTMX).headers["HX-Redirect"].endswith("/sign-in")
    assert stranger.get("/tasks").status_code == 303
    assert browser.get("/tasks").status_code == 200
    browser.post("/sign-out")
    assert browser.get("/tasks").status_code == 303


def test_without_a_word_from_the_worker_nobody_stays_signed_in(desk: Desk, li_na: str) -> None:
    browser, _answer = desk.sign_in()
    assert browser.get("/tasks").status_code == 200
    late = now() + desk_cards.FRESH * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_cards, "now", lambda: late)
        assert browser.get("/tasks").status_code == 303
        assert "没有回应" in desk.said(desk.browser())


def test_wrong_pins_lock_the_account_before_the_card(desk: Desk, li_na: str) -> None:
    with desk.app.app_context(), write() as session:
        clerks.by_name(session, li_na).failed = clerks.TRIES - 1
    browser, _ = desk.sign_in("999111")
    assert "锁定" in desk.said(browser)
    browser = desk.browser()
    browser.post("/card", pin=PIN)
    assert browser.get("/tasks").status_code == 303
    with desk.app.app_context(), write() as session:
        assert session.query(Event).filter_by(kind="clerk.locked").count() == 1
        session.query(Clerk).filter_by(name=li_na).one().locked_until = None
    _browser, answer = desk.sign_in()
    assert answer.headers["HX-Redirect"] == "/clerk/"


def test_a_revoked_certificate_and_a_withdrawn_card(desk: Desk, li_na: str) -> None:
    browser, _answer = desk.sign_in()
    admin = make(desk.app, "chief.two", "admin").browser("admin")
    page = admin.text("/cards")
    name = page.split("/admin/cards/")[1].split("/withdraw")[0]
    admin.post(f"/cards/{name}/withdraw")
    assert browser.get("/tasks").status_code == 303
    assert "没有登记" in desk.said(desk.browser())
    second = make(desk.app, "chief.three", "admin").browser("clerk")
    second.post("/cards", name=li_na, pin=PIN)
    desk.settle(second.client)
    with EmbeddedCa(desk.ca) as ca:
        ca.revoke(desk.serial, Reason.KEY_COMPROMISE)
    browser, answer = desk.sign_in()
    assert answer.headers["HX-Redirect"].endswith("/sign-in")
    assert "已作废" in desk.said(browser)
    assert browser.get("/tasks").status_code == 303
