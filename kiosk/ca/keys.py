"""Secrets of the embedded CA: one random secret in a file of its own, from which everything at rest is encrypted.

`secret` (32 random octets, mode 0600) may live elsewhere, for instance in a systemd credential; what it protects is
useless without it. Sub-keys are derived with HKDF-SHA256 (RFC 5869), data are sealed with AES-256-GCM (NIST SP
800-38D, 96-bit random nonce) and bound to their place by associated data.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from kiosk.ca.connector import CaMisconfigured

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Secret:
    """The secret in `path`; the file is made when `create` is set. Raises `CaMisconfigured`."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            write_file(path, secrets.token_bytes(32), mode=0o600)
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise CaMisconfigured("secret_missing", file=path.name) from error
        if len(octets) != 32:
            raise CaMisconfigured("secret_malformed", file=path.name)
        self._seal = AESGCM(_derive(octets, b"seal"))
        self._index = _derive(octets, b"index")
        self._files = _derive(octets, b"key files").hex().encode()

    def seal(self, data: bytes, place: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._seal.encrypt(nonce, data, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        try:
            return self._seal.decrypt(sealed[:12], sealed[12:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise CaMisconfigured("sealed_data_damaged", place=place) from error

    def index(self, text: str) -> bytes:
        """A blind index: equal texts give equal octets, which say nothing to those without the secret."""
        return hmac.digest(self._index, text.encode(), sha256)

    def save_key(self, key: SigningKey, path: Path) -> None:
        """PKCS#8, encrypted, mode 0600."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(self._files))
        write_file(path, pem, mode=0o600)

    def load_key(self, path: Path) -> SigningKey:
        try:
            key = load_pem_private_key(path.read_bytes(), self._files)
        except OSError as error:
            raise CaMisconfigured("key_missing", file=path.name) from error
        except (ValueError, TypeError) as error:
            raise CaMisconfigured("key_unreadable", file=path.name) from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise CaMisconfigured("key_unreadable", file=path.name)
        return key


def new_key(algorithm: str) -> SigningKey:
    """`rsa2048`, `rsa3072`, `rsa4096` or `p256`."""
    if algorithm == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, {"rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}[algorithm])


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace `path` in one step that survives a power cut: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, b"embedded CA " + purpose).derive(secret)
