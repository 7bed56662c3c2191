"""Command APDUs and BER-TLV as a card sees them (ISO/IEC 7816-3, 12.1; 7816-4, 5.2)."""

from __future__ import annotations


class Refused(Exception):
    """A status word other than 9000."""

    def __init__(self, status: int, data: bytes = b"") -> None:
        super().__init__(f"{status:04x}")
        self.status, self.data = status, data


class Apdu:
    """A command APDU, short or extended (ISO/IEC 7816-3, 12.1)."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) < 4:
            raise Refused(0x6700)
        self.cla, self.ins, self.p1, self.p2 = raw[:4]
        body = raw[4:]
        self.data, self.le = b"", 0
        if len(body) == 1:
            self.le = body[0] or 256
        elif len(body) >= 3 and body[0] == 0:
            self._extended(body)
        elif body:
            self.data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
            if len(self.data) != body[0] or len(rest) > 1:
                raise Refused(0x6700)
            self.le = (rest[0] or 256) if rest else 0

    def _extended(self, body: bytes) -> None:
        if len(body) == 3:
            self.le = int.from_bytes(body[1:], "big") or 65536
            return
        length = int.from_bytes(body[1:3], "big")
        self.data, rest = body[3 : 3 + length], body[3 + length :]
        if len(self.data) != length or len(rest) not in (0, 2):
            raise Refused(0x6700)
        self.le = (int.from_bytes(rest, "big") or 65536) if rest else 0

    @property
    def p(self) -> int:
        return self.p1 << 8 | self.p2


def tlv(tag: bytes, value: bytes) -> bytes:
    """One BER-TLV object."""
    if len(value) < 128:
        return tag + bytes((len(value),)) + value
    size = len(value).to_bytes(2, "big")
    return tag + (b"\x81" + size[1:] if size[0] == 0 else b"\x82" + size) + value


def parse(raw: bytes) -> dict[int, bytes]:
    """A flat list of objects with one-byte tags; Refused(6A80) if it is none."""
    found: dict[int, bytes] = {}
    while raw:
        if len(raw) < 2:
            raise Refused(0x6A80)
        tag, length, start = raw[0], raw[1], 2
        if length in (0x81, 0x82):
            start = length - 0x7E
            start, length = start, int.from_bytes(raw[2:start], "big")
        if len(raw) < start + length:
            raise Refused(0x6A80)
        found[tag], raw = raw[start : start + length], raw[start + length :]
    return found
