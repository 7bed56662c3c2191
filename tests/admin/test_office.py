"""The office: search, masking, time line, audit, statistics, catalogue."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re

import pytest
from flask import Flask

from kiosk.catalogue import Kind
from kiosk.db import BEIJING, db, now, today, write
from kiosk.journal import Event
from kiosk.orders import editing, statistics
from kiosk.orders.desk_models import CatalogueDraft, DayFigure
from kiosk.orders.models import Certificate, Order
from kiosk.orders.money_models import Reconciled
from tests.clerk.staff import FORM, Member, house_of, open_order, order_row


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("name", FORM["unit_name"]),
        ("document", FORM["uscc"]),
        ("document", "430903199003078515"),
        ("phone", FORM["mobile"]),
        ("serial", "0A1B"),
        ("number", "K001"),
    ],
)
def test_an_order_is_found_by_whatever_is_known(app: Flask, staff: dict[str, Member], kind: str, text: str) -> None:
    number = open_order(app)
    with app.app_context(), write() as session:
        session.add(Certificate(order_id=order_row(number).id, request_id="r1", serial="0a1b"))
    browser = staff["clerk"].browser()
    found = browser.post("/orders", kind=kind, text=text).get_data(as_text=True)
    assert f"/admin/orders/{number}" in found
    missed = browser.post("/orders", kind=kind, text="X" + text[1:]).get_data(as_text=True)
    assert f"/admin/orders/{number}" not in missed


def test_pages_go_on_by_key(app: Flask, staff: dict[str, Member]) -> None:
    numbers = [open_order(app) for _ in range(30)]
    browser = staff["auditor"].browser()
    first = browser.text("/orders")
    following = re.search(r"before=(\d+)", first)
    assert following is not None
    second = browser.text("/orders", before=following.group(1))
    seen = [number for page in (first, second) for number in re.findall(r"/admin/orders/(K\w+)", page)]
    assert seen == list(reversed(numbers))


def test_data_are_masked_until_somebody_says_why(app: Flask, staff: dict[str, Member]) -> None:
    number, browser = open_order(app), staff["clerk"].browser()
    page = browser.text(f"/orders/{number}")
    assert FORM["mobile"] not in page
    assert "138****5678" in page
    assert browser.post(f"/orders/{number}/show", reason="").status_code == 303
    shown = browser.post(f"/orders/{number}/show", reason="customer_asked").get_data(as_text=True)
    assert FORM["mobile"] in shown
    with app.app_context():
        event = db.session.query(Event).filter_by(kind="personal.shown").one()
        assert (event.order_no, event.body) == (number, {"clerk": "clerk.one", "reason": "customer_asked"})


def test_the_exported_journal_can_be_checked_by_anybody(app: Flask, staff: dict[str, Member]) -> None:
    open_order(app)
    browser = staff["auditor"].browser()
    lines = browser.post("/audit/export").get_data(as_text=True).splitlines()
    previous = "0" * 64
    for line in lines:
        row = json.loads(line)
        content = [row[k] for k in ("kiosk", "epoch", "seq", "at", "order_no", "kind", "body")] + [previous]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == row["hash"]
        previous = row["hash"]
    assert json.loads(lines[-1])["kind"] == "audit.exported"


def test_the_chain_is_verified_and_a_change_is_found(app: Flask, staff: dict[str, Member]) -> None:
    open_order(app)
    browser = staff["auditor"].browser()
    browser.post("/audit/verify")
    assert "链条完整" in browser.text("/audit")
    with app.app_context(), write() as session:
        session.query(Event).filter_by(seq=3).one().kind = "harmless"
    browser.post("/audit/verify")
    assert "链条在第 3 条断开" in browser.text("/audit")


def test_figures_by_day_and_closed_days_are_counted_once(app: Flask, staff: dict[str, Member]) -> None:
    house = house_of(app)
    old = today() - dt.timedelta(days=20)
    with app.app_context(), write() as session:
        for serial in range(3):
            order = house.open_order(session, "yiyang", "renew", "unit")
            order.number = f"K001{old:%y%m%d}{serial:06d}"
    open_order(app)
    browser = staff["finance"].browser()
    page = browser.text("/statistics", first=old.isoformat())
    assert "延期" in page
    assert f"{now().astimezone(BEIJING):%H}:00" in page
    lines = browser.text("/statistics.csv", first=old.isoformat()).lstrip("\ufeff").splitlines()
    assert f"{old},orders,yiyang/renew/unit,3,0" in lines
    assert f"{today()},orders,yiyang/renew/unit,1,0" in lines
    with app.app_context():
        assert db.session.query(DayFigure).filter_by(day=old, measure="orders").one().amount == 3
        db.session.query(Order).filter(Order.number.like(f"K001{old:%y%m%d}%")).delete()
        assert any(one.amount == 3 for one in statistics.days(db.session(), house, old, old))


def test_a_price_is_drafted_by_one_and_published_by_another(app: Flask, staff: dict[str, Member]) -> None:
    from tests.clerk.staff import make

    house, first = house_of(app), staff["admin"].browser()
    second = make(app, "admin.two", "admin").browser()
    before = open_order(app)
    version = house.catalogue.version
    first.post("/catalogue/scheme/yiyang", **{"fee-renew-unit-0": "12x"})
    first.post("/catalogue/scheme/yiyang", **{"fee-renew-unit-0": "210.50"})
    with app.app_context():
        draft = db.session.query(CatalogueDraft).one().id
    assert "21050" in first.text(f"/catalogue/draft/{draft}")
    first.post(f"/catalogue/draft/{draft}", decision="approve")
    assert house.catalogue.version == version
    second.post(f"/catalogue/draft/{draft}", decision="approve")
    assert house.catalogue.version != version
    after = open_order(app)
    with app.app_context():
        assert house.offer(order_row(before))[2].price(1) == 20000
        assert house.offer(order_row(after))[2].price(1) == 21050
        event = db.session.query(Event).filter_by(kind="catalogue.published").one()
        assert (event.body["clerk"], event.body["approved_by"]) == ("admin.one", "admin.two")


def test_materials_hours_and_service_points_are_edited(app: Flask, staff: dict[str, Member]) -> None:
    from tests.clerk.staff import make

    house, first = house_of(app), staff["admin"].browser()
    second = make(app, "admin.two", "admin").browser()
    page = first.text("/catalogue/scheme/yiyang")
    assert "周一 09:00-12:00" in page
    assert "益阳 | 益阳市迎宾东路355号" in page
    before = house.catalogue.schemes["yiyang"].services["new"].offers[Kind.unit].materials
    licence = next(n for n, one in enumerate(before) if one.code == "licence")
    letter = next(n for n, one in enumerate(before) if one.code == "letter")
    form = {
        f"mat-defaults-unit-{licence}-copies": "3",
        f"mat-defaults-unit-{letter}": "may",
        "mat-defaults-unit-0": "drop",
        "add-defaults-unit": "bank_permit",
        "hours": "周一 09:30-16:00\n周六 10:00-12:00",
        "points": "益阳 | 迎宾东路355号 | 0737-4112269\n沅江 | 政务中心1楼",
    }
    for wrong in ({"hours": "星期一 9点"}, {"points": "只有区域"}, {"add-defaults-unit": "nothing"}):
        first.post("/catalogue/scheme/yiyang", **{**form, **wrong})
    first.post("/catalogue/scheme/yiyang", **{**form, f"mat-defaults-unit-{licence}-copies": "0"})
    with app.app_context():
        assert db.session.query(CatalogueDraft).count() == 0
    first.post("/catalogue/scheme/yiyang", **form)
    second.post("/catalogue/draft/1", decision="approve")
    scheme = house.catalogue.schemes["yiyang"]
    after = {one.code: one for one in scheme.services["new"].offers[Kind.unit].materials}
    assert (after["licence"].copies, after["letter"].required, "bank_permit" in after) == (3, False, True)
    assert before[0].code not in after
    assert [(h.weekday, f"{h.opens:%H:%M}", f"{h.closes:%H:%M}") for h in scheme.hours] == [
        (1, "09:30", "16:00"),
        (6, "10:00", "12:00"),
    ]
    assert [(point.area, point.phone) for point in scheme.service_points] == [("益阳", "0737-4112269"), ("沅江", "")]
    assert "# Amounts are fen" in editing.shelf_of(house).text("yiyang.toml")


def test_an_agreement_gets_its_official_text(app: Flask, staff: dict[str, Member]) -> None:
    from tests.clerk.staff import make

    house, first = house_of(app), staff["admin"].browser()
    first.post(
        "/catalogue/agreement/privacy", title="个人信息处理告知书", version="2027-01", body="第一条。\n\n第二条。"
    )
    first.post("/catalogue/agreement/privacy", title="", version="", body="")
    make(app, "admin.two", "admin").browser().post("/catalogue/draft/1", decision="approve")
    text = house.catalogue.schemes["yiyang"].agreements["privacy"]
    assert (text.version, text.text, text.sample) == ("2027-01", ("第一条。", "第二条。"), False)
    with app.app_context():
        assert db.session.query(CatalogueDraft).count() == 1


def test_the_day_is_signed_by_finance_once(app: Flask, staff: dict[str, Member]) -> None:
    line = {"hall": "yiyang", "kiosk": "K001", "channel": "wechat", "service": "yiyang/renew/unit", "count": 2}
    line |= {"gross_fen": 40000, "refund_count": 0, "refund_fen": 0, "fee_fen": 240, "net_fen": 39760, "exceptions": 0}
    with app.app_context(), write() as session:
        row = Reconciled(day=dt.date(2026, 11, 20), counts={"balanced": 2}, report=[line], exceptions=[])
        row.carry, row.early = [], []
        session.add(row)
    auditor, finance = staff["auditor"].browser(), staff["finance"].browser()
    assert "400.00" in auditor.text("/finance/2026-11-20")
    assert "签字</button>" not in auditor.text("/finance/2026-11-20")
    assert auditor.post("/finance/2026-11-20").status_code == 403
    finance.post("/finance/2026-11-20")
    staff["finance2"].browser().post("/finance/2026-11-20")
    assert "已签字：finance.one" in auditor.text("/finance/2026-11-20")
    assert "wechat" in auditor.text("/finance/2026-11-20/report.csv")
    assert auditor.get("/finance/yesterday").status_code == 404
