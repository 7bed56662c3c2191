"""Sealed files of an order: pictures, signatures, finished papers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kiosk.privacy.store import Store
from kiosk.privacy.vault import Vault, VaultError


@dataclass(frozen=True)
class SealedFiles:
    """Keeps bytes under ``owner/sha256``; the name is the digest of the plain bytes, the content is sealed.

    Each raises :class:`kiosk.privacy.store.StoreError` when the store is not reached.
    """

    store: Store
    vault: Vault

    def put(self, wrapped: bytes | None, owner: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        name = self._name(owner, digest)
        if not self.store.has(name):
            self.store.put(name, self.vault.seal(wrapped, owner, data, f"file.{owner}.{digest}"))
        return digest

    def get(self, wrapped: bytes | None, owner: str, digest: str) -> bytes:
        sealed = self.store.get(self._name(owner, digest))
        if sealed is None:
            raise VaultError("this file is gone")
        return self.vault.open(wrapped, owner, sealed, f"file.{owner}.{digest}")

    def has(self, owner: str, digest: str) -> bool:
        return self.store.has(self._name(owner, digest))

    def destroy(self, owner: str) -> int:
        """Remove every file of an order; returns how many there were."""
        self._name(owner, "0" * 64)
        return self.store.destroy(owner)

    def _name(self, owner: str, digest: str) -> str:
        if not owner.isalnum() or not all(c in "0123456789abcdef" for c in digest) or len(digest) != 64:
            raise VaultError("not a sealed file's name")
        return f"{owner}/{digest}"
