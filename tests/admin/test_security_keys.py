"""Security keys in a real browser with its virtual authenticator: registered, used beside the password, taken off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from kiosk.db import db, now, write
from kiosk.journal import Event, verify
from kiosk.orders import desk_facts, desk_keys
from kiosk.orders.desk_acts import DeskRefused
from tests.browser.conftest import browser
from tests.clerk.staff import PASSWORD, Member, house_of, make
from tests.serving import serving

__all__ = ["browser"]
pytestmark = pytest.mark.browser


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    """The application at ``localhost``: a key is bound to a host name, and browsers give none to an IP address."""
    with serving(app, "localhost") as address:
        yield address


class Desk:
    """A page with a security key plugged in."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True}
        more = {"isUserVerified": True, "automaticPresenceSimulation": True}
        self.key = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, **more}})[
            "authenticatorId"
        ]

    def credentials(self) -> list[dict[str, Any]]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.key})
        return list(found["credentials"])

    def fill(self, name: str, password: str = PASSWORD) -> None:
        self.page.goto(f"{self.base}/admin/sign-in")
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", password)

    def with_code(self, member: Member) -> None:
        self.fill(member.name)
        self.page.fill("[name=code]", member.code())
        self.page.click("button[type=submit]")
        self.page.wait_for_url(f"{self.base}/admin/")

    def with_key(self, name: str, password: str = PASSWORD) -> None:
        """Type name and password, and press the button of the security key; returns when the answer is there."""
        self.fill(name, password)
        with self.page.expect_navigation():
            self.page.click("[data-key-button]")

    def sign_out(self) -> None:
        self.page.click("form.office-me button")
        self.page.wait_for_url("**/sign-in")


@pytest.fixture
def desk(served: str, browser: Browser) -> Iterator[Desk]:
    context = browser.new_context()
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield Desk(page, served)
    context.close()
    assert faults == []


def test_a_key_is_registered_and_stands_for_the_code(app: Flask, desk: Desk) -> None:
    member, other = make(app, "wang", "auditor"), make(app, "zhao", "clerk")
    desk.with_code(member)
    desk.page.click("form.office-me a")
    assert not desk.page.is_visible("[data-key-failed]")
    desk.page.fill("[name=label]", "办公室的密钥")
    with desk.page.expect_navigation():
        desk.page.click("[data-key-button]")
    assert "办公室的密钥" in desk.page.content()
    assert len(desk.credentials()) == 1
    desk.sign_out()

    desk.with_key("wang", "wrong password")
    assert "不对" in desk.page.inner_text(".said.bad >> nth=0")
    desk.with_key(other.name)
    assert "/sign-in" in desk.page.url
    desk.with_key("wang")
    assert desk.page.url == f"{desk.base}/admin/"
    with app.app_context():
        signed = [event.body for event in db.session.query(Event).filter_by(kind="clerk.signed_in")]
        assert [body["factor"] for body in signed] == ["totp", "webauthn"]
        assert db.session.query(Event).filter_by(kind="clerk.refused").count() == 2
        assert desk_keys.keys(db.session())[0]["count"] > 0
        assert verify(db.session())[1] is None

    desk.page.goto(f"{desk.base}/admin/keys")
    with desk.page.expect_navigation():
        desk.page.click("button:has-text('删除')")
    desk.sign_out()
    desk.with_key("wang")
    assert "/sign-in" in desk.page.url


def test_an_answer_is_taken_once_and_only_for_its_page(app: Flask, desk: Desk) -> None:
    member = make(app, "wang", "auditor")
    desk.with_code(member)
    desk.page.goto(f"{desk.base}/admin/keys")
    with desk.page.expect_navigation():
        desk.page.click("[data-key-button]")
    desk.sign_out()
    posted: list[dict[str, str]] = []
    desk.page.on("request", lambda asked: posted.append(_fields(asked)) if asked.method == "POST" else None)
    desk.with_key("wang")
    answer = next(form["credential"] for form in posted if form.get("credential"))
    place = ("localhost", desk.base)
    options = json.loads(answer)["response"]["clientDataJSON"]
    challenge = json.loads(desk_keys._bytes(options))["challenge"]
    kept = {"challenge": challenge, "at": int(now().timestamp())}
    with app.app_context(), write() as session:
        assert not desk_keys.proven(session, place, kept, answer, "wang")
        (name,) = desk_facts.listed(session, desk_keys.KEYS)
        fresh = {**(desk_facts.get(session, name) or {}), "used": [], "count": 0}
        for where, before, whose in (
            (("evil.example", "https://evil.example"), kept, "wang"),
            (place, kept, "zhao"),
            (place, None, "wang"),
            (place, {**kept, "at": kept["at"] - 600}, "wang"),
            (place, {**kept, "challenge": "AAAA"}, "wang"),
            (place, kept, "wang"),
        ):
            desk_facts.put(session, name, fresh)
            proven = desk_keys.proven(session, where, before, answer, whose)
            assert proven == (where == place and before == kept and whose == "wang")
        assert not desk_keys.proven(session, place, kept, answer, "wang")


def _fields(asked: Any) -> dict[str, str]:
    return dict(asked.post_data_json or {})


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "x" * 20_000, '{"id": 5}', '{"id": "AA", "rawId": "AA", "type": "x"}']
)
def test_nonsense_is_refused(app: Flask, answer: str) -> None:
    make(app, "wang", "auditor")
    here, place = house_of(app), ("localhost", "http://localhost")
    with app.app_context(), write() as session:
        clerk = session.query(desk_keys.Clerk).one()
        _text, kept = desk_keys.new_options(session, here, clerk, place)
        with pytest.raises(DeskRefused):
            desk_keys.register(session, here, clerk, place, kept, answer, "")
        assert not desk_keys.proven(session, place, kept, answer, "wang")
