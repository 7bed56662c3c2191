"""The electronic seal of an order: made once, checked before it is kept, and not paid for where nobody can make it."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image, ImageDraw
from sqlalchemy import select

from kiosk import config
from kiosk.db import db, now, write
from kiosk.orders import effects, journey, sealing, writing
from kiosk.orders.book import House
from kiosk.orders.models import Certificate, Effect, Material, Order, Task
from kiosk.orders.states import EffectState, State
from kiosk.simulators.people import WANG
from kiosk.worker.effects.preflight import Preflight
from kiosk.worker.effects.seals import MakeSeal
from kiosk.worker.engine import Engine
from kiosk.worker.pins import Pins
from kiosk.worker.world import World
from tests.ses_judge import judge

DER = b"\x30\x03\x02\x01\x01"  # stands for the certificate that was written


def written(house: House) -> str:
    """A person's order whose certificate is on the UKey: next comes the seal."""
    with write() as session:
        order = house.open_order(session, "szca", "new", "personal")
        house.put_data(
            order,
            {
                "card": {"kind": "resident", "name": WANG.name, "number": WANG.number},
                "form": {"name": WANG.name, "id_number": WANG.number, "id_type": "id_card", "seal_type": "template"},
            },
        )
        order.state = State.WRITING
        row = Certificate(order_id=order.id, state="written", request_id=f"{order.number}-1", serial="4f" * 16)
        row.not_before, row.not_after = now(), now() + dt.timedelta(days=365)
        session.add(row)
        session.flush()
        row.certificate_der = house.seal(order, DER, f"certificate.certificate_der.{row.id}")
        session.refresh(order, ["certificates"])
        picture = _cutout()
        code = journey.seal_code(house.offer(order)[2])
        digest = house.put_file(order, picture)
        session.add(Material(order_id=order.id, code=code, state="kept", verdict=[], cutout=digest, facts={}))
        session.refresh(order, ["materials"])
        writing.go_on(session, house, order)
        return order.number


def _cutout() -> bytes:
    sheet = Image.new("RGBA", (400, 160))
    ImageDraw.Draw(sheet).line((20, 120, 180, 30, 380, 130), fill=(20, 20, 40, 255), width=9)
    out = io.BytesIO()
    sheet.save(out, "PNG", dpi=(300, 300))
    return out.getvalue()


def order_of(number: str) -> Order:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Order).where(Order.number == number)).one()


def world_with(tmp_path: Path, maker: str, **options: str) -> World:
    settings = config.load({}, home=str(tmp_path / "home"), simulators=False)
    return World(settings.model_copy(update={"seal_maker": maker, "seal_maker_options": options}))


def test_the_seal_is_made_checked_and_kept(core: Flask, house: House, tmp_path: Path) -> None:
    world = world_with(tmp_path, "local")
    try:
        number = written(house)
        engine = Engine(core, house, world, Pins(), {"seal.make": MakeSeal()})
        assert engine.step("ca")
    finally:
        world.close()
    order = order_of(number)
    (certificate,) = order.certificates
    assert certificate.state == "seal_made"
    assert effects.live(db.session(), order, "write.seal", "0") is not None
    der = sealing.kept(house, order, certificate)
    assert der is not None
    found = judge(der, tmp_path)
    assert (found.name, found.kind, found.owner, found.serial) == (WANG.name, 2, (DER,), f"{number}-1")
    assert found.size_mm == (34, 14)


def test_a_signature_that_does_not_fit_is_not_kept(core: Flask, house: House, tmp_path: Path) -> None:
    world = world_with(tmp_path, "tests.worker.forger:Forger", home=str(tmp_path / "forger"))
    handler = MakeSeal()
    handler.backoff = 0.0
    try:
        number = written(house)
        engine = Engine(core, house, world, Pins(), {"seal.make": handler})
        for _ in range(handler.tries):
            assert engine.step("ca")
    finally:
        world.close()
    order = order_of(number)
    effect = db.session.scalars(select(Effect).where(Effect.kind == "seal.make")).one()
    assert (effect.state, effect.note) == (EffectState.FAILED, "seal_signature_wrong")
    assert sealing.kept(house, order, order.certificates[0]) is None
    assert db.session.scalars(select(Task.kind)).all() == ["write_failed"]


@pytest.mark.parametrize(
    ("maker", "fault"), [("", "seal_maker_silent"), ("no.such:Maker", "seal_maker_silent"), ("local", None)]
)
def test_nobody_pays_for_a_seal_that_cannot_be_made(tmp_path: Path, maker: str, fault: str | None) -> None:
    world = world_with(tmp_path, maker)
    try:
        assert Preflight._seal_maker(world) == fault
    finally:
        world.close()
