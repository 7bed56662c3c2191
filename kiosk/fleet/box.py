"""Personal data on their way to the centre: sealed by anybody, opened with the centre's key alone.

X25519 with a fresh key for each box, HKDF-SHA256, AES-256-GCM; ``place`` (what it is, of which order, from whom) is
associated data, so a box cannot be passed off as another. The centre's private key is derived from its master key and
stands in no file of its own.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.privacy import Vault, VaultError

VERSION = b"\x01"
HEAD = 1 + 32 + 12  # version, the sender's key, nonce


def centre_key(vault: Vault) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(vault.derived("fleet box"))


def public_key(vault: Vault) -> bytes:
    """What kiosks seal to, 32 octets."""
    return centre_key(vault).public_key().public_bytes_raw()


def _key(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=sender + receiver, info=b"ca-kiosk fleet box").derive(shared)


def seal(receiver: bytes, plain: bytes, place: str) -> bytes:
    """Seal for the holder of ``receiver`` (an X25519 public key). ValueError when that is no such key."""
    own = X25519PrivateKey.generate()
    sender = own.public_key().public_bytes_raw()
    key = _key(own.exchange(X25519PublicKey.from_public_bytes(receiver)), sender, receiver)
    nonce = os.urandom(12)
    return VERSION + sender + nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def open_box(own: X25519PrivateKey, sealed: bytes, place: str) -> bytes:
    """The plain bytes; :class:`VaultError` for another key, another place or changed bytes."""
    if sealed[:1] != VERSION or len(sealed) < HEAD + 16:
        raise VaultError("not a sealed box")
    sender, nonce = sealed[1:33], sealed[33:HEAD]
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(sender))
        key = _key(shared, sender, own.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(nonce, sealed[HEAD:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise VaultError("the box does not open here") from error
