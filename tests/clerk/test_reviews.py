"""The review queue: levels in order, each by somebody else, a reason that names the material."""

from __future__ import annotations

from flask import Flask

from kiosk.db import db, write
from kiosk.journal import Event
from kiosk.orders import fulfil, review
from kiosk.orders.models import Material, Order, Task
from kiosk.orders.states import State
from tests.clerk.staff import Member, house_of, make, open_order, order_row


def submitted(app: Flask) -> str:
    """A paid order of a scheme with review, one material scanned."""
    house = house_of(app)
    scheme, service = next(
        (scheme.code, service.code)
        for scheme in house.catalogue.schemes.values()
        for service in scheme.services.values()
        if len(service.review) == 2 and service.offers.get("unit")  # type: ignore[call-overload]
    )
    number = open_order(app, service, "unit", scheme=scheme)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        digest = house.put_file(order, b"\x89PNG licence")
        session.add(Material(order_id=order.id, code="licence", state="kept", picture=digest))
        house.move(session, order, State.PAID)
        fulfil.accepted(session, house, order)
    return number


def test_two_levels_by_two_people(app: Flask, staff: dict[str, Member]) -> None:
    number = submitted(app)
    first, second = staff["reviewer"].browser(), make(app, "reviewer.two", "reviewer").browser()
    page = first.text(f"/reviews/{number}")
    assert "湖南测试科技有限公司" in page
    with app.app_context():
        levels = [level.code for level in house_of(app).offer(order_row(number))[1].review]
        shown = db.session.query(Event).filter_by(kind="personal.shown").one()
        assert shown.body["clerk"] == "reviewer.one"
    first.post(f"/reviews/{number}", decision="approve", level=levels[0])
    first.post(f"/reviews/{number}", decision="approve", level=levels[1])
    with app.app_context():
        assert not order_row(number).progress.get("reviewed")
    second.post(f"/reviews/{number}", decision="approve", level=levels[1])
    with app.app_context():
        assert order_row(number).progress.get("reviewed")
        assert db.session.query(Task).filter_by(kind="review").one().closed_at is not None


def test_a_rejection_names_the_material_and_why(app: Flask, staff: dict[str, Member]) -> None:
    number, browser = submitted(app), staff["reviewer"].browser()
    browser.post(f"/reviews/{number}", decision="reject", **{"bad-licence": ""})
    with app.app_context():
        assert order_row(number).state == State.PAID
    browser.post(f"/reviews/{number}", decision="reject", **{"bad-licence": "unreadable", "bad-form-x": ""})
    with app.app_context():
        order = order_row(number)
        assert order.state == State.DRAFT
        assert order.materials[0].state == "rejected"
        assert house_of(app).data(order)["rejected"]["reason"] == "图片看不清"
    assert "没有等待审核" in browser.text("/reviews")


def test_each_material_gets_its_own_reason_and_only_those_are_done_again(app: Flask, staff: dict[str, Member]) -> None:
    number, browser = submitted(app), staff["reviewer"].browser()
    with app.app_context():
        known = list(review.materials(house_of(app), order_row(number)))
    page = next(code for code in known if code.startswith("form-"))
    form = {"bad-licence": "out_of_date", f"bad-{page}": "form_wrong"}
    browser.post(f"/reviews/{number}", decision="reject", **{**form, "bad-nothing": "unreadable"})
    browser.post(f"/reviews/{number}", decision="reject", **{**form, "bad-licence": "because"})
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        assert order.state == State.PAID
        order.progress = {**order.progress, **dict.fromkeys(known, True)}
    browser.post(f"/reviews/{number}", decision="reject", **form)
    with app.app_context():
        order = order_row(number)
        told = house_of(app).data(order)["rejected"]["all"]
        assert told == {"licence": "证件已过期", page: "填写有误"}
        assert {code for code in known if code not in order.progress} == {"licence", page}
        body = db.session.query(Event).filter_by(kind="review.rejected").one().body
        assert body["materials"] == sorted(told)
