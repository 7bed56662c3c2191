"""An order goes on at another kiosk of its hall, and is never worked on by two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from kiosk.db import Base, db, now, write
from kiosk.fleet import leases
from kiosk.fleet.leases import LeaseRefused
from kiosk.fleet.line import Cut, Line, Refused
from kiosk.fleet.models import FleetFault, FleetKiosk, FleetLease, FleetOrder
from kiosk.journal import Event
from kiosk.orders import transfer
from kiosk.orders.models import Order, Task, Visit
from kiosk.worker import uplink
from tests.fleet.test_commands import CARD, waits_for_review
from tests.fleet.world import Station

Stations = Callable[..., Station]
KIOSKS = ("K001", "K002", "K003")
NUMBER = "K001261121100001"


def state(one: Station, number: str) -> str | None:
    with one.app.app_context():
        return db.session.query(Order.state).filter_by(number=number).scalar()


def want(one: Station, number: str, document: str = CARD["number"]) -> None:
    with one.app.app_context():
        centre = uplink.paired()
        assert centre is not None
        with write() as session:
            transfer.ask_for(session, one.house, centre.box_key, number, document)


def workers(stations: list[Station], number: str) -> list[str]:
    """Kiosks whose own database lets them work on the order."""
    return [one.name for one in stations if state(one, number) in ("paid", "draft", "writing")]


def test_begun_here_finished_there(centre: Flask, stations: Stations) -> None:
    here, there = stations("K001"), stations("K002")
    number, _picture = waits_for_review(here)
    here.push()
    here.push()
    want(there, number)
    there.push()
    here.push()
    assert workers([here, there], number) == []
    here.push()
    there.push()
    assert workers([here, there], number) == ["K002"]
    there.push()
    with there.app.app_context():
        order = db.session.query(Order).filter_by(number=number).one()
        assert there.house.data(order)["form"]["unit_name"] == "湖南测试科技有限公司"
        assert [one.code for one in order.materials] != []
        assert db.session.query(Task).filter_by(kind="review").count() == 1
        assert transfer.open_leases(db.session()) == []
    with centre.app_context():
        row = db.session.query(FleetOrder).one()
        assert (row.kiosk, row.holder, row.state, row.review) == ("K001", "K002", "paid", "waiting")
        assert db.session.get(FleetLease, number).parcel is None  # type: ignore[union-attr]
        assert db.session.query(FleetFault).count() == 0
        kinds = [one.kind for one in db.session.query(Event).filter_by(order_no=number).order_by(Event.at)]
        assert kinds.index("order.away") < kinds.index("order.arrived")
    want(here, number)  # and back again
    for one in (here, there, there, here, here):
        one.push()
    assert workers([here, there], number) == ["K001"]


def test_a_kiosk_with_somebody_in_front_keeps_its_order(centre: Flask, stations: Stations) -> None:
    here, there = stations("K001"), stations("K002")
    number, _picture = waits_for_review(here)
    with here.app.app_context(), write() as session:
        order_id = session.query(Order.id).filter_by(number=number).scalar()
        session.add(Visit(token="t", order_id=order_id))
    here.push()
    want(there, number)
    for one in (there, here, there, here):
        one.push()
    assert workers([here, there], number) == ["K001"]


def test_another_hall_does_not_even_learn_that_it_exists(centre: Flask, stations: Stations) -> None:
    here, far = stations("K001"), stations("K002", hall="realestate")
    number, _picture = waits_for_review(here)
    here.push()
    want(far, number)
    far.push()
    with centre.app_context():
        assert db.session.query(FleetLease).count() == 0
    with far.app.app_context():
        assert transfer.open_leases(db.session()) == []


def test_without_the_customers_document_no_order_comes(centre: Flask, stations: Stations) -> None:
    """Whoever stole a kiosk's key can guess the numbers of orders, and gets none of them."""
    here, thief = stations("K001"), stations("K002")
    number, _picture = waits_for_review(here)
    here.push()
    here.push()
    want(thief, number, "430903199003078516")
    for one in (thief, here, thief):
        one.push()
    assert workers([here, thief], number) == ["K001"]
    with centre.app_context():
        assert db.session.query(FleetLease).count() == 0
    for verb, path in (("GET", "parcel"), ("POST", "take/1"), ("POST", "take/2")):
        with thief.app.app_context(), pytest.raises(Refused) as refused:
            thief.line._to(uplink.paired()).call(verb, f"/orders/{number}/{path}")  # type: ignore[arg-type]
        assert refused.value.status in (404, 409)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_every_answer_may_be_lost(
    centre: Flask, stations: Stations, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """Both kiosks crash whenever an answer is lost; whatever is lost, one of them ends up with the order."""
    here, there = stations("K001"), stations("K002")
    number, _picture = waits_for_review(here)
    here.push()
    here.push()
    want(there, number)
    call, turn = Line._once, iter(range(1, 10_000))

    def sometimes(self: Line, method: str, path: str, *words: Any) -> bytes:
        answer = call(self, method, path, *words)
        if "/orders/" in path and next(turn) % lost == 0 and next(turn) < 60:
            raise Cut("the answer is lost")
        return answer

    monkeypatch.setattr(Line, "_once", sometimes)
    for turn_of in range(24):
        one = (there, here)[turn_of % 2]
        try:
            one.line.step()
        except Cut:
            one.forget()
        assert len(workers([here, there], number)) <= 1
    monkeypatch.undo()
    for one in (there, here, there, here, there):
        one.push()
    assert workers([here, there], number) == ["K002"]


def test_a_lease_that_ran_out_is_worth_nothing(
    centre: Flask, stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stations("K001"), stations("K002")
    number, _picture = waits_for_review(here)
    here.push()
    here.push()
    want(there, number)
    there.push()
    here.push()
    here.push()
    call = Line._once

    def never_taken(self: Line, method: str, path: str, *words: Any) -> bytes:
        if "/take/" in path:
            raise Cut("not sent")
        return call(self, method, path, *words)

    monkeypatch.setattr(Line, "_once", never_taken)
    with pytest.raises(Cut):
        there.line.step()
    monkeypatch.undo()
    assert workers([here, there], number) == []
    with centre.app_context(), write() as session:
        session.get_one(FleetLease, number).expires_at = now() - dt.timedelta(seconds=1)
    want(here, number)
    here.push()
    assert workers([here, there], number) == ["K001"]
    there.push()
    assert workers([here, there], number) == ["K001"]
    with there.app.app_context():
        order = db.session.query(Order).filter_by(number=number).one()
        assert (order.state, order.wrapped_key) == ("away", None)


# -- the centre's half, in any order --------------------------------------------------------------


class Leases(RuleBasedStateMachine):
    """Three kiosks that ask, give, take, crash and come late, in any order, and a clock that jumps.

    ``may`` is what each kiosk believes by the protocol: it may work between the centre's yes (or the beginning) and its
    own letting go. At no moment two may.
    """

    @initialize()
    def begin(self) -> None:
        self.engine = create_engine("sqlite://")
        Base.metadata.create_all(self.engine, tables=[t for n, t in Base.metadata.tables.items() if "fleet" in n])
        self.session = Session(self.engine)
        self.kiosks = [FleetKiosk(kiosk=k, hall="h", place="", credential="", public_key=b"") for k in KIOSKS]
        self.session.add_all(self.kiosks)
        facts = {"kiosk": "K001", "holder": "K001", "hall": "h", "scheme": "s", "service": "s", "kind": "unit"}
        at = {"opened_at": now(), "changed_at": now(), "day": dt.date(2026, 11, 21)}
        self.session.add(FleetOrder(number=NUMBER, state="paid", review="", **facts, **at))
        self.session.commit()
        self.may, self.giving, self.fetched = {"K001"}, dict[str, int](), dict[str, int]()

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.engine.dispose()

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            found = act()
            self.session.commit()
            return found
        except LeaseRefused:
            self.session.commit()
            return None

    who = st.integers(0, 2)

    @rule(n=who)
    def asks(self, n: int) -> None:
        lease = self._try(lambda: leases.want(self.session, self.kiosks[n], NUMBER))
        if lease is not None and lease.state == "given":
            self.fetched[KIOSKS[n]] = lease.fence

    @rule(n=who, obeys=st.booleans())
    def reports(self, n: int, obeys: bool) -> None:
        """The holder hears that it is wanted, and lets go or does not."""
        for wanted in leases.asked_of(self.session, KIOSKS[n]):
            if obeys and KIOSKS[n] in self.may:
                self.may.discard(KIOSKS[n])
                self.giving[KIOSKS[n]] = wanted.fence

    @precondition(lambda self: self.giving)
    @rule(n=who, again=st.booleans())
    def gives(self, n: int, again: bool) -> None:
        """The parcel arrives, perhaps long after, perhaps twice."""
        fence = self.giving.get(KIOSKS[n])
        if fence is not None:
            self._try(lambda: leases.give(self.session, self.kiosks[n], NUMBER, fence, b"k", b"p"))
            if not again:
                self.giving.pop(KIOSKS[n])

    @rule(n=who, again=st.booleans())
    def takes(self, n: int, again: bool) -> None:
        """Under the fence it once fetched, however old."""
        fence = self.fetched.get(KIOSKS[n])
        if fence is None:
            return
        if self._try(lambda: leases.take(self.session, self.kiosks[n], NUMBER, fence)) is not None and not again:
            self.may.add(KIOSKS[n])
            self.fetched.pop(KIOSKS[n])

    @rule()
    def time_passes(self) -> None:
        lease = self.session.get(FleetLease, NUMBER)
        if lease is not None and lease.expires_at is not None:
            lease.expires_at = now() - dt.timedelta(seconds=1)
            self.session.commit()

    @invariant()
    def one_at_most(self) -> None:
        assert len(getattr(self, "may", ())) <= 1

    @invariant()
    def who_may_is_the_holder(self) -> None:
        if hasattr(self, "session") and self.may:
            order = self.session.get(FleetOrder, (dt.date(2026, 11, 21), NUMBER))
            assert order is not None
            assert self.may == {order.holder}


Leases.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLeases = Leases.TestCase
