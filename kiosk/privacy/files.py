"""Sealed files of an order: pictures, signatures, finished papers."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from kiosk.privacy.vault import Vault, VaultError


@dataclass(frozen=True)
class SealedFiles:
    """Keeps bytes under ``folder/owner/sha256``; the name is the digest of the plain bytes, the content is sealed."""

    folder: Path
    vault: Vault

    def put(self, wrapped: bytes | None, owner: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        target = self._path(owner, digest)
        if target.exists():
            return digest
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sealed = self.vault.seal(wrapped, owner, data, f"file.{owner}.{digest}")
        temporary = target.with_suffix(".part")
        with temporary.open("wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        return digest

    def get(self, wrapped: bytes | None, owner: str, digest: str) -> bytes:
        path = self._path(owner, digest)
        if not path.is_file():
            raise VaultError("this file is gone")
        return self.vault.open(wrapped, owner, path.read_bytes(), f"file.{owner}.{digest}")

    def has(self, owner: str, digest: str) -> bool:
        return self._path(owner, digest).is_file()

    def destroy(self, owner: str) -> int:
        """Remove every file of an order; returns how many there were."""
        folder = self._path(owner, "0" * 64).parent
        files = list(folder.glob("*")) if folder.is_dir() else []
        for file in files:
            file.unlink()
        if folder.is_dir():
            folder.rmdir()
        return len(files)

    def _path(self, owner: str, digest: str) -> Path:
        if not owner.isalnum() or not all(c in "0123456789abcdef" for c in digest) or len(digest) != 64:
            raise VaultError("not a sealed file's name")
        return self.folder / owner / digest
