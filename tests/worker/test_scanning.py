"""A page on the glass, through the worker's own children: judged, read, compared; nothing that lies there stops it."""

from __future__ import annotations

import io
import os
import signal
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from kiosk import config
from kiosk.db import db, write
from kiosk.hardware.child import Child
from kiosk.journal import Event
from kiosk.orders import capture, journey
from kiosk.orders.book import House
from kiosk.orders.models import Effect, Material, Order
from kiosk.simulators import pages
from kiosk.simulators.people import COMPANY_A, COMPANY_B, LIN, ZHOU
from kiosk.worker.effects.scanning import Scan
from kiosk.worker.engine import Engine
from kiosk.worker.pins import Pins
from kiosk.worker.world import World
from tests.imaging.test_pictures import bomb

pytestmark = [pytest.mark.xdist_group("scanning"), pytest.mark.timeout(400)]


class Hall(World):
    """The worker's world with a glass that takes any file; inspector and reader are the kiosk's own children."""

    def __init__(self, home: Path) -> None:
        super().__init__(config.load({}, home=str(home), simulators=False))
        self.glass = home / "glass"

    @property
    def scanner(self) -> Child:
        return self._child("scanner", "tests.worker.glass:Glass", {"path": str(self.glass)})


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    world = Hall(tmp_path_factory.mktemp("hall"))
    yield world
    world.close()


class Desk:
    """One order on its way, and what comes of laying something on the glass for it."""

    def __init__(self, core: Flask, house: House, hall: Hall) -> None:
        self.core, self.house, self.hall = core, house, hall
        self.engine = Engine(core, house, hall, Pins(), {"scan": Scan()})
        self.number = ""

    def order(self, data: dict[str, Any], service: str = "new", scheme: str = "szca", kind: str = "unit") -> str:
        with write() as session:
            order = self.house.open_order(session, scheme, service, kind)
            self.house.put_data(order, data)
            self.number = order.number
        return self.number

    def here(self) -> Order:
        db.session.rollback()
        db.session.expire_all()
        return db.session.scalars(select(Order).where(Order.number == self.number)).one()

    def data(self) -> dict[str, Any]:
        return self.house.data(self.here())

    def lay(self, material: str, picture: bytes) -> tuple[Effect, Material | None]:
        """Scan for that material: the effect as it ended, and the newest picture."""
        self.hall.glass.write_bytes(picture)
        with write() as session:
            order = session.scalars(select(Order).where(Order.number == self.number)).one()
            effect = Effect(order_id=order.id, kind="scan", subject=material, lane="desk", facts={}, tries=0)
            session.add(effect)
            session.flush()
            effect_id = effect.id
        assert self.engine.step("desk")
        found = journey.newest_pictures(self.here()).get(material)
        ended = db.session.get(Effect, effect_id)
        assert ended is not None
        return ended, found


@pytest.fixture
def desk(core: Flask, house: House, hall: Hall) -> Desk:
    return Desk(core, house, hall)


def person(card: Any, role: str = "agent") -> dict[str, Any]:
    return {"card": {"kind": "resident", "name": card.name, "number": card.number}, "role": role}


def encoded(image: Image.Image, kind: str = "PNG", **facts: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **facts)
    return out.getvalue()


# -- reading --------------------------------------------------------------------------------------


def test_a_licence_fills_the_form_and_waits_for_confirmation(desk: Desk) -> None:
    desk.order(person(LIN))
    effect, picture = desk.lay("licence", pages.draw("licence", COMPANY_A.name))
    assert picture is not None
    assert (effect.state, picture.state, picture.verdict, picture.facts["notes"]) == ("done", "good", [], [])
    data = desk.data()
    assert data["licence"] == {
        "name": COMPANY_A.name,
        "uscc": COMPANY_A.uscc,
        "legal_name": ZHOU.name,
        "address": COMPANY_A.address,
    }
    order = desk.here()
    given = journey.answers(desk.house, order, data)
    assert (given["unit_name"], given["uscc"], given["legal_name"]) == (COMPANY_A.name, COMPANY_A.uscc, ZHOU.name)
    codes = [step.code for step in journey.steps(desk.house, order, data)]
    assert codes.index("material-licence") < codes.index("form-unit")
    assert not order.progress.get("form-unit")
    told = db.session.scalars(select(Event.body).where(Event.kind == "effect.ended")).all()
    assert COMPANY_A.name not in str(told)
    assert COMPANY_A.uscc not in str(told)


def test_the_licence_of_another_unit_than_the_ukey(desk: Desk) -> None:
    token = {"serial": "1", "kind": "unit", "name": COMPANY_B.name, "number": COMPANY_B.uscc}
    desk.order({**person(LIN), "token": token}, service="renew")
    _, picture = desk.lay("licence", pages.draw("licence", COMPANY_A.name))
    assert picture is not None
    assert (picture.state, picture.verdict) == ("refused", [capture.OTHER_UNIT])


def test_the_copy_of_somebody_elses_id_card(desk: Desk) -> None:
    desk.order(person(LIN))
    _, picture = desk.lay("agent_id-1", pages.draw("id_front", COMPANY_A.name, ZHOU.name))
    assert picture is not None
    assert (picture.state, picture.verdict) == ("refused", [capture.OTHER_PERSON])
    _, picture = desk.lay("agent_id-1", pages.draw("id_front", COMPANY_A.name, LIN.name))
    assert picture is not None
    assert (picture.state, picture.verdict) == ("good", [])


def test_the_absent_legal_representatives_card_is_a_proposal(desk: Desk) -> None:
    desk.order(person(LIN), scheme="realestate")
    _, picture = desk.lay("legal_id-1", pages.draw("id_front", COMPANY_A.name, ZHOU.name))
    assert picture is not None
    assert picture.state == "good"
    data = desk.data()
    assert data["id_copy"] == {"name": ZHOU.name, "number": ZHOU.number}
    given = journey.answers(desk.house, desk.here(), data)
    assert given["legal_id"] == ZHOU.number
    _, back = desk.lay("legal_id-2", pages.draw("id_back", COMPANY_A.name, ZHOU.name))
    assert back is not None
    assert back.state == "good"


def test_the_reader_dies_and_the_picture_is_taken_all_the_same(desk: Desk) -> None:
    desk.order(person(LIN))
    desk.hall.reader.call("ready", deadline=60)
    pid = desk.hall.reader.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # it hangs, and is killed while it reads
    try:
        import kiosk.worker.effects.scanning as scanning

        before, scanning.READING = scanning.READING, 1
        _, picture = desk.lay("licence", pages.draw("licence", COMPANY_A.name))
    finally:
        scanning.READING = before
    assert picture is not None
    assert (picture.state, picture.facts["notes"]) == ("good", [capture.UNREAD])
    assert "licence" not in desk.data()


def test_no_reader_at_all(core: Flask, house: House, hall: Hall) -> None:
    class Bare(Hall):
        @property
        def reader(self) -> Child:
            return self._child("reader", "kiosk.imaging.package_that_is_absent:Reader", {})

    bare = Bare(hall.glass.parent)
    try:
        desk = Desk(core, house, bare)
        desk.order(person(LIN))
        _, picture = desk.lay("licence", pages.draw("licence", COMPANY_A.name))
        assert picture is not None
        assert (picture.state, picture.facts["notes"]) == ("good", [capture.UNREAD])
    finally:
        bare.close()


# -- seals and sheets -----------------------------------------------------------------------------


def unit_order(desk: Desk) -> str:
    return desk.order({**person(LIN), "form": {"unit_name": COMPANY_A.name, "seal_type": "scanned"}})


def test_a_seal_of_the_unit_is_taken_and_cut_out(desk: Desk) -> None:
    number = unit_order(desk)
    _, picture = desk.lay("seal_sheet", pages.draw("seal", COMPANY_A.name, order=number))
    assert picture is not None
    assert (picture.state, picture.verdict, picture.facts["notes"]) == ("good", [], [])
    assert picture.cutout is not None
    assert abs(picture.facts["diameter_mm"] - 42) < 0.4


def test_a_seal_with_another_name_is_told(desk: Desk) -> None:
    number = unit_order(desk)
    _, picture = desk.lay("seal_sheet", pages.draw("seal", "益阳另一示范贸易有限公司", order=number))
    assert picture is not None
    assert (picture.state, picture.verdict) == ("refused", [capture.SEAL_NAME])
    asked = capture.wanted(desk.house, desk.here(), "seal_sheet")
    assert "贸易" in capture.reading_of(desk.data(), asked)["name"]
    assert picture.cutout is not None  # a clerk may keep it after all


def test_a_sheet_of_another_order_is_refused(desk: Desk) -> None:
    unit_order(desk)
    _, picture = desk.lay("seal_sheet", pages.draw("seal", COMPANY_A.name, order="K001261121109999"))
    assert picture is not None
    assert (picture.state, picture.verdict) == ("refused", [capture.OTHER_ORDER])
    _, picture = desk.lay("unit_form", pages.draw("form", COMPANY_A.name, order="K001261121109999"))
    assert picture is not None
    assert capture.OTHER_ORDER in picture.verdict


def test_a_bad_seal_is_refused_then_a_good_one_taken(desk: Desk) -> None:
    number = unit_order(desk)
    _, bad = desk.lay("seal_sheet", pages.draw("seal_touching", COMPANY_A.name, order=number))
    assert bad is not None
    assert bad.state == "refused"
    assert bad.verdict
    assert bad.shown is not None
    _, good = desk.lay("seal_sheet", pages.draw("seal", COMPANY_A.name, order=number))
    assert good is not None
    assert good.state == "good"


# -- hostile pictures -----------------------------------------------------------------------------

PAGE = Image.open(io.BytesIO(pages.draw("letter", COMPANY_A.name, LIN.name))).convert("RGB")
SMALL = PAGE.resize((1240, 1754))
WHOLE = encoded(SMALL, "JPEG", quality=85)


def deflate_bomb() -> bytes:
    """A small file of honest structure that unpacks to 20,000 x 20,000 pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    side = 20_000
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8) * 500) for _ in range(side // 500)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


REFUSED = {
    "zero bytes": (b"", "picture_empty"),
    "no picture": (b"%PDF-1.7 no picture", "picture_not_a_picture"),
    "a header that promises too much": (bomb(20_000), "picture_too_large"),
    "a bomb": (deflate_bomb(), "picture_too_large"),
    "half a JPEG": (WHOLE[: len(WHOLE) // 2], "picture_truncated"),
    "a stamp": (encoded(Image.new("RGB", (20, 20))), "picture_too_small"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("material", ["licence", "seal_sheet"])
def test_a_hostile_picture_is_refused_with_its_reason(desk: Desk, what: str, material: str) -> None:
    unit_order(desk)
    hostile, code = REFUSED[what]
    effect, picture = desk.lay(material, hostile)
    assert (effect.state, effect.note, picture) == ("failed", code, None)
    from kiosk.views.messages import MESSAGES

    assert code in MESSAGES


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(SMALL.rotate(90, expand=True), "JPEG", exif=exif, dpi=(150, 150))


ODD = {
    "CMYK": encoded(SMALL.convert("CMYK"), "JPEG", dpi=(150, 150)),
    "16 bits": encoded(Image.fromarray(np.asarray(SMALL.convert("L")).astype(np.uint16) * 257), dpi=(150, 150)),
    "EXIF says turned": turned(),
    "grey": encoded(SMALL.convert("L"), dpi=(150, 150)),
    "transparent": encoded(SMALL.convert("RGBA"), dpi=(150, 150)),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_but_honest_picture_is_judged(desk: Desk, what: str) -> None:
    desk.order(person(LIN), scheme="yiyang")
    effect, picture = desk.lay("letter", ODD[what])
    assert effect.state == "done"
    assert picture is not None
    grey = what in ("16 bits", "grey")
    assert picture.verdict == (["seal_missing"] if grey else [])


def test_a_killed_inspector_costs_one_scan(desk: Desk) -> None:
    desk.order(person(LIN), scheme="yiyang")
    assert desk.lay("letter", WHOLE)[0].state == "done"
    pid = desk.hall.inspector.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert desk.lay("letter", WHOLE)[0].state == "done"


def test_an_inspector_that_hangs_is_killed_and_the_person_told(desk: Desk) -> None:
    import kiosk.worker.effects.scanning as scanning

    desk.order(person(LIN), scheme="yiyang")
    desk.lay("letter", WHOLE)
    pid = desk.hall.inspector.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    before, scanning.JUDGING = scanning.JUDGING, 1
    try:
        effect, _ = desk.lay("letter", WHOLE)
    finally:
        scanning.JUDGING = before
    assert (effect.state, effect.note) == ("failed", "picture_not_judged")
    assert desk.lay("letter", WHOLE)[0].state == "done"
