"""The memory of a simulated UKey card: files with access rules, keys, PINs; kept in one file after every change.

Structures: ISO/IEC 7816-4 (file control information in 5.3.3, security attributes in compact form in 5.4.3.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CAPACITY: Final = 64 * 1024
MF: Final = 0x3F00
FREE, PIN_NEEDED, NEVER = 0x00, 0x90, 0xFF
# position of an operation's condition in the eight bytes of a file's security attribute
DELETE_SELF, CREATE_FILE, UPDATE, READ = 1, 6, 6, 7

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class File:
    """One file. ``data`` None: a DF. ``rules``: the eight bytes, FF and seven conditions; empty: everything is free."""

    number: int
    parent: int
    descriptor: int
    rules: bytes
    data: bytearray | None

    def condition(self, operation: int) -> int:
        return self.rules[operation] if len(self.rules) == 8 else FREE

    def fci(self) -> bytes:
        size = len(self.data) if self.data is not None else 0
        body = b"\x81\x02" + size.to_bytes(2, "big") + b"\x82\x01" + bytes((self.descriptor,))
        body += b"\x83\x02" + self.number.to_bytes(2, "big")
        if self.rules:
            body += bytes((0x86, len(self.rules))) + self.rules
        body += b"\x8a\x01\x05"
        return bytes((0x6F, len(body))) + body


@dataclass
class Secret:
    """A PIN or PUK with its retry counter."""

    value: bytes = b""
    tries: int = 6
    left: int = 6

    def check(self, offered: bytes) -> bool:
        """Compare and count."""
        if self.left == 0:
            return False
        self.left = self.tries if offered == self.value else self.left - 1
        return offered == self.value


@dataclass
class Memory:
    """Everything that outlives the power."""

    path: Path
    files: dict[int, File] = field(default_factory=dict)
    keys: dict[int, PrivateKey] = field(default_factory=dict)
    pin: Secret = field(default_factory=Secret)
    puk: Secret = field(default_factory=lambda: Secret(tries=10, left=10))

    def __post_init__(self) -> None:
        if self.path.exists():
            self._load(json.loads(self.path.read_text("ascii")))
        else:
            self.files[MF] = File(MF, 0, 0x38, b"", None)

    def used(self) -> int:
        """Bytes taken by files and keys."""
        return sum(32 + len(file.data or b"") for file in self.files.values()) + 1200 * len(self.keys)

    def children(self, parent: int) -> list[File]:
        return [file for file in self.files.values() if file.parent == parent]

    def delete(self, number: int) -> None:
        """The file and all below it."""
        for child in self.children(number):
            self.delete(child.number)
        del self.files[number]

    def save(self) -> None:
        """All or nothing, like one write into the chip's memory."""
        kept = {
            "files": [
                [f.number, f.parent, f.descriptor, f.rules.hex(), None if f.data is None else f.data.hex()]
                for f in self.files.values()
            ],
            "keys": {str(reference): _key_out(key) for reference, key in self.keys.items()},
            "secrets": [[s.value.hex(), s.tries, s.left] for s in (self.pin, self.puk)],
        }
        fresh = self.path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(kept), encoding="ascii")
        fresh.replace(self.path)

    def _load(self, kept: dict[str, Any]) -> None:
        for number, parent, descriptor, rules, data in kept["files"]:
            content = None if data is None else bytearray.fromhex(data)
            self.files[number] = File(number, parent, descriptor, bytes.fromhex(rules), content)
        self.keys = {int(reference): _key_in(text) for reference, text in kept["keys"].items()}
        self.pin, self.puk = (Secret(bytes.fromhex(value), tries, left) for value, tries, left in kept["secrets"])


def _key_out(key: PrivateKey) -> str:
    raw = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return raw.hex()


def _key_in(text: str) -> PrivateKey:
    key = serialization.load_der_private_key(bytes.fromhex(text), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key
