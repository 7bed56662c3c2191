"""Frames of the resident ID card reader's security module (SAM_V/SAM_A) on a serial line, 115200 8N1.

Request: ``AA AA AA 96 69 | LEN(2, big endian) | CMD PARA data | CHK``; reply: ``… LEN | SW1 SW2 SW3 data CHK``. LEN
counts everything after itself, the check byte too; CHK is the XOR of all bytes from LEN to the last data byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor

HEADER = bytes.fromhex("AAAAAA9669")
LARGEST = 4096  # the longest known reply, with 1024 bytes of fingerprints, counts 2314

SAM_STATUS = b"\x11\xff"
FIND = b"\x20\x01"
SELECT = b"\x20\x02"
READ = b"\x30\x01"

OK = 0x90
FOUND = 0x9F
NO_CARD = 0x80
SELECT_FAILED = 0x81


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply whose check byte was right. ``status`` is SW3."""

    status: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something that began like a reply and was none: wrong check byte or impossible length."""


def request(command: bytes) -> bytes:
    """The frame of a two-byte command."""
    counted = (len(command) + 1).to_bytes(2, "big") + command
    return HEADER + counted + bytes([reduce(xor, counted)])


class FrameParser:
    """Finds replies in a stream of bytes, whatever lies around them; never holds more than one frame's length."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether the beginning of a frame was seen whose end is still missing."""
        return self._held.startswith(HEADER)

    def feed(self, chunk: bytes) -> list[Reply | Damaged]:
        """Take bytes as they come and give what they complete, in order."""
        self._held += chunk
        found: list[Reply | Damaged] = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> Reply | Damaged | None:
        held = self._held
        start = held.find(HEADER)
        if start < 0:
            del held[: max(0, len(held) - len(HEADER) + 1)]
            return None
        del held[:start]
        if len(held) < 7:
            return None
        length = int.from_bytes(held[5:7], "big")
        if not 4 <= length <= LARGEST:
            del held[0]  # look for the next header inside what this one seemed to announce
            return Damaged()
        if len(held) < 7 + length:
            return None
        counted = bytes(held[5 : 7 + length])
        if reduce(xor, counted) != 0:
            del held[0]
            return Damaged()
        del held[: 7 + length]
        return Reply(counted[4], counted[5:-1])
