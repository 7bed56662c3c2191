"""How a kiosk proves who it is: every request to the centre is signed with the kiosk's own Ed25519 key (RFC 8032).

``X-Kiosk`` names the kiosk, ``X-Credential`` the pairing, ``X-Counter`` rises with every request (so none can be sent
twice, whatever the clocks say), ``X-Signature`` is base64 of the signature over method, path with query, kiosk,
credential, counter and the SHA-256 of the body. The private key never leaves the kiosk; the centre has the public one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_FILE = "fleet.key"


def _statement(method: str, path: str, kiosk: str, credential: str, counter: int, body: bytes) -> bytes:
    parts = (
        "ca-kiosk fleet 1",
        method.upper(),
        path,
        kiosk,
        credential,
        str(counter),
        hashlib.sha256(body).hexdigest(),
    )
    return "\n".join(parts).encode()


@dataclass(frozen=True)
class Signer:
    """One kiosk's credential."""

    kiosk: str
    credential: str
    key: Ed25519PrivateKey

    def headers(self, method: str, path: str, counter: int, body: bytes) -> dict[str, str]:
        statement = _statement(method, path, self.kiosk, self.credential, counter, body)
        return {
            "X-Kiosk": self.kiosk,
            "X-Credential": self.credential,
            "X-Counter": str(counter),
            "X-Signature": base64.b64encode(self.key.sign(statement)).decode(),
        }


def holds(
    public_key: bytes, signature: str, method: str, path: str, kiosk: str, credential: str, counter: int, body: bytes
) -> bool:
    """Whether the signature is of that request under that key."""
    try:
        raw = base64.b64decode(signature, validate=True)
        statement = _statement(method, path, kiosk, credential, counter, body)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, statement)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def new_credential() -> str:
    """A name for one pairing; not a secret."""
    return secrets.token_hex(8)


def write_key(folder: Path) -> Ed25519PrivateKey:
    """A new key in ``folder``, mode 0600; the one of an earlier pairing is replaced."""
    key = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / (KEY_FILE + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes_raw())
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / KEY_FILE)
    return key


def read_key(folder: Path) -> Ed25519PrivateKey | None:
    """The kiosk's key; None when it was never paired."""
    try:
        return Ed25519PrivateKey.from_private_bytes((folder / KEY_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
