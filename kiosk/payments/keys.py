"""RSA keys of merchant and platform: loading, signing, verifying; and merchant secrets encrypted at rest.

Both gateways sign with RSASSA-PKCS1-v1_5 over SHA-256 (WeChat calls it SHA256-RSA2048, Alipay RSA2).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Pem = bytes | Path
"""PEM text, or the file that holds it."""

MAX_PEM = 64 * 1024
_MAGIC = b"CAKIOSK-KEY1\n"


def read_pem(source: Pem) -> bytes:
    """The bytes of a PEM source. Raises ValueError for an unreasonable size, OSError for an unreadable file."""
    data = source.read_bytes() if isinstance(source, Path) else source
    if not 0 < len(data) <= MAX_PEM:
        raise ValueError("not a PEM file")
    return data


def load_private(source: Pem) -> rsa.RSAPrivateKey:
    """An unencrypted RSA private key of at least 2048 bits. Raises ValueError."""
    key = serialization.load_pem_private_key(read_pem(source), password=None)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("an RSA key of at least 2048 bits is needed")
    return key


def load_public(source: Pem, serial: str | None = None) -> rsa.RSAPublicKey:
    """The RSA key of a PEM public key or certificate; a certificate must carry ``serial`` (hex) if one is given.

    Raises ValueError.
    """
    data = read_pem(source)
    if b"BEGIN CERTIFICATE" in data:
        certificate = x509.load_pem_x509_certificate(data)
        if serial is not None and f"{certificate.serial_number:X}" != serial.upper().lstrip("0"):
            raise ValueError("the certificate does not carry the serial number it is filed under")
        key = certificate.public_key()
    else:
        key = serialization.load_pem_public_key(data)  # type: ignore[assignment]
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise ValueError("an RSA key of at least 2048 bits is needed")
    return key


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """Base64 of the signature."""
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def verify(key: rsa.RSAPublicKey, signature: str, message: bytes) -> bool:
    """Is ``signature`` (base64) the key's over ``message``?"""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def seal_secret(secret: bytes, key: bytes, name: str) -> bytes:
    """Encrypt a merchant secret (PEM, APIv3 key) with AES-256-GCM under ``key`` (32 bytes), bound to its ``name``."""
    nonce = secrets.token_bytes(12)
    return _MAGIC + nonce + AESGCM(_checked(key)).encrypt(nonce, secret, name.encode("utf-8"))


def open_secret(sealed: bytes, key: bytes, name: str) -> bytes:
    """The secret again. Raises ValueError when key, name or content do not fit together."""
    if not sealed.startswith(_MAGIC) or len(sealed) < len(_MAGIC) + 28:
        raise ValueError("not a sealed merchant secret")
    body = sealed[len(_MAGIC) :]
    try:
        return AESGCM(_checked(key)).decrypt(body[:12], body[12:], name.encode("utf-8"))
    except InvalidTag as error:
        raise ValueError("the sealed merchant secret does not open with this key and name") from error


def store_secret(path: Path, secret: bytes, key: bytes) -> None:
    """Write a sealed secret beside its final place and move it there, readable by its owner only.

    It is bound to the file's name, so that one file cannot stand in for another.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(seal_secret(secret, key, path.name))
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def load_secret(path: Path, key: bytes) -> bytes:
    """Read a file written by :func:`store_secret`. Raises ValueError or OSError."""
    if path.stat().st_size > MAX_PEM + 64:
        raise ValueError("not a sealed merchant secret")
    return open_secret(path.read_bytes(), key, path.name)


def read_secret(path: Path, key: bytes | None) -> bytes:
    """A merchant secret: sealed (``<name>.sealed``, wants ``key``) if that file is there, else the plain file.

    Raises ValueError, also where a sealed file is there but no key is given; OSError.
    """
    sealed = path.with_name(f"{path.name}.sealed")
    if not sealed.exists():
        return read_pem(path)
    if key is None:
        raise ValueError(f"{sealed.name} is sealed and wants a key")
    return load_secret(sealed, key)


def seal_folder(folder: Path, key: bytes) -> list[str]:
    """Seal every secret of a merchant folder (``*_key.pem``, ``*.key``) and remove its plain file; their names."""
    done = []
    for path in sorted([*folder.glob("*_key.pem"), *folder.glob("*.key")]):
        target = path.with_name(f"{path.name}.sealed")
        store_secret(target, read_pem(path), key)
        if load_secret(target, key) == path.read_bytes():
            path.unlink()
            done.append(path.name)
    return done


def _checked(key: bytes) -> bytes:
    if len(key) != 32:
        raise ValueError("an AES-256 key has 32 bytes")
    return key
