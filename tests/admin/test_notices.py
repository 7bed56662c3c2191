"""Notices: what is out of order reaches the hall's phones and a webhook: signed, tried again, not too often."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kiosk.db import db, now, write
from kiosk.fleet.notices import AddressRefused, checked
from kiosk.journal import Event, verify
from kiosk.orders import desk_facts, desk_notices
from kiosk.orders.desk_models import Standing
from kiosk.orders.models import DeviceHealth, Task
from kiosk.worker.alarms import Alarms
from kiosk.worker.world import World
from tests.clerk.staff import Member, house_of, open_order, order_row
from tests.fleet.test_sms import Simulator

PHONES = ("13800138000", "13900139000")
FORM = {"task_minutes": "15", "per_hour": "6", "repeat_hours": "4"}
MINUTE = dt.timedelta(minutes=1)


class Receiver:
    """A webhook's receiver: keeps what came, answers with the status it is told to."""

    def __init__(self) -> None:
        self.status, self.taken = 204, list[tuple[dict[str, str], bytes]]()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alarms"

    def close(self) -> None:
        if not self.thread.is_alive():
            return
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def texts(self) -> list[str]:
        return [json.loads(body)["text"] for _headers, body in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("sms"))
    yield made
    made.close()


@pytest.fixture
def alarms(app: Flask, gateway: Simulator, tmp_path: Path) -> Iterator[Alarms]:
    """The worker's lane at a kiosk whose SMS gateway is the simulator."""
    gateway.tell("fault", kind="none")
    secret = tmp_path / "sms.secret"
    secret.write_bytes(gateway.secret)
    settings = house_of(app).settings
    sms = settings.sms.model_copy(update={"base_url": gateway.base, "secret": str(secret)})
    world = World(settings.model_copy(update={"sms": sms}))
    yield Alarms(app, house_of(app), world)
    world.close()


def health(app: Flask, name: str, level: str, code: str = "") -> None:
    with app.app_context(), write() as session:
        session.merge(DeviceHealth(name=name, level=level, code=code, at=now() + dt.timedelta(hours=12)))


def sent_to(gateway: Simulator, app: Flask, phone: str) -> list[str]:
    """Messages of this test's kiosk: each has a gateway's number of its own."""
    found = gateway.tell("outbox", to=phone, limit=1000)["messages"]
    with app.app_context():
        mine = {event.body["notice"] for event in db.session.query(Event).filter_by(kind="notice.sent")}
    return [one["text"] for one in found if one["id"] in mine]


def test_a_device_that_is_down_is_told_once_and_its_end_too(
    app: Flask, staff: dict[str, Member], alarms: Alarms, gateway: Simulator, receiver: Receiver
) -> None:
    admin = staff["admin"].browser()
    admin.post("/notices", phones="\n".join(PHONES), webhook=receiver.url, **FORM)
    page = admin.text("/notices")
    secret = page.split("请交给接收方）：")[1].split("<")[0]
    assert secret not in admin.text("/notices")
    health(app, "receipt_printer", "failed", "device_missing")
    start = now()
    alarms.round(start)
    assert receiver.texts() == []
    for minute in (2, 3, 60):
        alarms.round(start + minute * MINUTE)
    assert receiver.texts() == ["【CA自助】益阳市公共资源交易中心K001：凭条打印机故障（device_missing）。"]
    assert [sent_to(gateway, app, phone) for phone in PHONES] == [receiver.texts()] * 2
    headers, body = receiver.taken[0]
    wanted = hmac.new(secret.encode(), headers["X-Timestamp"].encode() + b"." + body, sha256).hexdigest()
    assert headers["X-Signature"] == wanted
    assert json.loads(body)["items"] == ["down.receipt_printer"]
    health(app, "receipt_printer", "fine", "ready")
    alarms.round(start + 61 * MINUTE)
    assert len(receiver.taken) == 1
    for minute in (63, 64):
        alarms.round(start + minute * MINUTE)
    assert receiver.texts()[1:] == ["【CA自助】益阳市公共资源交易中心K001：已恢复：凭条打印机故障（device_missing）。"]
    with app.app_context():
        told = "".join(str(event.body) for event in db.session.query(Event))
        facts = "".join(str(row.value) for row in db.session.query(Standing))
        assert not any(text in told + facts for text in (*PHONES, receiver.url, secret))
        assert verify(db.session())[1] is None


def test_a_receiver_that_fails_is_tried_again_until_it_takes_it(
    app: Flask, alarms: Alarms, gateway: Simulator, receiver: Receiver
) -> None:
    with app.app_context(), write() as session:
        form = {"webhook": receiver.url, "phones": PHONES[0], **FORM}
        desk_notices.keep(session, house_of(app), "admin.one", form)
    gateway.tell("fault", kind="error", times=2)
    receiver.status = 503
    health(app, "a4_printer", "warning", "supply_low")
    start = now()
    for seconds in (0, 70, 75):
        alarms.round(start + dt.timedelta(seconds=seconds))
    assert len(receiver.taken) == 1
    with app.app_context():
        assert [(one.tries, one.code) for one in desk_notices.letters(db.session()) if one.channel == "webhook"] == [
            (1, "http_503")
        ]
    receiver.status = 204
    for seconds in (100, 200, 400):
        alarms.round(start + dt.timedelta(seconds=seconds))
    assert len({json.loads(body)["id"] for _headers, body in receiver.taken}) == 1
    assert len(receiver.taken) == 2
    assert len(sent_to(gateway, app, PHONES[0])) == 1
    with app.app_context():
        assert desk_notices.letters(db.session()) == []


def test_nobody_takes_it_for_a_day(app: Flask, alarms: Alarms, receiver: Receiver) -> None:
    with app.app_context(), write() as session:
        desk_notices.keep(session, house_of(app), "admin.one", {"webhook": receiver.url, **FORM})
        wanted = desk_notices.settings(session, house_of(app))
        desk_notices.send(session, house_of(app), wanted, "test", "测试")
    receiver.close()
    for hour in (0, 23, 25):
        alarms.round(now() + dt.timedelta(hours=hour))
    with app.app_context():
        assert desk_notices.letters(db.session()) == []
        given_up = db.session.query(Event).filter_by(kind="notice.given_up").one()
        assert given_up.body["code"] == "unreachable"


def test_tasks_that_wait_and_low_stock_go_together_and_only_so_often(
    app: Flask, staff: dict[str, Member], alarms: Alarms, receiver: Receiver
) -> None:
    with app.app_context(), write() as session:
        form = {**FORM, "webhook": receiver.url, "per_hour": "1", "task_minutes": "10"}
        desk_notices.keep(session, house_of(app), "admin.one", form)
    browser = staff["clerk"].browser()
    browser.post("/stock", kind="in", amount=5, reason="delivered")
    number = open_order(app)
    with app.app_context(), write() as session:
        house_of(app).task(session, "called", {}, order_row(number))
    start = now()
    alarms.round(start)
    assert receiver.texts() == ["【CA自助】益阳市公共资源交易中心K001：UKey结存5个，低于20个。"]
    with app.app_context(), write() as session:
        task = session.query(Task).one()
        task.created_at = start - 11 * MINUTE
        task_id = task.id
    alarms.round(start + 5 * MINUTE)
    assert len(receiver.taken) == 1
    browser.post("/stock", kind="in", amount=50, reason="delivered")
    alarms.round(start + 61 * MINUTE)
    waited = f"待办{task_id}号超过10分钟没有处理（业务单{number}）"
    assert receiver.texts()[1:] == [f"【CA自助】益阳市公共资源交易中心K001：{waited}。已恢复：UKey结存5个，低于20个。"]
    alarms.round(start + 62 * MINUTE)
    assert len(receiver.taken) == 2
    alarms.round(start + 61 * MINUTE + dt.timedelta(hours=4))
    assert receiver.texts()[2:] == [f"【CA自助】益阳市公共资源交易中心K001：{waited}。"]


def test_settings_are_checked_and_a_test_notice_arrives(
    app: Flask, staff: dict[str, Member], alarms: Alarms, receiver: Receiver
) -> None:
    admin = staff["admin"].browser()
    for wrong in (
        {"phones": "12345"},
        {"webhook": "http://example.com/x"},
        {"webhook": "ftp://localhost/"},
        {"webhook": "https://user:secret@example.com/"},
        {"task_minutes": "0"},
    ):
        admin.post("/notices", **{**FORM, **wrong})
    with app.app_context():
        assert desk_facts.get(db.session(), desk_notices.SETTINGS) is None
    assert "还没有接收人" in admin.client.post("/admin/notices/test", follow_redirects=True).get_data(as_text=True)
    admin.post("/notices", webhook=receiver.url, **FORM)
    admin.post("/notices/test")
    assert "发送测试通知" in admin.text("/notices")
    alarms.round(now())
    assert receiver.texts() == ["【CA自助】益阳市公共资源交易中心K001：通知测试。"]
    with app.app_context():
        body = db.session.query(Event).filter_by(kind="notices.set").one().body
        assert (body["before"]["webhook"], body["after"]["webhook"], body["clerk"]) == (False, True, "admin.one")


@pytest.mark.parametrize("url", ["https://", "https://a b/", "http://8.8.8.8/", "https://h:99999/", "javascript:1"])
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked(url)
