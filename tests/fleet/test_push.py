"""Events arrive at the centre in order, exactly once, and only as a whole chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from kiosk import journal
from kiosk.db import db, today, write
from kiosk.fleet.line import Cut, Line
from kiosk.fleet.models import FleetFault, FleetFigure, FleetOrder, FleetStatus
from kiosk.journal import Event
from kiosk.journal.models import ChainHead
from kiosk.worker import uplink
from tests.fleet.world import Station

Stations = Callable[..., Station]


def chain(app: Flask, kiosk: str, epoch: int = 1) -> list[tuple[int, str]]:
    with app.app_context():
        query = db.session.query(Event.seq, Event.hash).filter_by(kiosk=kiosk, epoch=epoch)
        found = [(seq, digest) for seq, digest in query.order_by(Event.seq)]
        db.session.rollback()
        return found


def faults(centre: Flask) -> list[str]:
    with centre.app_context():
        query = db.session.query(FleetFault).filter(FleetFault.cleared_at.is_(None))
        return [one.code for one in query.order_by(FleetFault.id)]


def test_both_sides_have_the_same_chain(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.happen(450, name="编号")  # more than two reports
    one.push()
    assert len(chain(centre, "K001")) == 450
    assert chain(centre, "K001") == chain(one.app, "K001")
    one.happen(1)
    one.push()
    assert chain(centre, "K001") == chain(one.app, "K001")
    with centre.app_context():
        assert journal.verify(db.session())[1] is None
        status = db.session.get(FleetStatus, "K001")
        assert status is not None
        assert status.told["behind"] == 0


def test_a_reply_that_is_lost_doubles_nothing(
    centre: Flask, stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, call = stations("K001"), Line._once

    def lost(self: Line, *words: Any) -> bytes:
        call(self, *words)
        raise Cut("the answer is lost")

    number = one.open_order()
    one.line.step()
    monkeypatch.setattr(Line, "_once", lost)
    for _ in range(3):
        with pytest.raises(Cut):
            one.line.step()
    monkeypatch.undo()
    one.push()
    assert chain(centre, "K001") == chain(one.app, "K001")
    with centre.app_context():
        figure = db.session.query(FleetFigure).filter_by(measure="orders").one()
        assert (figure.amount, figure.hall, figure.day) == (1, "yiyang", today())
        assert db.session.query(FleetOrder).one().number == number


def test_the_centre_that_was_put_back_to_yesterday_gets_the_rest_again(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.happen(30)
    one.push()
    with centre.app_context(), write() as session:
        session.query(Event).filter(Event.kiosk == "K001", Event.seq > 12).delete()
        head = session.get_one(ChainHead, ("K001", 1))
        head.seq, head.hash = 12, session.get_one(Event, ("K001", 1, 12)).hash
    one.happen(1)
    one.push()
    assert chain(centre, "K001") == chain(one.app, "K001")
    assert len(chain(centre, "K001")) == 31
    assert faults(centre) == []


def test_a_fork_is_refused_and_shown_and_nothing_is_lost(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.happen(20)
    one.push()
    with one.app.app_context(), write() as session:  # the disk of last week is put in without a new epoch
        session.query(Event).filter(Event.kiosk == "K001", Event.seq > 15).delete()
        head = session.get_one(ChainHead, ("K001", 1))
        head.seq, head.hash = 15, session.get_one(Event, ("K001", 1, 15)).hash
    one.happen(8, other="life")
    one.forget()
    before = chain(centre, "K001")
    one.push()
    one.push()
    assert chain(centre, "K001") == before
    assert faults(centre) == ["fork"]
    assert one.line.fault == "fork"
    assert len(chain(one.app, "K001")) == 23
    with centre.app_context():
        kept = db.session.query(FleetFault).one()
        assert kept.told["hash"] == dict(chain(one.app, "K001"))[kept.seq]
        assert db.session.get_one(FleetStatus, "K001").told["fault"] == "fork"


def test_a_changed_event_stops_the_chain_there(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.happen(10)
    with one.app.app_context(), write() as session:
        session.get_one(Event, ("K001", 1, 7)).kind = "harmless"
    one.push()
    assert len(chain(centre, "K001")) == 6
    assert faults(centre) == ["changed"]
    with one.app.app_context(), write() as session:
        session.get_one(Event, ("K001", 1, 7)).kind = "test.happened"
    with centre.app_context(), write() as session:
        session.query(FleetFault).one().cleared_by = "somebody"
        session.query(FleetFault).one().cleared_at = session.query(FleetFault).one().at
    one.push()
    one.push()
    assert chain(centre, "K001") == chain(one.app, "K001")


def test_a_replaced_disk_goes_on_in_a_new_epoch_and_the_old_one_is_refused(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.happen(5)
    one.push()
    one.live_in(epoch=2)
    one.happen(4)
    one.push()
    assert len(chain(centre, "K001", 2)) == 4
    one.live_in(epoch=1)
    one.happen(2)
    one.push()
    assert len(chain(centre, "K001", 1)) == 5
    assert faults(centre) == ["old_epoch"]


def test_a_cut_line_costs_nothing_and_is_caught_up(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    one.push()
    with one.app.app_context():
        centre_now = uplink.paired()
        assert centre_now is not None
        row = db.session.get(uplink.Standing, uplink.PAIRED)
        assert row is not None
        good = dict(row.value)
        with write() as session:
            session.get_one(uplink.Standing, uplink.PAIRED).value = {**good, "url": "http://127.0.0.1:9"}
    one.happen(300)
    with pytest.raises(Cut):
        one.line.step()
    with one.app.app_context(), write() as session:
        session.get_one(uplink.Standing, uplink.PAIRED).value = good
    one.push()
    assert chain(centre, "K001") == chain(one.app, "K001")
