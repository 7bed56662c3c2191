"""Scans for a reviewer, kept in S3 by a centre with two web processes; lines and store that fail on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from kiosk.db import db
from kiosk.fleet.line import Cut, Line
from kiosk.fleet.models import FleetOrder
from kiosk.privacy.store import Objects, StoreError
from tests.clerk.staff import Member
from tests.fleet.conftest import centre_app
from tests.fleet.test_commands import waits_for_review
from tests.fleet.world import Station, house_of
from tests.objects import S3, s3_server

Stations = Callable[..., Station]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def centre(database: str, tmp_path: Path, s3: S3) -> Iterator[Flask]:
    """A centre that keeps its scans in S3."""
    app = centre_app(tmp_path / "centre", database, store=s3.settings(tmp_path.name))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def wanted(centre: Flask) -> bool:
    with centre.app_context():
        return db.session.query(FleetOrder).one().wanted is not None


def test_a_scan_is_seen_through_every_web_process(
    centre: Flask, staff: dict[str, Member], stations: Stations, database: str, tmp_path: Path, s3: S3
) -> None:
    one = stations("K001")
    number, picture = waits_for_review(one)
    one.push()
    digest = hashlib.sha256(picture).hexdigest()
    sealed = s3.object(f"{tmp_path.name}/{number}/{digest}")
    assert sealed is not None
    assert picture[:64] not in sealed
    assert not list((tmp_path / "centre" / "files").iterdir())
    other = centre_app(tmp_path / "centre", database, store=s3.settings(tmp_path.name))
    for app in (centre, other):
        browser = Member(app, "reviewer.one", staff["reviewer"].secret).browser()
        assert browser.get(f"/fleet/reviews/{number}/picture/{digest}").data == picture
    with other.app_context():
        db.session.remove()
        db.engine.dispose()


def test_scans_go_on_where_the_line_was_cut(
    centre: Flask, stations: Stations, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s3: S3
) -> None:
    one = stations("K001")
    number, picture = waits_for_review(one)
    whole = Line.call

    def cut(self: Line, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        if "/files/" in path:
            raise Cut("cut")
        return whole(self, method, path, body, kind)

    monkeypatch.setattr(Line, "call", cut)
    with pytest.raises(Cut):
        one.push()
    monkeypatch.undo()
    one.forget()
    assert wanted(centre)
    one.push()
    assert not wanted(centre)
    assert s3.object(f"{tmp_path.name}/{number}/{hashlib.sha256(picture).hexdigest()}") is not None


def test_while_the_store_is_away_all_else_goes_on(
    centre: Flask, staff: dict[str, Member], stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, browser = stations("K001"), staff["reviewer"].browser()
    number, _picture = waits_for_review(one)

    def away(self: Objects, name: str, data: bytes = b"") -> bool:
        raise StoreError("TimeoutError")

    monkeypatch.setattr(Objects, "put", away)
    one.push()
    assert wanted(centre)
    assert "图片正在传来" in browser.text(f"/fleet/reviews/{number}")
    monkeypatch.setattr(Objects, "has", away)
    one.happen(5)
    one.push()
    assert "图片正在传来" in browser.text(f"/fleet/reviews/{number}")
    monkeypatch.undo()
    one.push()
    assert not wanted(centre)
    assert "图片正在传来" not in browser.text(f"/fleet/reviews/{number}")


def test_a_scan_that_was_lost_is_sent_again(
    centre: Flask, staff: dict[str, Member], stations: Stations, tmp_path: Path, s3: S3
) -> None:
    one, browser = stations("K001"), staff["reviewer"].browser()
    number, picture = waits_for_review(one)
    one.push()
    digest = hashlib.sha256(picture).hexdigest()
    assert house_of(centre).files.destroy(number) == 1
    assert "图片正在传来" in browser.text(f"/fleet/reviews/{number}")
    one.push()
    assert s3.object(f"{tmp_path.name}/{number}/{digest}") is not None
    assert browser.get(f"/fleet/reviews/{number}/picture/{digest}").data == picture
