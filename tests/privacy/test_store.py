"""Sealed files in a folder, in obstore's folder and in S3: the same promises."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import config, create_app
from kiosk.privacy import Vault, VaultError
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder, Objects, Store, StoreError, checked, open_objects
from tests.objects import S3, s3_server

VAULT = Vault(bytes(range(32)))
PICTURE = b"picture of an ID card" * 1000


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(params=["folder", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    if request.param == "file":
        return open_objects(f"file://{tmp_path}/a%20folder")
    return open_objects(**request.getfixturevalue("s3").settings(tmp_path.name))


def test_what_was_put_is_there_and_goes_with_its_order(store: Store) -> None:
    files, key = SealedFiles(store, VAULT), VAULT.new_key("K1")
    digest = files.put(key, "K1", PICTURE)
    assert digest == hashlib.sha256(PICTURE).hexdigest()
    assert files.put(key, "K1", PICTURE) == digest
    other = files.put(key, "K1", b"another")
    mine = files.put(VAULT.new_key("K12"), "K12", PICTURE)
    assert (files.has("K1", digest), files.has("K1", "0" * 64), files.has("K2", digest)) == (True, False, False)
    assert files.get(key, "K1", digest) == PICTURE
    assert files.get(key, "K1", other) == b"another"
    sealed = store.get(f"K1/{digest}")
    assert sealed is not None
    assert b"picture" not in sealed
    assert files.destroy("K1") == 2
    assert files.destroy("K1") == 0
    assert files.has("K12", mine)  # an owner whose name only begins like it keeps his
    with pytest.raises(VaultError):
        files.get(key, "K1", digest)


def test_no_name_leads_out_of_the_store(store: Store) -> None:
    files, key = SealedFiles(store, VAULT), VAULT.new_key("K1")
    for owner, name in (("../K1", "0" * 64), ("K1", "../../x"), ("K1", "0" * 63), ("", "0" * 64)):
        with pytest.raises(VaultError):
            files.get(key, owner, name)
        with pytest.raises(VaultError):
            files.has(owner, name)
    with pytest.raises(VaultError):
        files.destroy("..")


def test_a_changed_object_does_not_open(store: Store) -> None:
    files, key = SealedFiles(store, VAULT), VAULT.new_key("K1")
    digest = files.put(key, "K1", PICTURE)
    sealed = store.get(f"K1/{digest}")
    assert sealed is not None
    store.put(f"K1/{digest}", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(VaultError):
        files.get(key, "K1", digest)


def test_the_server_has_what_we_put_and_no_more(s3: S3) -> None:
    files, key = SealedFiles(open_objects(**s3.settings("one/place")), VAULT), VAULT.new_key("K1")
    digest = files.put(key, "K1", PICTURE)
    sealed = s3.object(f"one/place/K1/{digest}")
    assert sealed is not None
    assert len(PICTURE) < len(sealed) < len(PICTURE) + 100
    assert s3.object(f"K1/{digest}") is None
    files.destroy("K1")
    assert s3.object(f"one/place/K1/{digest}") is None


def test_a_store_that_is_away_says_so(tmp_path: Path) -> None:
    with s3_server(tmp_path) as gone:
        away = open_objects(**gone.settings("x"))
        away.put("K1/x", b"x")
        no_bucket = open_objects(**{**gone.settings("x"), "url": "s3://nothing/x"})
        for call in (lambda: no_bucket.put("K1/x", b"x"), lambda: no_bucket.destroy("K1")):
            with pytest.raises(StoreError):
                call()
    for call in (lambda: away.put("K1/x", b"x"), lambda: away.get("K1/x"), lambda: away.has("K1/x")):
        with pytest.raises(StoreError) as told:
            call()
        assert str(gone.port) not in str(told.value)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://scans", ""),
        ("s3:///prefix", ""),
        ("s3://key:secret@scans/x", ""),
        ("s3://scans/x?region=y", ""),
        ("file://host/folder", ""),
        ("file:folder", ""),
        ("scans", ""),
        ("s3://scans", "http://store.example.com"),
        ("s3://scans", "http://8.8.8.8:9000"),
        ("s3://scans", "ftp://10.0.0.1"),
        ("s3://scans", "https://"),
    ],
)
def test_addresses_that_are_refused(url: str, endpoint: str) -> None:
    with pytest.raises(ValueError, match=r"store|endpoint|file:"):
        checked(url, endpoint)


def test_the_settings_choose(tmp_path: Path) -> None:
    def made(**settings: object) -> Store:
        values = {"home": str(tmp_path / "home"), "simulators": False, **settings}
        found: Store = create_app(config.load({}, **values)).extensions["house"].files.store
        return found

    assert isinstance(made(), Folder)
    chosen = made(role="centre", store={"url": f"file://{tmp_path}/scans"})
    assert isinstance(chosen, Objects)
    assert chosen.folder == tmp_path / "scans"
    for wrong in ({"url": "scans"}, {"url": "s3://scans", "credentials": str(tmp_path / "none.toml")}):
        with pytest.raises(config.ConfigError, match="store"):
            made(role="centre", store=wrong)
    with pytest.raises(config.ConfigError, match="setting of the centre"):
        made(store={"url": f"file://{tmp_path}/scans"})
