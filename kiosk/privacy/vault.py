"""AES-256-GCM sealing with one data key per order.

The order's key is random and wrapped by the kiosk's master key; destroying the wrapped key shreds the person's data
while the
journal, which holds none of it, still verifies. Associated data is ``table.column.row``, so a sealed value cannot be
moved
to another row. A blind index is HMAC-SHA256 under a key derived from the master key: equal values can be found, not
read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12
VERSION = b"\x01"


class VaultError(Exception):
    """The value is not what was sealed here: wrong key, wrong row, or changed bytes."""


class Shredded(VaultError):
    """The key of this order was destroyed on purpose; its personal data are gone."""


def _seal(key: bytes, plain: bytes, place: str) -> bytes:
    nonce = os.urandom(NONCE)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def _open(key: bytes, sealed: bytes, place: str) -> bytes:
    if sealed[:1] != VERSION or len(sealed) < 1 + NONCE + 16:
        raise VaultError("not a sealed value")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], place.encode())
    except InvalidTag as error:
        raise VaultError("sealed value does not open here") from error


class Vault:
    """Seals and opens. ``master`` is 32 bytes; the wrapped keys live beside the orders."""

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:
            raise VaultError("the master key has 32 bytes")
        self._wrap = self._derive(master, b"wrap order keys")
        self._blind = self._derive(master, b"blind index")
        self._others = self._derive(master, b"other purposes")

    @staticmethod
    def _derive(master: bytes, purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=b"ca-kiosk", info=purpose).derive(master)

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Open the master key file, made with mode 0600 where there is none yet."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return cls(path.read_bytes())
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
        return cls(path.read_bytes())

    def derived(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose outside the orders, the same for the same kiosk and purpose."""
        return self._derive(self._others, purpose.encode())

    def new_key(self, owner: str) -> bytes:
        """A fresh data key, wrapped for ``owner`` (an order's number)."""
        return _seal(self._wrap, os.urandom(32), f"key.{owner}")

    def _key(self, wrapped: bytes | None, owner: str) -> bytes:
        if wrapped is None:
            raise Shredded(owner)
        return _open(self._wrap, wrapped, f"key.{owner}")

    def seal(self, wrapped: bytes | None, owner: str, plain: bytes, place: str) -> bytes:
        return _seal(self._key(wrapped, owner), plain, place)

    def open(self, wrapped: bytes | None, owner: str, sealed: bytes, place: str) -> bytes:
        return _open(self._key(wrapped, owner), sealed, place)

    def blind(self, value: str, purpose: str) -> str:
        """A 32-character index of ``value``; the same value gives the same index for the same purpose only."""
        message = f"{purpose}\0{value.strip().upper()}".encode()
        return hmac.new(self._blind, message, hashlib.sha256).hexdigest()[:32]
