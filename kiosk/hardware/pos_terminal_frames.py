"""Frames of the MISPOS serial protocol: ``02 | length (BCD, 2 bytes) | TLV… | 03 | LRC``; 06 acknowledges, 15 refuses.

The LRC is the XOR of everything from the length to the 03. Tags have two bytes (``DFxx``), lengths are BER. Source: the
protocol as integrators' published code and samples show it; no acquirer has published a specification.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import xor

STX, ETX, ACK, NAK = 0x02, 0x03, 0x06, 0x15
MAX_BODY = 2048
MAX_VALUE = 999


class BadFrame(Exception):
    """Bytes that are no frame, or a frame whose check does not fit: worth a NAK."""


def encode(values: Mapping[str, bytes]) -> bytes:
    """A frame of the given tags (``"DF03"`` → value). Raises ValueError for what cannot be framed."""
    body = bytearray()
    for tag, value in values.items():
        if len(tag) != 4 or len(value) > MAX_VALUE:
            raise ValueError(f"tag {tag} cannot be framed")
        body += bytes.fromhex(tag) + _length(len(value)) + value
    if len(body) > MAX_BODY:
        raise ValueError("the frame is too long")
    checked = bytes.fromhex(f"{len(body):04d}") + bytes(body) + bytes([ETX])
    return bytes([STX]) + checked + bytes([reduce(xor, checked)])


def decode(body: bytes) -> dict[str, bytes]:
    """The tags of a frame's body. Raises BadFrame for anything but well-formed, distinct tags."""
    values: dict[str, bytes] = {}
    at = 0
    while at < len(body):
        tag = body[at : at + 2]
        size, start = _read_length(body, at + 2)
        if len(tag) != 2 or tag[0] != 0xDF or start + size > len(body) or tag.hex().upper() in values:
            raise BadFrame("malformed TLV")
        values[tag.hex().upper()] = body[start : start + size]
        at = start + size
    return values


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    return bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")


def _read_length(body: bytes, at: int) -> tuple[int, int]:
    first = body[at] if at < len(body) else 0xFF
    if first < 0x80:
        return first, at + 1
    count = first - 0x80
    if count not in (1, 2) or at + 1 + count > len(body):
        raise BadFrame("malformed length")
    return int.from_bytes(body[at + 1 : at + 1 + count], "big"), at + 1 + count


class Splitter:
    """Cuts a byte stream into answers: ``ACK``, ``NAK``, or the body of a frame; noise between them is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[int | bytes | BadFrame]:
        """What has become complete with ``data``. A frame with a wrong check comes out as a BadFrame."""
        self._buffer += data
        while self._buffer:
            first = self._buffer[0]
            if first in (ACK, NAK):
                del self._buffer[0]
                yield first
            elif first != STX:
                del self._buffer[0]
            elif len(self._buffer) < 3:
                return
            else:
                size = _bcd(self._buffer[1:3])
                if size is None or size > MAX_BODY:
                    del self._buffer[0]
                    continue
                if len(self._buffer) < size + 5:
                    return
                frame = bytes(self._buffer[: size + 5])
                del self._buffer[: size + 5]
                yield _body(frame)


def _bcd(data: bytes | bytearray) -> int | None:
    text = data.hex()
    return int(text) if text.isdigit() else None


def _body(frame: bytes) -> bytes | BadFrame:
    if frame[-2] != ETX or reduce(xor, frame[1:-1]) != frame[-1]:
        return BadFrame("wrong check")
    return frame[3:-2]


def bcd(number: int, digits: int) -> bytes:
    """A number as packed decimal digits."""
    return bytes.fromhex(f"{number:0{digits}d}")
