"""The shelf: publishing a file, keeping versions, and another process taking them up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.shelf import LOOK, STAMP, Shelf


def dearer(shelf: Shelf) -> str:
    return shelf.text("yiyang.toml").replace("{ years = 1, amount = 20000 }", "{ years = 1, amount = 20001 }", 1)


def price(found: object) -> int | None:
    scheme = found.schemes["yiyang"]  # type: ignore[attr-defined]
    prices = [offer.price(1) for service in scheme.services.values() for offer in service.offers.values()]
    return 20001 if 20001 in prices else 20000


def test_a_published_file_is_in_force_and_the_old_version_is_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "operator")
    old = shelf.version
    new = shelf.publish("yiyang.toml", dearer(shelf))
    assert shelf.version == new != old
    assert price(shelf) == price(shelf.of(new)) == 20001
    assert price(shelf.of(old)) == 20000
    assert price(Shelf(tmp_path / "operator").of(old)) == 20000


def test_an_unknown_version_is_carried_out_by_the_one_in_force(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.of("f" * 64).version == shelf.version
    assert shelf.of("../..").version == shelf.version


def test_another_holder_takes_the_new_version_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web, worker = Shelf(tmp_path), Shelf(tmp_path)
    web.publish("yiyang.toml", dearer(web))
    monkeypatch.setattr("kiosk.catalogue.shelf.time.monotonic", lambda: 10.0**9 + LOOK)
    assert worker.version == web.version


def test_a_wrong_file_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    before = shelf.version
    for file, content in (("yiyang.toml", "code = 1"), ("../evil.toml", ""), ("a/b.toml", ""), ("x.sh", "")):
        with pytest.raises(CatalogueError):
            shelf.publish(file, content)
    assert shelf.version == before
    assert not (tmp_path / STAMP).exists()


def test_a_folder_that_went_bad_leaves_the_last_good_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    before = shelf.version
    (tmp_path / "yiyang.toml").write_text("code = 1")
    (tmp_path / STAMP).write_text("by hand")
    os.utime(tmp_path / STAMP)
    monkeypatch.setattr("kiosk.catalogue.shelf.time.monotonic", lambda: 10.0**9)
    assert shelf.version == before
