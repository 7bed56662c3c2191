"""Accounts: made on the machine, two factors, lock-out, rate limit, idle time, revocation."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from flask import Flask

from kiosk.db import db, now, write
from kiosk.journal import Event, verify
from kiosk.orders import clerks
from kiosk.orders.desk_models import Clerk, ClerkSession
from tests.clerk.staff import PASSWORD, Browser, Member, csrf_of, make


def kinds(app: Flask) -> list[str]:
    with app.app_context():
        return [event.kind for event in db.session.query(Event).order_by(Event.seq)]


def test_there_is_no_account_until_one_is_made(app: Flask) -> None:
    with app.app_context():
        assert db.session.query(Clerk).count() == 0


def test_the_command_makes_an_account_and_prints_its_secret_once(app: Flask) -> None:
    runner = app.test_cli_runner()
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    made = runner.invoke(args=["clerk", "add", "li.na", "--role", "clerk", "--display", "李娜"], input=typed)
    assert made.exit_code == 0, made.output
    assert made.output.count("otpauth://totp/") == 1
    listed = runner.invoke(args=["clerk", "list"])
    assert "li.na" in listed.output
    assert "otpauth" not in listed.output
    again = runner.invoke(args=["clerk", "add", "li.na", "--role", "clerk"], input=typed)
    assert again.exit_code == 1
    weak = runner.invoke(args=["clerk", "add", "weak", "--role", "clerk"], input="short\nshort\n")
    assert weak.exit_code == 1
    assert "10 characters" in weak.output


def attempt(app: Flask, name: str, password: str, code: str) -> Any:
    return app.test_client().post("/admin/sign-in", data={"name": name, "password": password, "code": code})


def test_password_and_code_are_both_needed_and_a_code_works_once(app: Flask) -> None:
    one = make(app, "wang", "clerk")
    code = one.code()
    assert attempt(app, "wang", "wrong password", code).status_code == 422
    assert attempt(app, "wang", PASSWORD, "000000").status_code == 422
    assert attempt(app, "wang", PASSWORD, code).status_code == 303
    assert attempt(app, "wang", PASSWORD, code).status_code == 422
    assert "clerk.signed_in" in kinds(app)


def test_a_refusal_does_not_tell_whether_the_account_exists(app: Flask) -> None:
    make(app, "wang", "clerk")
    known = attempt(app, "wang", "wrong password", "123456").get_data(as_text=True)
    unknown = attempt(app, "nobody", "wrong password", "123456").get_data(as_text=True)
    once = r'name="csrf_token" value="[^"]+"|data-options="[^"]+"'
    known, unknown = (re.sub(once, "", page) for page in (known, unknown))
    assert known.replace("wang", "") == unknown.replace("nobody", "")


def test_five_refusals_lock_the_account_even_for_the_right_password(app: Flask) -> None:
    one = make(app, "wang", "clerk")
    for _ in range(5):
        attempt(app, "wang", "wrong password", "000000")
    assert attempt(app, "wang", PASSWORD, one.code()).status_code == 422
    assert "clerk.locked" in kinds(app)
    with app.app_context(), write() as session:
        clerks.by_name(session, "wang").locked_until = now() - dt.timedelta(seconds=1)
    assert attempt(app, "wang", PASSWORD, one.code()).status_code == 303


def test_one_address_may_not_try_for_ever(app: Flask) -> None:
    one = make(app, "wang", "clerk")
    for number in range(clerks.RATE):
        attempt(app, f"guess{number}", "wrong password", "000000")
    page = attempt(app, "wang", PASSWORD, one.code())
    assert page.status_code == 422
    assert "10 分钟" in page.get_data(as_text=True)


@pytest.mark.parametrize(("place", "minutes"), [("clerk", 3), ("admin", 15)])
def test_an_idle_session_ends(app: Flask, staff: dict[str, Member], place: str, minutes: int) -> None:
    browser = staff["clerk"].browser(place)
    assert browser.get("/tasks").status_code == 200
    with app.app_context(), write() as session:
        for one in session.query(ClerkSession):
            one.seen_at = now() - dt.timedelta(minutes=minutes, seconds=1)
    assert browser.get("/tasks").status_code == 303


def test_an_administrator_revokes_sessions_and_shuts_accounts(app: Flask, staff: dict[str, Member]) -> None:
    victim, admin = staff["clerk"].browser(), staff["admin"].browser()
    admin.post("/staff/clerk.one", what="revoke")
    assert victim.get("/tasks").status_code == 303
    victim = staff["clerk"].browser()
    admin.post("/staff/clerk.one", what="disable")
    assert victim.get("/tasks").status_code == 303
    assert attempt(app, "clerk.one", PASSWORD, staff["clerk"].code()).status_code == 422
    admin.post("/staff/admin.one", what="disable")
    assert admin.get("/staff").status_code == 200


def test_signing_out_ends_the_session_on_the_server(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["clerk"].browser()
    token = browser.client.get_cookie("staff", path="/admin").value  # type: ignore[union-attr]
    browser.post("/sign-out")
    other = Browser(app.test_client(), "/admin")
    other.client.set_cookie("staff", token, path="/admin")
    assert other.get("/tasks").status_code == 303


def test_secrets_are_sealed_and_events_whole(app: Flask, staff: dict[str, Member]) -> None:
    staff["admin"].browser()
    with app.app_context():
        row = db.session.query(Clerk).filter_by(name="admin.one").one()
        assert staff["admin"].secret.encode() not in row.totp
        assert row.password.startswith("$argon2id$")
        events = "".join(str(event.body) for event in db.session.query(Event))
        assert staff["admin"].secret not in events
        assert PASSWORD not in events
        assert verify(db.session())[1] is None


def test_a_form_without_its_token_is_refused(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["clerk"].browser()
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser.post("/machine/self-test").status_code == 400
    token = csrf_of(browser.text("/machine"))
    assert browser.post("/machine/self-test", csrf_token=token).status_code == 303


def test_an_account_serves_its_own_hall(app: Flask, staff: dict[str, Member]) -> None:
    at_home, elsewhere, everywhere = make(app, "one", "admin"), make(app, "two", "clerk"), make(app, "three", "clerk")
    with app.app_context(), write() as session:
        clerks.by_name(session, "two").hall = "changsha"
        clerks.by_name(session, "three").hall = clerks.EVERY_HALL
    for place in ("clerk", "admin"):
        client = app.test_client()
        form = {"name": "two", "password": PASSWORD, "code": elsewhere.code()}
        assert client.post(f"/{place}/sign-in", data=form).status_code == 422
        everywhere.browser(place)
    assert "two" in at_home.browser().text("/staff")


def test_a_chief_of_one_hall_has_no_say_in_another(app: Flask, staff: dict[str, Member]) -> None:
    chief = staff["admin"].browser()
    make(app, "far.away", "clerk")
    with app.app_context(), write() as session:
        clerks.by_name(session, "far.away").hall = "changsha"
        clerks.by_name(session, "admin.one").hall = "loudi"
    assert "far.away" not in chief.text("/staff")
    chief.post("/staff/far.away", what="disable")
    with app.app_context():
        assert not clerks.by_name(db.session(), "far.away").disabled


def test_each_session_is_listed_and_can_be_ended(app: Flask, staff: dict[str, Member]) -> None:
    here, lost = staff["auditor"].browser(), staff["auditor"].browser("clerk")
    page = here.text("/keys")
    assert page.count("/revoke") == 2
    digests = dict.fromkeys(re.findall(r"/admin/sessions/(\w{64})/revoke", page))
    stranger, admin = staff["clerk"].browser(), staff["admin"].browser()
    for digest in digests:
        stranger.post(f"/sessions/{digest}/revoke")
    assert lost.get("/stock").status_code == 200
    with app.app_context():
        kiosk = next(one.digest for one in db.session.query(ClerkSession).filter_by(place="kiosk"))
    here.post(f"/sessions/{kiosk}/revoke")
    assert lost.get("/stock").status_code == 303
    assert here.get("/keys").status_code == 200
    (mine,) = [digest for digest in digests if digest != kiosk]
    assert mine in admin.text("/staff")
    admin.post(f"/sessions/{mine}/revoke", back="staff")
    assert here.get("/keys").status_code == 303
    assert kinds(app).count("clerk.revoked") == 2
