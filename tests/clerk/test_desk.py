"""Tasks, four eyes, reviews, corrections, the machine: what clerks do and what the journal says of it."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time

from flask import Flask

from kiosk.db import db, now, write
from kiosk.journal import Event, verify
from kiosk.orders import desk_routes, journey
from kiosk.orders.desk_models import Proposal
from kiosk.orders.models import Certificate, Effect, Material, Order, Paper, Payment, Task
from kiosk.orders.states import EffectState, PaymentState, State
from kiosk.worker import health
from kiosk.worker.world import World
from tests.clerk.staff import FORM, Member, house_of, make, open_order, order_row


def task_of(app: Flask, number: str, kind: str, subject: str = "", **facts: object) -> int:
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        house_of(app).task(session, kind, facts, order, subject)
        session.flush()
        return int(session.query(Task.id).order_by(Task.id.desc()).limit(1).scalar() or 0)


def closed(app: Flask, task: int) -> bool:
    with app.app_context():
        return db.session.get_one(Task, task).closed_at is not None


def paid(app: Flask, state: State = State.PAID, channel: str = "wechat") -> str:
    """An order that was paid for, as it stands after the gateway's word."""
    number = open_order(app)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        order.state, order.amount, order.years = state, 20000, 1
        payment = Payment(order_id=order.id, attempt=1, out_trade_no=f"P{number}", channel=channel, amount=20000)
        payment.state, payment.expires_at = PaymentState.SUCCEEDED, now() + dt.timedelta(minutes=3)
        session.add(payment)
    return number


def events(app: Flask, kind: str) -> list[dict[str, object]]:
    with app.app_context():
        return [event.body for event in db.session.query(Event).filter_by(kind=kind).order_by(Event.seq)]


def test_a_call_is_closed_by_coming(app: Flask, staff: dict[str, Member]) -> None:
    number = open_order(app)
    task, browser = task_of(app, number, "called"), staff["clerk"].browser("clerk")
    assert "呼叫工作人员" in browser.text("/tasks")
    browser.post(f"/tasks/{task}/handled", reason="")
    assert not closed(app, task)
    browser.post(f"/tasks/{task}/handled", reason="helped")
    assert closed(app, task)
    assert events(app, "clerk.acted")[-1]["clerk"] == "clerk.one"


def test_a_paper_is_printed_again_and_the_task_closes_only_when_it_came_out(
    app: Flask, staff: dict[str, Member]
) -> None:
    number = paid(app, State.DONE)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        session.add(Paper(order_id=order.id, code="receipt", file="0" * 64, printed="unknown"))
    task, browser = task_of(app, number, "not_printed", "receipt", code="print_unknown"), staff["clerk"].browser()
    browser.post(f"/tasks/{task}/print_again", reason="paper_lost")
    assert not closed(app, task)
    with app.app_context():
        effect = db.session.query(Effect).filter_by(kind="print.receipt").one()
        assert effect.state == EffectState.QUEUED
    with app.app_context(), write() as session:
        session.query(Paper).filter_by(code="receipt").one().printed = "yes"
    browser.text("/tasks")
    assert closed(app, task)
    acted = events(app, "clerk.acted")[-1]
    assert acted["before"] == {"paper receipt": "unknown"}
    assert acted["after"] == {"paper receipt": "no"}
    assert acted["reason"] == "paper_lost"


def test_an_unknown_outcome_is_asked_again_and_never_simply_closed(app: Flask, staff: dict[str, Member]) -> None:
    number = paid(app, State.WRITING)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        later = now() + dt.timedelta(hours=1)
        effect = Effect(order_id=order.id, kind="ca.issue", subject="0", lane="ca", state="unknown", not_before=later)
        effect.facts = {"asked": 10}
        session.add(effect)
    task = task_of(app, number, "unknown_outcome", "0", effect="ca.issue", code="ca_unreachable")
    browser = staff["clerk"].browser()
    browser.post(f"/tasks/{task}/handled", reason="helped")
    browser.post(f"/tasks/{task}/again", reason="gateway_back")
    assert not closed(app, task)
    with app.app_context():
        effect = db.session.query(Effect).filter_by(kind="ca.issue").one()
        assert effect.not_before <= now()
        assert effect.facts["asked"] == 0
    with app.app_context(), write() as session:
        session.query(Effect).filter_by(kind="ca.issue").one().state = "done"
    browser.text("/tasks")
    assert closed(app, task)


def test_a_refund_needs_a_second_person_and_nobody_approves_his_own(app: Flask, staff: dict[str, Member]) -> None:
    number = paid(app, State.CLERK)
    task = task_of(app, number, "write_failed", "0", code="token_full")
    first, second = staff["finance"].browser(), staff["finance2"].browser()
    first.post(f"/tasks/{task}/give_back", reason="not_served")
    with app.app_context():
        proposal = db.session.query(Proposal).one().id
        assert order_row(number).state == State.CLERK
    assert "由另一人复核" in first.text("/approvals")
    assert f"/approvals/{proposal}" not in first.text("/approvals")
    first.post(f"/approvals/{proposal}", decision="approve")
    with app.app_context():
        assert order_row(number).state == State.CLERK
    second.post(f"/approvals/{proposal}", decision="approve")
    with app.app_context():
        order = order_row(number)
        assert order.state == State.REFUNDING
        assert order.payments[0].refund is not None
        assert order.payments[0].refund.amount == 20000
    acted = events(app, "clerk.acted")[-1]
    assert (acted["clerk"], acted["approved_by"]) == ("finance.one", "finance.two")
    second.post(f"/approvals/{proposal}", decision="approve")
    assert len(events(app, "refund.requested")) == 1
    assert closed(app, task)


def test_a_refused_proposal_does_nothing(app: Flask, staff: dict[str, Member]) -> None:
    number = paid(app)
    staff["clerk"].browser().post(f"/orders/{number}/do/give_back", reason="customer_asked")
    with app.app_context():
        proposal = db.session.query(Proposal).one().id
    staff["finance"].browser().post(f"/approvals/{proposal}", decision="refuse")
    with app.app_context():
        assert order_row(number).state == State.PAID
        assert db.session.get_one(Proposal, proposal).state == "refused"


def test_a_slip_is_confirmed_by_two_with_its_number(app: Flask, staff: dict[str, Member]) -> None:
    number = paid(app, State.PAYING, "pos_manual")
    with app.app_context(), write() as session:
        session.query(Payment).one().state = PaymentState.PENDING
    task = task_of(app, number, "confirm_payment", f"P{number}", amount=20000, channel="pos_manual")
    first = staff["clerk"].browser()
    first.post(f"/tasks/{task}/confirm_payment", reason="money_checked", reference="")
    with app.app_context():
        assert db.session.query(Proposal).count() == 0
    first.post(f"/tasks/{task}/confirm_payment", reason="money_checked", reference="041234567890")
    with app.app_context():
        proposal = db.session.query(Proposal).one().id
    staff["finance"].browser().post(f"/approvals/{proposal}", decision="approve")
    with app.app_context():
        payment = db.session.query(Payment).one()
        assert (payment.state, payment.transaction_id) == (PaymentState.SUCCEEDED, "041234567890")
        assert payment.confirmed_by == "clerk.one+finance.one"
    assert closed(app, task)


def test_a_failed_writing_is_taken_up_again(app: Flask, staff: dict[str, Member]) -> None:
    number = paid(app, State.CLERK)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        order.note = "write_failed"
        session.add(
            Certificate(order_id=order.id, state="failed", request_id=f"{number}-1", token_serial="A1", serial="0a")
        )
    task = task_of(app, number, "write_failed", "0", code="token_removed")
    staff["clerk"].browser("clerk").post(f"/tasks/{task}/resume", reason="fault_cleared")
    with app.app_context():
        assert order_row(number).state == State.WRITING
        assert db.session.query(Effect).filter_by(kind="write.certificate").count() == 1
    assert not closed(app, task)


def test_what_a_reader_read_is_corrected_without_a_trace_of_the_value(app: Flask, staff: dict[str, Member]) -> None:
    number = open_order(app)
    browser = staff["clerk"].browser("clerk")
    answer = browser.post(f"/orders/{number}/do/correct", reason="ocr_error", field="unit_name", value="新名称有限公司")
    assert answer.status_code == 303
    with app.app_context():
        data = house_of(app).data(order_row(number))
        assert data["form"]["unit_name"] == "新名称有限公司"
        assert data["corrected"] == {"unit_name": "clerk.one"}
        told = "".join(str(event.body) for event in db.session.query(Event))
        assert "新名称" not in told
        assert FORM["unit_name"] not in told
        assert verify(db.session())[1] is None
    assert events(app, "clerk.acted")[-1]["field"] == "unit_name"


def test_a_correction_is_judged_like_an_answer(app: Flask, staff: dict[str, Member]) -> None:
    number, browser = open_order(app), staff["clerk"].browser("clerk")
    for field, value in (
        ("mobile", "12345"),
        ("mobile", ""),
        ("nothing", "13812345678"),
        ("uscc", "91430900MA4L1ABCDY"),
    ):
        browser.post(f"/orders/{number}/do/correct", reason="ocr_error", field=field, value=value)
    with app.app_context():
        assert house_of(app).data(order_row(number))["form"] == FORM
    browser.post(f"/orders/{number}/do/correct", reason="ocr_error", field="mobile", value=" 13987654321 ")
    with app.app_context():
        assert house_of(app).data(order_row(number))["form"]["mobile"] == "13987654321"


def test_a_clerk_chooses_the_way_by_hand(app: Flask, staff: dict[str, Member]) -> None:
    card = {"name": "王俊轩", "number": "430903199003078515"}
    number = open_order(
        app, "renew", form=FORM, card=card, role="self", token={"serial": "UK1", "number": FORM["uscc"]}
    )
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        order.years, order.progress = 1, dict.fromkeys(("agree-privacy", "id_card", "role", "token", "pin"), True)
    browser = staff["clerk"].browser("clerk")
    page = browser.text(f"/orders/{number}")
    assert 'value="role:agent"' in page
    assert 'value="service:replace"' in page
    assert 'value="service:query"' not in page
    for wrong in ("service:query", "service:nothing", "role:self", "service:renew", ""):
        browser.post(f"/orders/{number}/do/route", reason="wrong_choice", route=wrong)
    assert events(app, "clerk.acted") == []
    browser.post(f"/orders/{number}/do/route", reason="wrong_choice", route="role:agent")
    browser.post(f"/orders/{number}/do/route", reason="customer_asked", route="service:replace")
    with app.app_context():
        order = order_row(number)
        data = house_of(app).data(order)
        assert (order.service, order.years, data["role"], "token" in data) == ("replace", None, "agent", False)
        assert set(order.progress) == {"agree-privacy", "id_card", "role"}
        assert data["form"] == FORM
    first, second = events(app, "clerk.acted")
    assert (first["before"], first["after"]) == ({"role": "self"}, {"role": "agent"})
    assert (second["before"], second["after"]) == ({"service": "renew"}, {"service": "replace"})
    assert "改走另一种办法" in browser.text(f"/orders/{number}")
    paid_order = paid(app, State.DRAFT)
    browser.post(f"/orders/{paid_order}/do/route", reason="wrong_choice", route="service:replace")
    with app.app_context():
        assert order_row(paid_order).service == "renew"


def test_a_material_that_was_seen_needs_no_scan(app: Flask, staff: dict[str, Member]) -> None:
    number = open_order(app, "new")
    browser = staff["clerk"].browser("clerk")
    with app.app_context():
        house = house_of(app)
        open_now = desk_routes.unseen(house, order_row(number))
    code = next(iter(open_now))
    assert journey.SEAL not in open_now
    browser.post(f"/orders/{number}/do/vouch", reason="original_checked", material=journey.SEAL)
    browser.post(f"/orders/{number}/do/vouch", reason="original_checked", material=code)
    browser.post(f"/orders/{number}/do/vouch", reason="original_checked", material=code)
    with app.app_context():
        assert code not in desk_routes.unseen(house, order_row(number))
        row = db.session.query(Material).one()
        assert (row.state, row.picture, row.facts) == ("kept", None, {"vouched_by": "clerk.one"})
    (acted,) = events(app, "clerk.acted")
    assert (acted["material"], acted["before"], acted["after"]) == (
        code,
        {f"material {code}": None},
        {f"material {code}": "kept"},
    )


def test_a_refused_picture_is_accepted_against_the_original(app: Flask, staff: dict[str, Member]) -> None:
    number = open_order(app)
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        digest = house_of(app).put_file(order, b"\x89PNG picture")
        session.add(Material(order_id=order.id, code="licence", state="refused", verdict=["glare"], picture=digest))
    browser = staff["clerk"].browser()
    page = browser.text(f"/orders/{number}")
    assert "采用这张图片" in page
    assert "/picture/" not in page
    assert browser.get(f"/orders/{number}/picture/1").status_code == 403
    shown = browser.post(f"/orders/{number}/show", reason="customer_asked").get_data(as_text=True)
    (address,) = re.findall(r'src="(/admin/orders/[^"]+)"', shown)
    assert browser.client.get(address).data == b"\x89PNG picture"
    assert [body.get("picture") for body in events(app, "personal.shown")] == [None, 1]
    for other in (make(app, "clerk.two", "clerk"), staff["reviewer"]):
        assert other.browser().client.get(address).status_code == 403
    browser.post(f"/orders/{number}/do/accept_material", reason="original_checked", material="licence")
    with app.app_context():
        assert db.session.query(Material).one().state == "kept"
    elsewhere = open_order(app)
    assert browser.client.get(address.replace(number, elsewhere)).status_code == 404


def test_a_seal_of_another_name_is_taken_for_a_reason(app: Flask, staff: dict[str, Member]) -> None:
    number, browser = open_order(app), staff["clerk"].browser("clerk")
    with app.app_context(), write() as session:
        order = session.query(Order).filter_by(number=number).one()
        digest = house_of(app).put_file(order, b"\x89PNG picture")
        row = Material(order_id=order.id, code="seal_sheet", state="refused", verdict=["seal_name"], picture=digest)
        row.cutout = digest
        session.add(row)
    assert "印章名称与单位名称不一致" in browser.text(f"/orders/{number}")
    browser.post(f"/orders/{number}/do/accept_material", reason="helped", material="seal_sheet")
    with app.app_context():
        assert db.session.query(Material).one().state == "refused"
    browser.post(f"/orders/{number}/do/accept_material", reason="seal_name_checked", material="seal_sheet")
    with app.app_context():
        kept = db.session.query(Material).one()
        assert (kept.state, kept.cutout, kept.facts["accepted_by"]) == ("kept", digest, "clerk.one")
    assert events(app, "clerk.acted")[-1]["reason"] == "seal_name_checked"


def test_out_of_service_is_said_on_the_first_page(app: Flask, staff: dict[str, Member]) -> None:
    browser, customer = staff["clerk"].browser("clerk"), app.test_client()
    assert customer.get("/").status_code == 200
    browser.post("/machine/service", service="out", reason="")
    assert customer.get("/").status_code == 200
    browser.post("/machine/service", service="out", reason="no_ukey")
    page = customer.get("/")
    assert page.status_code == 503
    assert "UKey 暂时用完" in page.get_data(as_text=True)
    assert customer.post("/s/yiyang/renew/unit").status_code == 503
    browser.post("/machine/service", service="in")
    assert customer.get("/").status_code == 200


def test_a_self_test_leaves_what_it_found(app: Flask, staff: dict[str, Member]) -> None:
    browser, stopped, world = staff["clerk"].browser("clerk"), threading.Event(), World(house_of(app).settings)
    thread = threading.Thread(target=health.watch, args=(app, world, stopped), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 60
        while not events(app, "kiosk.self_tested"):
            assert time.monotonic() < until
            browser.post("/machine/self-test")
            stopped.wait(1.5)
    finally:
        stopped.set()
        thread.join(30)
        world.close()
    body = events(app, "kiosk.self_tested")[0]
    assert body["after"]["disk"] in ("fine", "warning", "failed")  # type: ignore[index]
    assert set(body["before"]) == set(body["after"])  # type: ignore[call-overload]
    assert events(app, "kiosk.self_test")[0]["clerk"] == "clerk.one"


def test_a_stuck_screen_is_wiped_and_the_clerk_hands_back_to_the_customer(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["clerk"].browser("clerk")
    browser.client.post("/s/yiyang/renew/unit")
    assert "clerk-banner" in browser.client.get("/o", follow_redirects=True).get_data(as_text=True)
    back = browser.post("/sign-out")
    assert back.headers["Location"].endswith("/o")
    page = browser.client.get("/o", follow_redirects=True).get_data(as_text=True)
    assert "clerk-banner" not in page
    other = staff["admin"].browser()
    other.post("/machine/unlock", reason="screen_stuck")
    with app.app_context():
        assert db.session.query(Order).one().state == State.VOID
    assert browser.client.get("/o").headers["Location"] == "/"


def test_leaving_ends_the_clerks_session_too(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["clerk"].browser("clerk")
    browser.client.post("/leave")
    assert browser.get("/tasks").status_code == 303


def test_the_stock_counts_movements_and_each_ukey_once(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["clerk"].browser()
    browser.post("/stock", kind="in", amount=30, reason="delivered")
    browser.post("/stock", kind="spoilt", amount=1, reason="defective", serial="UK7")
    browser.post("/stock", kind="spoilt", amount=1, reason="defective", serial="UK7")
    assert "<strong>29</strong>" in browser.text("/stock")
    browser.post("/stock", kind="counted", amount=12, reason="counted")
    page = browser.text("/stock")
    assert "<strong>12</strong>" in page
    assert "低于 20" in page
    assert events(app, "stock.moved")[-1]["before"] == 29
