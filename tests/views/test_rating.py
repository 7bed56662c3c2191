"""好差评: one level for each order, a reason for the lower two, in the statistics, and nothing of the person."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from kiosk.db import db, today, write
from kiosk.journal import Event
from kiosk.orders import rating, statistics
from kiosk.orders.states import State
from kiosk.views.admin.records import ratings
from tests.browser.stage import Scene, Stage
from tests.views.conftest import Visit


def rated(stage: Stage, kind: str = "service.rated") -> list[Event]:
    with stage.app.app_context():
        return list(db.session.query(Event).filter_by(kind=kind).order_by(Event.seq))


def rate(client: FlaskClient, **answer: str) -> str:
    answer_page = client.post("/done/rate", data=answer, follow_redirects=True)
    assert answer_page.status_code == 200
    return answer_page.text


@pytest.fixture
def done(stage: Stage) -> Scene:
    return stage.after(State.DONE, certificate=True)


def test_a_good_level_is_kept_once(stage: Stage, visit: Visit, done: Scene) -> None:
    client, before = visit(done), len(rated(stage))
    page = client.get("/done").text
    assert page.count('name="level"') == 5
    assert "谢谢您的评价" in rate(client, level="satisfied")
    assert "谢谢您的评价" in rate(client, level="very_dissatisfied")
    assert rated(stage)[before:][0].body == {"level": "satisfied"}
    assert len(rated(stage)) == before + 1
    assert 'name="level"' not in client.get("/done").text


def test_a_low_level_is_asked_why(stage: Stage, visit: Visit, done: Scene) -> None:
    client, before = visit(done), len(rated(stage, "service.rated_why"))
    assert rate(client, level="dissatisfied").count('name="reason"') == 6
    assert 'name="reason"' in rate(client, reason="because")  # no such reason: asked again
    assert "谢谢您的评价" in rate(client, reason="slow")
    rate(client, reason="price")
    why = rated(stage, "service.rated_why")[before:]
    assert [one.body for one in why] == [{"level": "dissatisfied", "reason": "slow"}]


@pytest.mark.parametrize("answer", [{}, {"level": "best"}, {"reason": "slow"}, {"level": "x" * 9999}])
def test_other_answers_are_not_kept(stage: Stage, visit: Visit, done: Scene, answer: dict[str, str]) -> None:
    before = len(rated(stage))
    assert 'name="level"' in rate(visit(done), **answer)
    assert len(rated(stage)) == before


def test_only_a_finished_order_is_rated(stage: Stage, visit: Visit) -> None:
    before = len(rated(stage))
    visit(stage.after(State.WRITING)).post("/done/rate", data={"level": "satisfied"})
    visit().post("/done/rate", data={"level": "satisfied"})
    assert len(rated(stage)) == before


def test_ratings_are_counted_by_day(stage: Stage) -> None:
    with stage.app.app_context():
        with write() as session:
            for level in (*rating.LEVELS, "dissatisfied"):
                order = stage.house.open_order(session, "yiyang", "renew", "unit")
                rating.give(session, stage.house, order, level, "")
                rating.give(session, stage.house, order, "", "device")
        figures = statistics.days(db.session(), stage.house, today(), today())
    counted = {one.key: one.amount for one in figures if one.measure == "rating"}
    assert counted["dissatisfied"] >= 2
    assert set(counted) == set(rating.LEVELS)
    assert {one.key: one.amount for one in figures if one.measure == "rating_why"}["device"] >= 3


def test_the_office_sees_the_share_of_the_content(stage: Stage) -> None:
    with stage.app.test_request_context():
        (title, rows), (_why, reasons) = ratings([("satisfied", 3, 0), ("dissatisfied", 1, 0)], [("slow", 1, 0)])
    assert "75.0%" in title
    assert [row["said"] for row in rows] == ["0", "3", "0", "1", "0"]
    assert reasons[0]["share"] == 100
