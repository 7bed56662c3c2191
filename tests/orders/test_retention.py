"""Retention: after the configured days a person's data are gone from database and disk, the chain still verifies."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from flask import Flask

from kiosk.db import db, now, write
from kiosk.journal import Event, verify
from kiosk.orders.book import House
from kiosk.orders.models import Certificate, Material, Message, Order, SmsCode
from kiosk.orders.states import State
from kiosk.privacy import VaultError
from kiosk.worker.retention import shred_all

DAY = dt.timedelta(days=1)
NAME, PHONE = "王俊轩", "13812345678"


def finished(house: House, state: State = State.DONE, age: int = 200, **form: str) -> str:
    """An order as it stands when all is over, changed so many days ago."""
    with write() as session:
        order = house.open_order(session, "yiyang", "renew", "unit")
        house.put_data(
            order, {"card": {"name": NAME, "number": "430903199003078515"}, "form": {"mobile": PHONE, **form}}
        )
        digest = house.put_file(order, b"picture of " + order.number.encode())
        session.add(Material(order_id=order.id, code="licence", state="kept", picture=digest))
        sealed = house.seal(order, b"certificate", "certificate.request_der")
        session.add(Certificate(order_id=order.id, request_id=f"r{order.id}", serial="0a", request_der=sealed))
        session.add(SmsCode(order_id=order.id, phone_index="x", expires_at=now()))
        session.add(Message(order_id=order.id, kind="done", ref=f"m{order.id}", sealed=b"sealed"))
        order.state, order.amount = state, 20000
        order.updated_at = now() - age * DAY
        return order.number


def row(number: str) -> Order:
    return db.session.query(Order).filter_by(number=number).one()


def shredded(core: Flask, house: House, moment: dt.datetime | None = None) -> int:
    """As the worker does, with no reader of this test in the way."""
    db.session.rollback()
    count = shred_all(core, house, moment)
    db.session.rollback()
    return count


def test_what_is_over_is_shredded_and_the_chain_is_whole(core: Flask, house: House) -> None:
    old, young = finished(house), finished(house, age=170)
    wrapped = row(old).wrapped_key
    assert wrapped is not None
    digest = row(old).materials[0].picture
    assert digest is not None
    before = db.session.query(Event).count()
    assert shredded(core, house) == 1
    with pytest.raises(VaultError):
        house.get_file(row(old), digest)
    gone = row(old)
    assert (gone.wrapped_key, gone.sealed, gone.person_index, gone.phone_index, gone.name_index) == (None,) * 5
    assert gone.certificates[0].request_der is None
    assert gone.certificates[0].serial == "0a"
    assert db.session.query(SmsCode).filter_by(order_id=gone.id).count() == 0
    assert not (house.settings.files / old).exists()
    assert house.data(row(young))["card"]["name"] == NAME
    assert shredded(core, house) == 0
    events, broken = verify(db.session())
    assert (events, broken) == (before + 1, None)
    assert (
        db.session.query(Event).filter_by(order_no=old).order_by(Event.seq.desc()).first().kind == "personal.shredded"
    )
    db.session.rollback()
    kept = b"".join(path.read_bytes() for path in house.settings.home.glob("kiosk.sqlite*"))
    assert wrapped not in kept


def test_what_is_open_is_kept(core: Flask, house: House) -> None:
    with_task, waiting = finished(house), finished(house, State.CLERK)
    invoice = finished(house, invoice="yes")
    with write() as session:
        house.task(session, "not_printed", {}, session.query(Order).filter_by(number=with_task).one())
        session.query(Order).filter_by(number=with_task).one().updated_at = now() - 300 * DAY
    assert shredded(core, house) == 0
    assert all(row(number).wrapped_key for number in (with_task, waiting, invoice))


def test_who_left_before_paying_is_forgotten_soon(core: Flask, house: House) -> None:
    left, done = finished(house, State.VOID, age=2), finished(house, age=2)
    assert shredded(core, house) == 1
    assert row(left).wrapped_key is None
    assert row(done).wrapped_key is not None
    forever = replace(house, settings=house.settings.model_copy(update={"retention_days": 0, "left_days": 0}))
    assert shredded(core, forever, now() + 9999 * DAY) == 0
