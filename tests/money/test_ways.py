"""Which ways to pay work: what the doctor finds, what the pages say before anybody starts, what can be chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from kiosk.db import db
from kiosk.hardware.health import Health, Level
from kiosk.orders import effects, money
from kiosk.orders.models import DeviceHealth, Order
from kiosk.worker import health
from tests.money.conftest import Till, fault

CLOSED = "本机现在收不了款"
FINE = Health(Level.FINE, "", "")


@pytest.fixture
def dark(till: Till) -> Iterator[Till]:
    """No gateway answers and the card terminal is unplugged."""
    till.ask("gateways", "down", down=True)
    till.ask("pos", "unplug")
    yield till
    till.ask("gateways", "down", down=False)
    till.ask("pos", "plug")


def begin(client: FlaskClient, page: str) -> int:
    """Tap 开始办理 on a service's page; how many orders there are afterwards."""
    html = client.get(f"{page}?kind=personal").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token is not None
    client.post(f"{page}/personal", data={"csrf_token": token[1]})
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_kiosk_that_takes_no_money_says_so_before_anybody_starts(dark: Till) -> None:
    client = dark.app.test_client()
    assert CLOSED not in client.get("/").get_data(as_text=True), "nothing is known yet: nobody is sent away"
    found = health.probe(dark.world)
    assert {name: found[name].level for name in ("wechat", "alipay", "pos")} == {
        "wechat": Level.FAILED,
        "alipay": Level.FAILED,
        "pos": Level.FAILED,
    }
    health.keep(found)
    page = client.get("/").get_data(as_text=True)
    assert CLOSED in page
    assert "/s/yiyang/revoke" in page, "what is free is offered all the same"
    assert CLOSED in client.get("/s/yiyang/new?kind=personal").get_data(as_text=True)
    assert begin(client, "/s/yiyang/new") == 0
    dark.ask("pos", "plug")
    health.keep(health.probe(dark.world))
    assert CLOSED not in client.get("/").get_data(as_text=True)
    assert begin(client, "/s/yiyang/new") == 1


def test_what_is_free_can_be_begun(dark: Till) -> None:
    health.keep(health.probe(dark.world))
    assert begin(dark.app.test_client(), "/s/yiyang/revoke") == 1


def test_any_way_that_works_is_enough_to_serve() -> None:
    rest = dict.fromkeys(health.NEEDED, FINE)
    down = Health(Level.FAILED, "gateway_unreachable", "")
    dead = {**rest, "wechat": down, "alipay": down, "pos": Health(Level.FAILED, "device_missing", "")}
    assert not health.may_serve(rest)
    assert not health.may_serve(dead)
    for way in ("alipay", "pos", money.WINDOW, money.part_of("unionpay")):
        assert health.may_serve({**dead, way: FINE}), way
    assert not health.may_serve({**dead, "pos": FINE, "ca": down})


def test_a_terminal_at_the_window_is_a_way_to_pay(dark: Till) -> None:
    devices = dark.house.settings.devices.model_copy(update={"window_pos": True})
    dark.world.settings = dark.house.settings.model_copy(update={"devices": devices})
    found = health.probe(dark.world)
    assert found[money.WINDOW].level == Level.FINE
    health.keep(found)
    assert CLOSED not in dark.app.test_client().get("/").get_data(as_text=True)
    assert look(dark) == {"channels": [money.WINDOW], "closed": ["wechat", "alipay", "pos"]}


def test_without_any_way_nobody_gets_as_far_as_paying(dark: Till) -> None:
    order = dark.order(preflight=True)
    dark.work("desk")
    effect = effects.last(db.session(), order, "preflight")
    assert effect is not None
    assert "gateway_unreachable" in effect.facts["faults"]


def test_a_clock_that_is_wrong_closes_payment(till: Till) -> None:
    till.ask("gateways", "clock", offset=400)
    order = till.order(preflight=True)
    till.work("desk")
    effect = effects.last(db.session(), order, "preflight")
    assert effect is not None
    assert "clock_skew" in effect.facts["faults"]
    assert health.probe(till.world)["wechat"].code in ("clock_skew", "gateway_unreachable")


def look(till: Till) -> dict[str, list[str]]:
    """Ways to pay that the preflight of a new order offers, and those it finds out of service."""
    order = till.order(preflight=True)
    till.work("desk")
    effect = effects.last(db.session(), order, "preflight")
    assert effect is not None
    return {name: effect.facts[name] for name in ("channels", "closed")}


def test_a_gateway_that_fails_is_shown_out_of_service(till: Till) -> None:
    fault(till, kind="error_before", match="wechat", times=-1)
    assert look(till) == {"channels": ["alipay", "pos"], "closed": ["wechat"]}
    till.ask("gateways", "calm")
    assert look(till) == {"channels": ["wechat", "alipay", "pos"], "closed": []}


def test_a_part_that_was_taken_away_is_forgotten(till: Till) -> None:
    health.keep({"wechat": FINE, "pos": FINE})
    health.keep({"wechat": FINE})
    assert list(db.session.scalars(select(DeviceHealth.name))) == ["wechat"]
