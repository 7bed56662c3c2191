"""Leaving: unpaid work is void and wiped, paid work goes on, and what may lie on the machine is named."""

from __future__ import annotations

import pytest

from kiosk.db import db, write
from kiosk.orders.models import Order, Visit
from kiosk.orders.states import State
from tests.browser.stage import Scene, Stage
from tests.views.conftest import Visit as Enter

TAKE, GONE = "请取走您的身份证、UKey 和原件。", "长时间没有操作，已为您退出"


def order_of(stage: Stage, scene: Scene) -> int:
    with stage.app.app_context():
        visit = db.session.get(Visit, scene.visit)
        assert visit is not None
        return visit.order_id


def state_of(stage: Stage, order_id: int) -> str:
    with stage.app.app_context():
        return db.session.get_one(Order, order_id).state


@pytest.mark.parametrize("reason", ["", "timeout"])
def test_an_unpaid_order_is_void_and_its_visit_gone(stage: Stage, visit: Enter, reason: str) -> None:
    scene = stage.at("check")
    client, order_id = visit(scene), order_of(stage, scene)
    page = client.post("/leave", data={"reason": reason}, follow_redirects=True).text
    assert TAKE in page
    assert (GONE in page) is bool(reason)
    assert state_of(stage, order_id) == State.VOID
    with stage.app.app_context():
        assert db.session.get(Visit, scene.visit) is None
    assert "益阳示范" not in client.get("/o/check", follow_redirects=True).text


def test_a_paid_order_goes_on(stage: Stage, visit: Enter) -> None:
    scene = stage.after(State.WRITING)
    client, order_id = visit(scene), order_of(stage, scene)
    assert "可凭身份证在本机继续" in client.post("/leave", follow_redirects=True).text
    assert state_of(stage, order_id) == State.WRITING


def test_who_brought_nothing_is_reminded_of_nothing(visit: Enter) -> None:
    assert TAKE not in visit().post("/leave", follow_redirects=True).text


def test_without_scripts_the_server_ends_the_visit(stage: Stage, visit: Enter) -> None:
    scene = stage.at("check")
    client, order_id = visit(scene), order_of(stage, scene)
    with stage.app.app_context(), write() as session:
        seen = session.get_one(Visit, scene.visit)
        seen.seen_at = seen.seen_at.replace(year=2020)
    page = client.get("/").text
    assert TAKE in page
    assert GONE in page
    assert state_of(stage, order_id) == State.VOID
