"""Sealing: opens where it was sealed and nowhere else; shredding is final."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.privacy import Shredded, Vault, VaultError, mask_name, mask_number, mask_phone
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder

VAULT = Vault(bytes(range(32)))


@given(plain=st.binary(max_size=300))
def test_what_was_sealed_opens(plain: bytes) -> None:
    key = VAULT.new_key("K0011")
    sealed = VAULT.seal(key, "K0011", plain, "order.sealed.K0011")
    assert plain not in sealed or len(plain) < 4
    assert VAULT.open(key, "K0011", sealed, "order.sealed.K0011") == plain


def test_it_opens_nowhere_else() -> None:
    key, other = VAULT.new_key("A"), VAULT.new_key("B")
    sealed = VAULT.seal(key, "A", b"secret", "t.c.1")
    for wrapped, owner, place in (
        (key, "A", "t.c.2"),
        (other, "B", "t.c.1"),
        (key, "B", "t.c.1"),
        (other, "A", "t.c.1"),
    ):
        with pytest.raises(VaultError):
            VAULT.open(wrapped, owner, sealed, place)
    with pytest.raises(VaultError):
        Vault(bytes(32)).open(key, "A", sealed, "t.c.1")
    with pytest.raises(VaultError):
        VAULT.open(key, "A", sealed[:-1] + bytes([sealed[-1] ^ 1]), "t.c.1")
    with pytest.raises(VaultError):
        VAULT.open(key, "A", b"", "t.c.1")


def test_a_destroyed_key_shreds() -> None:
    sealed = VAULT.seal(VAULT.new_key("A"), "A", b"secret", "t.c.1")
    with pytest.raises(Shredded):
        VAULT.open(None, "A", sealed, "t.c.1")


def test_the_blind_index_finds_and_does_not_tell() -> None:
    index = VAULT.blind("43010219850303999x", "person")
    assert index == VAULT.blind(" 43010219850303999X ", "person")
    assert index != VAULT.blind("43010219850303999X", "unit")
    assert index != Vault(bytes(32)).blind("43010219850303999X", "person")
    assert "4301" not in index


def test_the_master_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "master.key"
    first = Vault.from_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Vault.from_file(path).blind("x", "y") == first.blind("x", "y")


def test_files_are_sealed_and_destroyed(tmp_path: Path) -> None:
    files, key = SealedFiles(Folder(tmp_path), VAULT), VAULT.new_key("K1")
    digest = files.put(key, "K1", b"picture of an ID card")
    assert files.put(key, "K1", b"picture of an ID card") == digest
    assert all(b"picture" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert files.get(key, "K1", digest) == b"picture of an ID card"
    for owner, name in (("../K1", digest), ("K1", "../../x"), ("K1", digest[:-1])):
        with pytest.raises(VaultError):
            files.get(key, owner, name)
    assert files.destroy("K1") == 1
    with pytest.raises(VaultError):
        files.get(key, "K1", digest)


def test_masks() -> None:
    assert [mask_name(n) for n in ("", "王", "张三", "张三丰", "欧阳示范")] == ["", "*", "张*", "张*丰", "欧**范"]
    assert mask_number("43010219850303999X") == "430*************9X"
    assert mask_phone("13900000001") == "139****0001"
