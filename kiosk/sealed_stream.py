"""A file that only a passphrase opens: scrypt, then AES-256-GCM over chunks, so that gigabytes need little memory.

Layout: magic (16 bytes), log2 of scrypt's N (1 byte), salt (16 bytes), then chunks of 1 MiB plain text, each with its
16-byte tag, the last one shorter or empty. A chunk's nonce is a counter (11 bytes) and one byte that is 1 for the last
chunk only; the head is associated data of every chunk. So chunks can be neither moved, dropped, nor cut off at the end
(the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár, 2015).
"""

from __future__ import annotations

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"CA-KIOSK-BACKUP\x01"
CHUNK = 1024 * 1024
TAG = 16
WORK = 17  # log2 of N: 128 MB and about half a second for each guess (RFC 7914: N=2^17, r=8, p=1)
WORK_ALLOWED = range(14, 21)  # a hostile head must not ask for all memory


class SealedStreamError(Exception):
    """Not a backup, a wrong passphrase, or changed or missing bytes; ``code`` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _cipher(passphrase: str, head: bytes) -> AESGCM:
    salt, work = head[len(MAGIC) + 1 :], head[len(MAGIC)]
    return AESGCM(Scrypt(salt=salt, length=32, n=2**work, r=8, p=1).derive(passphrase.encode()))


def _nonce(counter: int, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + bytes([last])


class Writer:
    """Seals what is written; :meth:`finish` writes the last chunk, without which nothing can be opened."""

    def __init__(self, out: BinaryIO, passphrase: str, work: int = WORK) -> None:
        self._out = out
        self._head = MAGIC + bytes([work]) + os.urandom(16)
        self._cipher = _cipher(passphrase, self._head)
        self._waiting = bytearray()
        self._counter = 0
        out.write(self._head)

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) >= CHUNK:
            self._put(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, plain: bytes, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._counter, last), plain, self._head))
        self._counter += 1


class Reader:
    """Gives back only bytes whose chunk is genuine; :class:`SealedStreamError` at the first that is not."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        head = source.read(len(MAGIC) + 17)
        if len(head) != len(MAGIC) + 17 or not head.startswith(MAGIC) or head[len(MAGIC)] not in WORK_ALLOWED:
            raise SealedStreamError("not_a_backup")
        self._source, self._head = source, head
        self._cipher = _cipher(passphrase, head)
        self._counter = 0
        self._ready = bytearray()
        self._next = source.read(CHUNK + TAG)
        self._ended = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer only at the end."""
        while len(self._ready) < size and not self._ended:
            self._open()
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def finish(self) -> None:
        """Make sure that the file goes on to its genuine end."""
        while not self._ended:
            self._open()
            self._ready.clear()

    def _open(self) -> None:
        chunk, self._next = self._next, self._source.read(CHUNK + TAG)
        last = not self._next
        try:
            self._ready += self._cipher.decrypt(_nonce(self._counter, last), chunk, self._head)
        except (InvalidTag, ValueError) as error:
            code = "wrong_passphrase_or_damaged" if self._counter == 0 else "damaged"
            raise SealedStreamError(code) from error
        self._counter += 1
        self._ended = last
