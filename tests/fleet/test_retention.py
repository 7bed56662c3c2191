"""Personal data at the centre go when their time is over, by themselves, and the chain still verifies."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flask import Flask

from kiosk import journal
from kiosk.db import db, now, write
from kiosk.fleet import dossiers
from kiosk.fleet.models import FleetDossier, FleetKey, FleetOrder
from kiosk.journal import Event
from kiosk.privacy.store import StoreError
from kiosk.supervise import free_port
from kiosk.worker.retention import shred_all
from tests.clerk.staff import Member
from tests.fleet.test_commands import waits_for_review
from tests.fleet.world import Station, house_of
from tests.running import eventually

Stations = Callable[..., Station]
COMPANY = {"unit_name": "湖南测试科技有限公司", "uscc": "91430900MA4L1ABCDX", "mobile": "13812345678"}


def finished(one: Station, *states: str) -> str:
    number = one.open_order(form=COMPANY)
    one.move(number, *(states or ("paying", "paid", "writing", "done")))
    one.push()
    one.push()
    return number


def age(centre: Flask, number: str, days: int) -> None:
    """As if so many days had gone since the order was touched."""
    with centre.app_context(), write() as session:
        moment = now() - dt.timedelta(days=days)
        session.get_one(FleetDossier, number).at = moment
        session.query(FleetOrder).filter_by(number=number).one().changed_at = moment


def readable(centre: Flask, *numbers: str) -> list[bool]:
    with centre.app_context():
        return [dossiers.read(db.session(), house_of(centre).vault, one)[1] is not None for one in numbers]


def test_only_what_is_over_and_old_goes(centre: Flask, staff: dict[str, Member], stations: Stations) -> None:
    one = stations("K001")
    old, recent, open_ = finished(one), finished(one), finished(one, "paying", "paid")
    age(centre, old, 181)
    age(centre, recent, 179)
    age(centre, open_, 400)
    assert shred_all(centre, house_of(centre)) == 1
    assert readable(centre, old, recent, open_) == [False, True, True]
    assert shred_all(centre, house_of(centre)) == 0
    with centre.app_context():
        kinds = {key.kind for key in db.session.query(FleetKey).filter_by(number=old)}
        assert kinds <= {"serial"}
        row = db.session.get(FleetDossier, old)
        assert row is not None
        assert (row.wrapped_key, row.sealed) == (None, None)
        last = db.session.query(Event).filter_by(kiosk="C001").order_by(Event.seq.desc()).first()
        assert last is not None
        assert (last.kind, last.order_no, last.body) == ("personal.shredded", old, {"state": "done"})
        assert journal.verify(db.session())[1] is None
    browser = staff["clerk"].browser()
    assert old not in browser.post("/fleet/orders", kind="phone", text=COMPANY["mobile"]).get_data(as_text=True)
    assert "个人信息已按期销毁" in browser.text(f"/fleet/orders/{old}")


def test_it_goes_on_past_what_must_stay(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    stay = [finished(one, "paying", "paid") for _ in range(3)]
    go = [finished(one) for _ in range(2)]
    for days, number in enumerate([*go, *stay]):
        age(centre, number, 200 + days)  # those that stay are the oldest
    dossiers_batch, dossiers.BATCH = dossiers.BATCH, 2
    try:
        assert shred_all(centre, house_of(centre)) == 2
    finally:
        dossiers.BATCH = dossiers_batch
    assert readable(centre, *stay, *go) == [True] * 3 + [False] * 2


def test_kept_for_ever_where_it_is_set_so(centre: Flask, stations: Stations) -> None:
    number = finished(stations("K001"))
    age(centre, number, 4000)
    house = house_of(centre)
    assert shred_all(centre, replace(house, settings=house.settings.model_copy(update={"retention_days": 0}))) == 0
    assert readable(centre, number) == [True]


def test_the_key_goes_though_the_store_is_away(centre: Flask, stations: Stations) -> None:
    class Away:
        def destroy(self, owner: str) -> int:
            raise StoreError(owner)

    one = stations("K001")
    number, picture = waits_for_review(one)
    one.push()
    one.move(number, "writing", "done")
    one.push()
    age(centre, number, 200)
    house = house_of(centre)
    away = replace(house, files=replace(house.files, store=Away()))  # type: ignore[arg-type]
    assert shred_all(centre, away) == 1
    assert readable(centre, number) == [False]
    assert house.files.has(number, hashlib.sha256(picture).hexdigest())


def test_an_order_that_comes_to_life_again_has_a_new_key(centre: Flask, stations: Stations) -> None:
    one = stations("K001")
    number = finished(one)
    age(centre, number, 200)
    shred_all(centre, house_of(centre))
    with centre.app_context(), write() as session:
        session.query(FleetOrder).filter_by(number=number).one().wanted = 1
    one.push()
    assert readable(centre, number) == [True]


def test_the_centre_looks_by_itself(centre: Flask, database: str, stations: Stations, tmp_path: Path) -> None:
    """A web process of the centre, started as in service."""
    number = finished(stations("K001"))
    age(centre, number, 200)
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIOSK_")}
    environ = {**kept, "KIOSK_HOME": str(house_of(centre).settings.home), "KIOSK_ROLE": "centre"}
    environ |= {"KIOSK_KIOSK_ID": "C001", "KIOSK_DATABASE": database, "KIOSK_PORT": str(port)}
    environ |= {"KIOSK_SIMULATORS": "false"}
    log = tmp_path / "serve.log"
    with log.open("wb") as out, subprocess.Popen([sys.executable, "-m", "kiosk.serve"], env=environ, stderr=out) as web:
        try:
            eventually(lambda: readable(centre, number) == [False], 60)
        finally:
            web.terminate()
    assert number not in log.read_text("utf-8")
