"""What the centre orders, a kiosk does once: commands, review decisions, the catalogue."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from kiosk.db import db, now, write
from kiosk.fleet import commands, dossiers
from kiosk.fleet.line import Cut, Line
from kiosk.fleet.models import FleetCommand, FleetDossier, FleetOrder
from kiosk.journal import Event
from kiosk.orders import standing
from kiosk.orders.models import Effect, Material, Order, Paper, Task
from tests.clerk.staff import Member, make
from tests.fleet.world import Station, house_of

Stations = Callable[..., Station]


def given(centre: Flask, kiosk: str = "K001") -> list[tuple[str, str, str]]:
    with centre.app_context():
        return [(one.kind, one.state, one.code) for one in reversed(commands.newest(db.session(), kiosk))]


def test_out_of_service_and_back(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one, browser = stations("K001"), staff["admin"].browser()
    one.push()
    browser.post("/kiosks/K001/do", kind="out", reason="no_paper")
    browser.post("/kiosks/K001/do", kind="out", reason="")
    one.push()
    with one.app.app_context():
        assert standing.out_of_service(db.session()) == "no_paper"
        event = db.session.query(Event).filter_by(kind="kiosk.out").one()
        assert event.body["clerk"] == "centre/admin.one"
    one.push()
    assert "暂停服务" in browser.text("/")
    browser.post("/kiosks/K001/do", kind="in")
    one.push()
    with one.app.app_context():
        assert standing.out_of_service(db.session()) is None
    assert given(centre) == [("out", "done", ""), ("in", "done", "")]


def test_restart_self_test_and_logs(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one, browser = stations("K001"), staff["admin"].browser()
    (one.house.settings.home / "log").mkdir()
    (one.house.settings.home / "log" / "worker.log").write_text("x" * 100_000 + "\nthe last line\n", "utf-8")
    for kind in ("self_test", "logs", "restart", "format_disk"):
        browser.post("/kiosks/K001/do", kind=kind)
    one.push()
    one.push()
    assert one.restarts == 1
    assert given(centre) == [("self_test", "done", ""), ("logs", "done", ""), ("restart", "done", "")]
    with centre.app_context():
        number = db.session.query(FleetCommand.id).filter_by(kind="logs").scalar()
    text = browser.text(f"/kiosks/K001/logs/{number}")
    assert text.endswith("the last line\n")
    assert len(text) < 70_000
    assert staff["clerk"].browser().get(f"/kiosks/K001/logs/{number}").status_code == 403


def test_a_command_is_done_once_though_every_answer_is_lost(
    centre: Flask, staff: dict[str, Member], stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stations("K001")
    number = one.open_order()
    with one.app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        session.add(Paper(order_id=order.id, code="receipt", file="0" * 64, printed="yes"))
    one.move(number, "paying", "paid", "writing", "done")
    one.push()
    staff["clerk"].browser().post(f"/fleet/orders/{number}/reprint", paper="receipt")
    call = Line._once

    def heard_but_cut_later(self: Line, *words: Any) -> bytes:
        answer = call(self, *words)
        if one.line._report().answers:
            raise Cut("the answer is lost")
        return answer

    monkeypatch.setattr(Line, "_once", heard_but_cut_later)
    one.line.step()
    for _ in range(3):
        with pytest.raises(Cut):
            one.line.step()
        one.forget()
    monkeypatch.undo()
    one.push()
    assert given(centre) == [("reprint", "done", "")]
    with one.app.app_context():
        assert db.session.query(Effect).filter_by(kind="print.receipt").count() == 1
        assert db.session.query(Event).filter_by(kind="centre.command").count() == 1


def test_what_cannot_be_done_is_answered_with_the_reason(
    centre: Flask, staff: dict[str, Member], stations: Stations
) -> None:
    one = stations("K001")
    number = one.open_order()
    one.push()
    with centre.app_context(), write() as session:
        commands.give(session, "K001", "reprint", {"order": number, "paper": "receipt"}, "admin.one")
        commands.give(session, "K001", "review", {"order": number, "decision": "approve", "level": "x"}, "admin.one")
        commands.give(session, "K001", "reprint", {"order": "K001000000000000"}, "admin.one")
    one.push()
    assert [one[1:] for one in given(centre)] == [
        ("failed", "no_paper"),
        ("failed", "not_in_review"),
        ("failed", "no_order"),
    ]


# -- review ---------------------------------------------------------------------------------------


CARD = {"name": "王俊轩", "number": "430903199003078515"}


def waits_for_review(one: Station) -> tuple[str, bytes]:
    """A paid order with a picture, before its first reviewer."""
    picture = b"\xff\xd8" + bytes(range(256)) * 40
    scheme, service = next(
        (scheme.code, service.code)
        for scheme in one.house.catalogue.schemes.values()
        for service in scheme.services.values()
        if len(service.review) == 2 and service.operation == "new"
    )
    number = one.open_order(
        scheme, service, form={"unit_name": "湖南测试科技有限公司", "mobile": "13812345678"}, card=CARD
    )
    with one.app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        digest = one.house.put_file(order, picture)
        code = next(iter(one.house.offer(order)[2].materials)).code
        session.add(Material(order_id=order.id, code=code, state="good", picture=digest))
        session.flush()
    one.move(number, "paying", "paid")
    with one.app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        one.house.task(session, "review", {}, order)
    return number, picture


def level(one: Station, number: str) -> str | None:
    from kiosk.orders import review

    with one.app.app_context():
        found = review.open_level(one.house, db.session.query(Order).filter_by(number=number).one())
        return found.code if found else None


def test_two_levels_are_approved_at_the_centre_by_two_people(
    centre: Flask, staff: dict[str, Member], stations: Stations
) -> None:
    one, first = stations("K001"), staff["reviewer"].browser()
    second = make(centre, "reviewer.two", "reviewer").browser()
    number, picture = waits_for_review(one)
    one.push()
    one.push()
    page = first.text(f"/fleet/reviews/{number}")
    assert "湖南测试科技有限公司" in page
    digest = hashlib.sha256(picture).hexdigest()
    assert first.get(f"/fleet/reviews/{number}/picture/{digest}").data == picture
    assert staff["auditor"].browser().get(f"/fleet/reviews/{number}/picture/{digest}").status_code == 403
    level_one = str(level(one, number))
    first.post(f"/fleet/reviews/{number}", decision="approve", level="another")
    first.post(f"/fleet/reviews/{number}", decision="approve", level=level_one)
    first.post(f"/fleet/reviews/{number}", decision="approve", level=level_one)
    assert [state for _kind, state, _code in given(centre)] == ["open"]
    one.push()
    one.push()
    level_two = str(level(one, number))
    assert level_two not in (level_one, "None")
    answer = first.client.post(
        f"/admin/fleet/reviews/{number}", data={"decision": "approve", "level": level_two}, follow_redirects=True
    )
    assert "两级审核须由两个人完成" in answer.get_data(as_text=True)
    second.post(f"/fleet/reviews/{number}", decision="approve", level=level_two)
    one.push()
    one.push()
    with one.app.app_context():
        order = db.session.query(Order).filter_by(number=number).one()
        assert order.progress["reviewed"]
        assert db.session.query(Task).filter_by(kind="review").one().closed_by == "centre/reviewer.two"
        names = [one.body["clerk"] for one in db.session.query(Event).filter_by(kind="review.approved")]
        assert sorted(names) == ["centre/reviewer.one", "centre/reviewer.two"]
    with centre.app_context():
        assert db.session.query(FleetOrder).one().review == ""
    assert "没有等待审核" in first.text("/fleet/reviews")
    assert first.get(f"/fleet/reviews/{number}/picture/{digest}").status_code == 404


def test_an_order_is_sent_back_with_a_reason(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one, browser = stations("K001"), staff["reviewer"].browser()
    number, _picture = waits_for_review(one)
    one.push()
    one.push()
    with centre.app_context():
        found = dossiers.read(db.session(), house_of(centre).vault, number)[1]
        assert found is not None
        assert found.review is not None
        material = next(iter(found.review.materials))
    browser.post(f"/fleet/reviews/{number}", decision="reject", material="x", reason="no_seal")
    browser.post(f"/fleet/reviews/{number}", decision="reject", material=material, reason="x")
    assert given(centre) == []
    browser.post(f"/fleet/reviews/{number}", decision="reject", material=material, reason="no_seal")
    one.push()
    with one.app.app_context():
        order = db.session.query(Order).filter_by(number=number).one()
        assert (order.state, order.note) == ("draft", "rejected")
        assert one.house.data(order)["rejected"]["reason"] == "没有盖章或签名"


def test_decided_here_and_meanwhile_at_the_kiosk(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    """Whoever is second is told; the order is decided once."""
    from kiosk.orders import review

    one = stations("K001")
    number, _picture = waits_for_review(one)
    one.push()
    one.push()
    code = str(level(one, number))
    staff["reviewer"].browser().post(f"/fleet/reviews/{number}", decision="approve", level=code)
    with one.app.app_context(), write() as session:
        review.approve(session, one.house, session.query(Order).filter_by(number=number).one(), code, "local.one")
    one.push()
    one.push()
    assert given(centre) == [("review", "failed", "unknown_level")]
    with centre.app_context():
        assert db.session.query(FleetOrder).one().review == "waiting"


def test_dossiers_are_shredded_after_their_time(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    number, picture = waits_for_review(one)
    one.push()
    one.push()
    one.move(number, "writing", "done")
    one.push()
    with centre.app_context(), write() as session:
        order = session.query(FleetOrder).filter_by(number=number).one()
        order.changed_at = session.get_one(FleetDossier, number).at = now() - dt.timedelta(days=31)
    runner = centre.test_cli_runner()
    assert "shredded 1 dossiers" in runner.invoke(args=["fleet", "shred", "--days", "30"]).output
    with centre.app_context():
        assert dossiers.read(db.session(), house_of(centre).vault, number)[1] is None
        assert not house_of(centre).files.has(number, hashlib.sha256(picture).hexdigest())
    assert "chain whole" in runner.invoke(args=["audit", "verify"]).output


# -- catalogue ------------------------------------------------------------------------------------


def test_a_price_published_at_the_centre_is_asked_at_the_kiosk(
    centre: Flask, staff: dict[str, Member], stations: Stations
) -> None:
    one, first = stations("K001"), staff["admin"].browser()
    before = one.open_order()
    one.push()
    first.post("/catalogue/scheme/yiyang", **{"fee-renew-unit-0": "210.50"})
    make(centre, "admin.two", "admin").browser().post("/catalogue/draft/1", decision="approve")
    one.push()
    assert one.house.catalogue.version == house_of(centre).catalogue.version
    after = one.open_order()
    with one.app.app_context():
        orders = {row.number: row for row in db.session.query(Order)}
        assert one.house.offer(orders[before])[2].price(1) == 20000
        assert one.house.offer(orders[after])[2].price(1) == 21050
        assert db.session.query(Event).filter_by(kind="catalogue.pulled").count() == 1
    one.push()
    with one.app.app_context():
        assert db.session.query(Event).filter_by(kind="catalogue.pulled").count() == 1
