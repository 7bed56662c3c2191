"""Who may ask the centre what: pairing, signatures, and that a kiosk's credential reads nothing but its own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from kiosk.db import db, now, write
from kiosk.fleet import box, commands, dossiers, pairing, signing, wire
from kiosk.fleet.models import FleetFault, FleetInvite, FleetKey, FleetKiosk, FleetOrder
from kiosk.journal import Event
from kiosk.privacy import VaultError
from tests.clerk.conftest import ROLES
from tests.clerk.staff import Member
from tests.fleet.world import Station, house_of

Stations = Callable[..., Station]
STOCK = wire.StockTold(left=1, received=1, used=0, spoilt=0, level=20)
EMPTY = wire.Report(now=1, epoch=1, heartbeat=wire.Heartbeat(version="0", stock=STOCK))
FILL: dict[str, Any] = {"number": "K001261121100001", "digest": "0" * 64, "fence": 1}


def rules(app: Flask) -> list[tuple[str, Rule]]:
    adapter = app.url_map.bind("localhost")
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")]
    return [
        (str(adapter.build(rule.endpoint, {name: FILL[name] for name in rule.arguments}, method=method(rule))), rule)
        for rule in found
    ]


def method(rule: Rule) -> str:
    return next(name for name in ("POST", "PUT", "GET") if name in (rule.methods or ()))


class Caller:
    """Signs as one kiosk, straight at the centre's application."""

    def __init__(self, app: Flask, row: FleetKiosk, key: Any) -> None:
        self.client: FlaskClient = app.test_client()
        self.signer = signing.Signer(row.kiosk, row.credential, key)
        self.counter = 0

    def ask(self, verb: str, path: str, body: bytes = b"", **changed: str) -> TestResponse:
        self.counter += 1
        headers = self.signer.headers(verb, wire.API + path, self.counter, body) | changed
        return self.client.open(wire.API + path, method=verb, data=body, headers=headers)

    def sync(self, **facts: Any) -> TestResponse:
        return self.ask("POST", "/sync", EMPTY.model_copy(update=facts).model_dump_json().encode())


@pytest.fixture
def callers(centre: Flask) -> Callable[..., Caller]:
    def make(kiosk: str, hall: str = "yiyang") -> Caller:
        key = signing.Ed25519PrivateKey.generate()
        with centre.app_context(), write() as session:
            code = pairing.invite(session, "C001", kiosk, hall, "", "test")
            asked = wire.Pairing(code=code, kiosk=kiosk, epoch=1, public_key=key.public_key().public_bytes_raw().hex())
            row = pairing.pair(session, asked)
            session.flush()
            session.expunge(row)
        return Caller(centre, row, key)

    return make


# -- pairing --------------------------------------------------------------------------------------


def wanted(code: str, kiosk: str = "K001") -> dict[str, Any]:
    return {"code": code, "kiosk": kiosk, "epoch": 1, "public_key": "ab" * 32}


def test_a_code_pairs_one_kiosk_once(centre: Flask) -> None:
    client = centre.test_client()
    with centre.app_context(), write() as session:
        code = pairing.invite(session, "C001", "K001", "yiyang", "", "test")
    assert client.post("/api/v1/pair", json=wanted(code, "K002")).status_code == 403
    assert client.post("/api/v1/pair", json=wanted(code[:-1] + ("2" if code[-1] != "2" else "3"))).status_code == 403
    good = client.post("/api/v1/pair", json=wanted(code.replace("-", "").lower()))
    assert good.status_code == 200
    assert bytes.fromhex(good.get_json()["box_key"]) == box.public_key(house_of(centre).vault)
    assert client.post("/api/v1/pair", json=wanted(code)).status_code == 403
    with centre.app_context():
        assert code.replace("-", "") not in repr([vars(one) for one in db.session.query(FleetInvite)])
        kinds = [one.kind for one in db.session.query(Event).order_by(Event.seq)]
        assert kinds.count("fleet.paired") == 1
        assert kinds.count("fleet.pairing_refused") == 3


def test_a_code_runs_out_and_an_earlier_one_is_void(centre: Flask) -> None:
    client = centre.test_client()
    with centre.app_context(), write() as session:
        first = pairing.invite(session, "C001", "K001", "yiyang", "", "test")
        second = pairing.invite(session, "C001", "K001", "yiyang", "", "test")
    assert client.post("/api/v1/pair", json=wanted(first)).status_code == 403
    with centre.app_context(), write() as session:
        row = session.query(FleetInvite).filter(FleetInvite.used_at.is_(None)).one()
        row.expires_at = now() - dt.timedelta(seconds=1)
    assert client.post("/api/v1/pair", json=wanted(second)).status_code == 403


def test_guessing_codes_is_slowed_down(centre: Flask) -> None:
    client = centre.test_client()
    answers = [client.post("/api/v1/pair", json=wanted(f"AAAAA-{n:05d}")).status_code for n in range(25)]
    assert answers[:20] == [403] * 20
    assert set(answers[20:]) == {429}


# -- signatures -----------------------------------------------------------------------------------


def test_every_address_says_who_may_ask_and_refuses_everybody_else(
    centre: Flask, staff: dict[str, Member], callers: Callable[..., Caller]
) -> None:
    found = rules(centre)
    assert len(found) >= 5
    callers("K001")
    browsers = {role: staff[role].browser().client for role in ROLES}
    for path, rule in found:
        caller = centre.view_functions[rule.endpoint].caller  # type: ignore[attr-defined]
        if caller == "anybody":
            assert rule.endpoint == "api.pair"
            continue
        assert centre.test_client().open(path, method=method(rule)).status_code == 401, rule
        for role, browser in browsers.items():
            assert browser.open(path, method=method(rule)).status_code == 401, (role, rule)


def test_only_the_kiosk_itself_is_believed_and_only_once(centre: Flask, callers: Callable[..., Caller]) -> None:
    one, other = callers("K001"), callers("K002")
    assert one.sync().status_code == 200
    assert one.sync().status_code == 200
    body = EMPTY.model_dump_json().encode()
    old = one.signer.headers("POST", "/api/v1/sync", one.counter, body)
    again = one.client.post("/api/v1/sync", data=body, headers=old)
    assert (again.status_code, again.get_json()) == (409, {"code": "old_counter", "counter": one.counter})
    forged = {
        "another kiosk's name": {"X-Kiosk": "K002", "X-Credential": other.signer.credential},
        "no such kiosk": {"X-Kiosk": "K003"},
        "another credential": {"X-Credential": "0" * 16},
        "another counter": {"X-Counter": "99"},
        "no counter": {"X-Counter": ""},
        "a Chinese counter": {"X-Counter": "99".translate({57: "９"}).encode().decode("latin-1")},
        "no signature": {"X-Signature": ""},
        "not base64": {"X-Signature": "***"},
    }
    for what, headers in forged.items():
        assert one.ask("POST", "/sync", body, **headers).status_code == 401, what
    signed = one.signer.headers("POST", "/api/v1/sync", 1000, body)
    assert one.client.post("/api/v1/sync", data=body + b" ", headers=signed).status_code == 401
    assert one.client.post("/api/v1/sync?x=1", data=body, headers=signed).status_code == 401
    assert one.client.get("/api/v1/catalogue", headers=signed).status_code == 401


def test_a_revoked_kiosk_is_told_so_and_nothing_else(centre: Flask, callers: Callable[..., Caller]) -> None:
    one = callers("K001")
    with centre.app_context(), write() as session:
        pairing.revoke(session, "K001")
    for path, rule in rules(centre):
        if rule.endpoint != "api.pair":
            answer = one.ask(method(rule), path.removeprefix(wire.API))
            assert (answer.status_code, answer.get_json()) == (401, {"code": "revoked"}), rule
    again = callers("K001")
    assert again.sync().status_code == 200
    assert one.sync().status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"now":1}',
        EMPTY.model_dump_json().replace('"left":1', '"left":1e99').encode(),
        EMPTY.model_dump_json().replace('"epoch":1', '"epoch":0').encode(),
        EMPTY.model_dump_json()[:-1].encode() + b',"more":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_malformed_is_refused_and_uses_up_nothing(
    centre: Flask, callers: Callable[..., Caller], body: bytes
) -> None:
    one = callers("K001")
    answer = one.ask("POST", "/sync", body)
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "malformed"


def test_what_is_too_large_is_refused(centre: Flask, callers: Callable[..., Caller]) -> None:
    assert callers("K001").ask("POST", "/sync", b" " * (wire.LARGEST + 1)).status_code == 413


# -- nothing but its own --------------------------------------------------------------------------


def test_a_stolen_credential_reads_nothing_but_its_own(
    centre: Flask, stations: Stations, callers: Callable[..., Caller]
) -> None:
    """K001 is honest and has an order under review; whoever stole K002's key asks for everything there is."""
    honest, thief = stations("K001"), callers("K002")
    secret = "湖南测试科技有限公司"
    number = honest.open_order(form={"unit_name": secret, "mobile": "13812345678"})
    honest.move(number, "paying", "paid")
    honest.push()
    honest.push()
    with centre.app_context(), write() as session:
        assert session.query(FleetKey).count() > 0
        commands.give(session, "K001", "self_test", {}, "admin.one")
    seen = [thief.sync().get_data(as_text=True)]
    told = json.loads(seen[0])
    assert (told["commands"], told["wanted"], told["release"]) == ([], [], [])
    plain = dossiers.Dossier(seq=1, service="x").model_dump_json().encode()
    sealed = box.seal(box.public_key(house_of(centre).vault), plain, dossiers.place(number, "K002"))
    picture = box.seal(box.public_key(house_of(centre).vault), b"x", dossiers.file_place(number, "0" * 64, "K002"))
    for verb, path, body in (
        ("PUT", f"/orders/{number}/dossier", sealed),
        ("PUT", f"/orders/{number}/files/{'0' * 64}", picture),
    ):
        answer = thief.ask(verb, path, body)
        assert (answer.status_code, answer.get_json()) == (404, {"code": "unknown_order"}), path
        seen.append(answer.get_data(as_text=True))
    for method_ in ("GET", "POST", "PUT", "DELETE"):
        for path in ("/orders", f"/orders/{number}", f"/orders/{number}/dossier", "/kiosks/K001", "/events"):
            answer = thief.ask(method_, path, b"")
            assert answer.status_code in (404, 405, 422), (method_, path)
            seen.append(answer.get_data(as_text=True))
    mine = [wire.Answer(id=n, ok=True, text="mine") for n in range(1, 20)]
    assert thief.sync(answers=mine).status_code == 200
    with centre.app_context():
        assert [one.state for one in commands.newest(db.session(), "K001")] == ["open"]
        assert db.session.query(FleetOrder).one().holder == "K001"
        assert db.session.query(Event).filter_by(kiosk="K002").count() == 0
    assert not any(word in text for text in seen for word in (secret, "13812345678", "self_test"))


def test_a_kiosk_tells_events_of_its_own_orders_alone(centre: Flask, stations: Stations) -> None:
    one, other = stations("K001"), stations("K002")
    number = one.open_order()
    one.push()
    other.happen(1, "order.opened", number, scheme="yiyang", service="renew", kind="unit")
    other.happen(1, "order.moved", number, to="done")
    other.push()
    with centre.app_context():
        order = db.session.query(FleetOrder).one()
        assert (order.kiosk, order.holder, order.state) == ("K001", "K001", "draft")
        found = [(one.kiosk, one.code) for one in db.session.query(FleetFault)]
        assert found == [("K002", "fenced")]


# -- boxes ----------------------------------------------------------------------------------------


def test_a_box_opens_for_its_receiver_at_its_place_alone(centre: Flask) -> None:
    vault = house_of(centre).vault
    own = box.centre_key(vault)
    sealed = box.seal(box.public_key(vault), "明文".encode(), "dossier.A")
    assert box.open_box(own, sealed, "dossier.A").decode() == "明文"
    assert sealed != box.seal(box.public_key(vault), "明文".encode(), "dossier.A")
    for wrong in (sealed[:-1], sealed[:50], b"", b"\x02" + sealed[1:], sealed[:40] + b"\x00" + sealed[41:]):
        with pytest.raises(VaultError):
            box.open_box(own, wrong, "dossier.A")
    with pytest.raises(VaultError):
        box.open_box(own, sealed, "dossier.B")
