"""Seal makers (制章者). `LocalSealMaker` is one of one's own for demonstration and test: an SM2 key that OpenSSL holds
and uses in its own process. A real one is a class with the same two methods that asks the CA or the seal authority;
it is named in the settings (``seal_maker = "module:Class"``) and served in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

USER_ID = "1234567812345678"  # GM/T 0009-2012, default user identity
TIMEOUT = 10.0
_ID = ("-sigopt", f"distid:{USER_ID}")


class MakerFailed(Exception):
    """OpenSSL did not do what it was asked: ``code`` is ``openssl_missing``, ``timeout`` or ``openssl_failed``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class LocalSealMaker:
    """Keeps its key and a self-signed certificate in ``home`` (made at first use; the key's file is private)."""

    def __init__(self, home: str, name: str = "Demonstration Seal Maker") -> None:
        self._key = Path(home) / "seal-maker.key"
        self._certificate = Path(home) / "seal-maker.pem"
        if not self._certificate.exists():
            Path(home).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make(name)

    def _make(self, name: str) -> None:
        key = _openssl(["genpkey", "-algorithm", "SM2"])
        with os.fdopen(os.open(self._key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
        ask = [
            "req",
            "-x509",
            "-new",
            "-key",
            str(self._key),
            "-sm3",
            *_ID,
            "-days",
            "3650",
            "-subj",
            f"/C=CN/CN={name}",
        ]
        made = _openssl(ask)
        partial = self._certificate.with_suffix(".part")
        partial.write_bytes(made)
        partial.replace(self._certificate)

    def certificate(self) -> bytes:
        """The maker's certificate, DER."""
        return _openssl(["x509", "-in", str(self._certificate), "-outform", "DER"])

    def sign(self, data: bytes) -> bytes:
        """SM2-with-SM3 signature, DER. MakerFailed if OpenSSL cannot."""
        return _openssl(["dgst", "-sm3", *_ID, "-sign", str(self._key)], data)


def verified(maker: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (DER) is that of ``maker`` (certificate, DER) over ``signed``: SM2 with SM3, by OpenSSL."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key, sig = (Path(folder) / name for name in ("maker.der", "maker.pub", "signature"))
        certificate.write_bytes(maker)
        sig.write_bytes(signature)
        try:
            key.write_bytes(_openssl(["x509", "-inform", "DER", "-in", str(certificate), "-noout", "-pubkey"]))
            _openssl(["dgst", "-sm3", *_ID, "-verify", str(key), "-signature", str(sig)], signed)
        except MakerFailed as failed:
            if failed.code != "openssl_failed":
                raise
            return False
    return True


def _openssl(arguments: list[str], data: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        raise MakerFailed("openssl_missing") from None
    except subprocess.TimeoutExpired:
        raise MakerFailed("timeout") from None
    if done.returncode != 0:
        raise MakerFailed("openssl_failed")
    return done.stdout
