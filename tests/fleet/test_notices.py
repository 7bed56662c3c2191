"""The centre tells when a kiosk is not heard of, and when it is back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import update

from kiosk.db import now, write
from kiosk.fleet.models import FleetKiosk, FleetStatus
from kiosk.orders import desk_facts, desk_notices
from kiosk.worker.alarms import Alarms
from kiosk.worker.world import World
from tests.admin.test_notices import Receiver
from tests.clerk.staff import Member, house_of
from tests.fleet.world import Station


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_kiosk_that_is_not_heard_of(
    centre: Flask, staff: dict[str, Member], stations: Callable[..., Station], receiver: Receiver
) -> None:
    stations("K001")
    stations("K002")
    admin = staff["admin"].browser()
    admin.post("/notices", webhook=receiver.url, task_minutes="15", per_hour="6", repeat_hours="4")
    world = World(house_of(centre).settings)
    alarms, start = Alarms(centre, house_of(centre), world), now()
    with centre.app_context(), write() as session:
        session.execute(update(FleetStatus).values(seen_at=start))
        session.execute(update(FleetKiosk).values(paired_at=start - dt.timedelta(hours=1)))
    alarms.round(start)
    assert receiver.texts() == []
    with centre.app_context(), write() as session:
        early = start - dt.timedelta(minutes=6)
        session.execute(update(FleetStatus).where(FleetStatus.kiosk == "K002").values(seen_at=early))
    alarms.round(start)
    assert [text for text in receiver.texts() if "K002" in text and "没有联系" in text] == receiver.texts()
    assert len(receiver.texts()) == 1
    assert "K002" in admin.text("/notices")
    with centre.app_context(), write() as session:
        session.execute(update(FleetStatus).values(seen_at=now()))
        assert desk_notices.remembered(session).keys() == {"kiosk.K002"}
    for seconds in (10, 20, 80):
        alarms.round(start + dt.timedelta(seconds=seconds))
    assert len(receiver.texts()) == 2
    assert "已恢复" in receiver.texts()[1]
    world.close()


def test_facts_are_listed_by_their_prefix_in_any_order_of_letters(centre: Flask) -> None:
    with centre.app_context(), write() as session:
        for name in ("key.0a", "key.ff", "keys", "kez", "card.0", "key"):
            desk_facts.put(session, name, {"name": name})
        session.flush()
        assert list(desk_facts.listed(session, "key.")) == ["key.0a", "key.ff"]
