"""The centre's pages: every page × every role, halls kept apart, and what a kiosk reports is what they show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from kiosk.db import db, now, write
from kiosk.fleet import pairing
from kiosk.fleet.models import FleetFault, FleetOrder
from kiosk.fleet.overview import PAGE
from kiosk.journal import Event
from kiosk.orders.desk_models import Clerk, StockMove
from kiosk.orders.models import DeviceHealth
from tests.clerk.conftest import ROLES
from tests.clerk.staff import Member, make
from tests.fleet.world import Station

Stations = Callable[..., Station]
VALUES: dict[str, Any] = {"number": "1", "code": "x", "name": "nobody", "kiosk": "K001", "digest": "0" * 64}
COMPANY = {"unit_name": "湖南测试科技有限公司", "uscc": "91430900MA4L1ABCDX", "mobile": "13812345678"}


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")]


def method(rule: Rule) -> str:
    return "POST" if "POST" in (rule.methods or ()) else "GET"


def address(app: Flask, rule: Rule) -> str:
    values = {name: VALUES.get(name, "1") for name in rule.arguments}
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, values, method=method(rule)))


def roles(app: Flask, rule: Rule) -> frozenset[str]:
    return app.view_functions[rule.endpoint].roles  # type: ignore[attr-defined,no-any-return]


def test_each_role_is_refused_everything_it_may_not(centre: Flask, staff: dict[str, Member]) -> None:
    found, asked = rules(centre), 0
    assert len(found) > 30
    assert all(roles(centre, rule) for rule in found)
    nobody = centre.test_client()
    browsers = {role: staff[role].browser().client for role in ROLES}
    for rule in found:
        if "*" in roles(centre, rule) or "sign_out" in rule.endpoint:
            continue
        assert nobody.open(address(centre, rule), method=method(rule)).headers["Location"].endswith("/sign-in"), rule
        for role, client in browsers.items():
            answer = client.open(address(centre, rule), method=method(rule))
            assert answer.status_code < 500, (role, rule)
            assert (answer.status_code == 403) == (role not in roles(centre, rule)), (role, rule, answer.status_code)
            asked += 1
    assert asked > 100


def test_the_centre_has_no_customers_and_a_kiosk_no_fleet(centre: Flask, stations: Stations) -> None:
    client = centre.test_client()
    assert client.get("/").headers["Location"] == "/admin/"
    for path in ("/journey", "/clerk/", "/bench", "/query/unit", "/notify/wechat", "/admin/tasks", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "没有这个页面" in answer.get_data(as_text=True)
    kiosk = stations("K001").app.test_client()
    for path in ("/api/v1/sync", "/admin/pairing", "/admin/fleet/orders"):
        assert kiosk.get(path).status_code == 404, path


@pytest.mark.parametrize("role", ROLES)
def test_no_link_or_form_leads_to_a_refusal(
    centre: Flask, staff: dict[str, Member], stations: Stations, role: str
) -> None:
    one = stations("K001")
    number = one.open_order(form=COMPANY)
    one.move(number, "paying", "paid")
    one.push()
    browser, seen, todo = staff[role].browser(), set[str](), ["/admin/"]
    adapter = centre.url_map.bind("localhost")
    while todo:
        page = todo.pop()
        if page in seen or len(seen) > 60:
            continue
        seen.add(page)
        answer = browser.client.get(page)
        assert answer.status_code in (200, 302, 303), (role, page)
        text = answer.get_data(as_text=True)
        todo += [link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"#]*)"', text)]
        for action in re.findall(r'method="post" action="([^"]+)"', text):
            endpoint, _ = adapter.match(action, method="POST")
            assert role in centre.view_functions[endpoint].roles, (role, page, action)  # type: ignore[attr-defined]
    assert "/admin/kiosks/K001" in seen
    assert f"/admin/fleet/orders/{number}" in seen


def test_what_the_kiosk_reports_is_what_the_page_shows(
    centre: Flask, staff: dict[str, Member], stations: Stations
) -> None:
    one = stations("K001")
    with one.app.app_context(), write() as session:
        session.add(DeviceHealth(name="receipt_printer", level="warning", code="paper_low", detail="/dev/usb/lp0"))
        session.add(DeviceHealth(name="scanner", level="fine"))
        session.add(StockMove(kind="in", amount=30, reason="delivered", by="clerk.one"))
        session.add(StockMove(kind="spoilt", amount=-12, reason="defective", by="clerk.one"))
    one.open_order()
    one.push()
    page = staff["clerk"].browser().text("/")
    assert "在线" in page
    assert "凭条打印机" in page
    assert "paper_low" in page
    assert "余 18" in page
    assert "坏 12" in page
    assert "/dev/usb/lp0" not in page
    with centre.app_context(), write() as session:
        session.get_one(pairing.FleetStatus, "K001").seen_at = now() - pairing.LIFE
    assert "失联" in staff["auditor"].browser().text("/")


def test_a_search_that_finds_too_much_says_so(
    centre: Flask, staff: dict[str, Member], stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stations("K001")
    numbers = [one.open_order(form=COMPANY) for _ in range(3)]
    for number in numbers:
        one.move(number, "paying", "paid")
    one.push()
    one.push()
    browser = staff["clerk"].browser()

    def listed() -> tuple[int, bool]:
        page = browser.post("/fleet/orders", kind="phone", text=COMPANY["mobile"]).get_data(as_text=True)
        return sum(f"/admin/fleet/orders/{number}" in page for number in numbers), "没有列全" in page

    assert listed() == (3, False)
    monkeypatch.setattr("kiosk.fleet.overview.FOUND", 2)
    assert listed() == (2, True)


def test_an_order_is_found_by_whatever_is_known_and_masked(
    centre: Flask, staff: dict[str, Member], stations: Stations
) -> None:
    one = stations("K001")
    number = one.open_order(form=COMPANY, card={"name": "王俊轩", "number": "430903199003078515"})
    other = one.open_order(
        form={**COMPANY, "unit_name": "别的单位", "uscc": "91430900MA4L9ZZZZ1", "mobile": "13900000000"}
    )
    one.move(number, "paying", "paid", "writing", "done")
    one.move(other, "paying", "paid")
    one.push()
    one.push()
    browser = staff["clerk"].browser()
    for kind, text in (
        ("name", COMPANY["unit_name"]),
        ("name", "王俊轩"),
        ("document", COMPANY["uscc"]),
        ("document", "430903199003078515"),
        ("phone", COMPANY["mobile"]),
        ("number", number),
    ):
        found = browser.post("/fleet/orders", kind=kind, text=text).get_data(as_text=True)
        assert f"/admin/fleet/orders/{number}" in found, kind
        assert f"/admin/fleet/orders/{other}" not in found, kind
        missed = browser.post("/fleet/orders", kind=kind, text="X" + text[1:]).get_data(as_text=True)
        assert "/admin/fleet/orders/K" not in missed, kind
    page = browser.text(f"/fleet/orders/{number}")
    assert COMPANY["mobile"] not in page
    assert "138****5678" in page
    assert "开始办理" in page
    shown = browser.post(f"/fleet/orders/{number}/show", reason="customer_asked").get_data(as_text=True)
    assert COMPANY["mobile"] in shown
    with centre.app_context():
        event = db.session.query(Event).filter_by(kind="personal.shown").one()
        assert event.body == {"clerk": "clerk.one", "reason": "customer_asked", "order": number}
        raw = db.session.connection().exec_driver_sql("SELECT sealed FROM fleet_dossier").scalars().all()
        assert not any(COMPANY["mobile"].encode() in bytes(one) for one in raw)


def test_lists_go_on_by_key(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one = stations("K001")
    numbers = [one.open_order() for _ in range(PAGE + 7)]
    one.push()
    browser = staff["auditor"].browser()
    first = browser.text("/fleet/orders")
    following = re.search(r'href="(/admin/fleet/orders\?before=[^"]+)"', first)
    assert following is not None
    second = browser.client.get(following.group(1).replace("&amp;", "&")).get_data(as_text=True)
    seen = [n for page in (first, second) for n in re.findall(r"/admin/fleet/orders/(K\w+)", page)]
    assert seen == list(reversed(numbers))
    assert browser.get("/fleet/orders", before="x y z").status_code == 200


def test_a_clerk_of_one_hall_sees_nothing_of_another(centre: Flask, stations: Stations) -> None:
    here, there = stations("K001"), stations("K002", hall="realestate")
    mine, other = here.open_order(), there.open_order()
    here.push()
    there.push()
    local = make(centre, "local.admin", "admin", "reviewer", "auditor")
    with centre.app_context(), write() as session:
        session.query(Clerk).filter_by(name="local.admin").one().hall = "realestate"
    browser = local.browser()
    assert "K002" in browser.text("/")
    assert "K001" not in browser.text("/")
    assert browser.get("/kiosks/K001").status_code == 404
    assert browser.get(f"/fleet/orders/{mine}").status_code == 404
    assert browser.get(f"/fleet/orders/{other}").status_code == 200
    assert mine not in browser.post("/fleet/orders", kind="number", text=mine).get_data(as_text=True).replace(
        f'value="{mine}"', ""
    )
    assert browser.post("/kiosks/K001/do", kind="self_test").status_code == 404
    assert browser.post("/kiosks/K001/revoke").status_code == 404
    refused = browser.post("/pairing", kiosk="K009", hall="yiyang", place="").get_data(as_text=True)
    assert "请选择大厅" in refused
    lines = browser.text("/fleet/figures.csv").splitlines()
    assert [line.split(",")[3] for line in lines[1:] if ",orders," in line] == ["1"]


def test_pairing_from_the_page_to_the_command(
    centre: Flask, address: str, staff: dict[str, Member], empty_home: Any, tmp_path: Any
) -> None:
    import shutil

    from tests.fleet.world import station

    page = staff["admin"].browser().post("/pairing", kiosk="k007", hall="yiyang", place="二楼").get_data(as_text=True)
    code = re.search(r'id="code">([A-Z2-9]{5}-[A-Z2-9]{5})<', page)
    assert code is not None
    one = station(shutil.copytree(empty_home, tmp_path / "K007"), "K007")
    runner = one.app.test_cli_runner()
    wrong = runner.invoke(args=["fleet", "pair", "--centre", address], input="AAAAA-AAAAA\n")
    assert "code_wrong" in wrong.output
    insecure = runner.invoke(args=["fleet", "pair", "--centre", "http://10.0.0.1"], input="AAAAA-AAAAA\n")
    assert "https://" in insecure.output
    good = runner.invoke(args=["fleet", "pair", "--centre", address], input=code.group(1) + "\n")
    assert "K007 is paired" in good.output, good.output
    assert (one.house.settings.secrets / "fleet.key").stat().st_mode & 0o777 == 0o600
    one.happen(3)
    assert runner.invoke(args=["fleet", "report"]).output.startswith("K007: the centre has {1: 3}")
    listed = centre.test_cli_runner().invoke(args=["fleet", "list"])
    assert "K007" in listed.output
    one.close()


def test_a_fault_is_shown_and_cleared_by_somebody(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one = stations("K001")
    one.happen(3)
    with one.app.app_context(), write() as session:
        session.get_one(Event, ("K001", 1, 2)).kind = "harmless"
    one.push()
    browser = staff["admin"].browser()
    assert "记录被改动" in browser.text("/")
    page = browser.text("/kiosks/K001")
    action = re.search(r'action="(/admin/kiosks/K001/faults/\d+)"', page)
    assert action is not None
    assert browser.client.post(action.group(1)).status_code == 303
    assert "记录被改动" not in browser.text("/")
    with centre.app_context():
        assert db.session.query(FleetFault).one().cleared_by == "admin.one"
        assert db.session.query(FleetOrder).count() == 0
