"""The language a receipt printer understands, read from a stream in any pieces."""

from __future__ import annotations

from dataclasses import dataclass

WIDEST = 128  # bytes across: 1024 dots


@dataclass(frozen=True, slots=True)
class Row:
    """One row of dots, one bit each, 1 is black."""

    bits: bytes


@dataclass(frozen=True, slots=True)
class Feed:
    dots: int


@dataclass(frozen=True, slots=True)
class Cut:
    pass


@dataclass(frozen=True, slots=True)
class Ask:
    """GS r: to be answered when its turn comes."""

    kind: int


@dataclass(frozen=True, slots=True)
class Reset:
    pass


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes that are no known command."""

    raw: bytes


Command = Row | Feed | Cut | Ask | Reset | Text


class Language:
    """Takes bytes, gives commands. Holds at most one incomplete command."""

    def __init__(self) -> None:
        self.held = bytearray()
        self._across = 0
        self._rows = 0

    def next(self) -> Command | None:
        """The next whole command, or None until more bytes come."""
        while self.held:
            if self._rows:
                return self._row()
            taken = self._command()
            if taken is None:
                return None
            length, command = taken
            del self.held[:length]
            if command is not None:
                return command
        return None

    def _row(self) -> Row | None:
        if len(self.held) < self._across:
            return None
        bits = bytes(self.held[: self._across])
        del self.held[: self._across]
        self._rows -= 1
        return Row(bits)

    def _command(self) -> tuple[int, Command | None] | None:
        """How many bytes the command takes and what it is (None: nothing to do); None when it is incomplete."""
        held = bytes(self.held[:8])
        match held[:1]:
            case b"\0":
                return 1, None
            case b"\n":
                return 1, Feed(30)
            case b"\x10":  # DLE EOT was answered when it arrived
                return None if len(held) < 3 else ((3, None) if held[1] == 4 else (1, Text(held[:1])))
            case b"\x1b":
                return self._escape(held)
            case b"\x1d":
                return self._group(held)
        return 1, Text(held[:1])

    @staticmethod
    def _escape(held: bytes) -> tuple[int, Command | None] | None:
        if len(held) < 2:
            return None
        if held[1:2] == b"@":
            return 2, Reset()
        if held[1:2] in {b"d", b"J"}:
            return None if len(held) < 3 else (3, Feed(held[2] * (30 if held[1:2] == b"d" else 1)))
        return 1, Text(held[:1])

    def _group(self, held: bytes) -> tuple[int, Command | None] | None:
        if len(held) < 3:
            return None
        match held[1:2]:
            case b"V":
                if held[2] not in {65, 66}:
                    return 3, Cut()
                return None if len(held) < 4 else (4, Cut())
            case b"r":
                return 3, Ask(held[2])
            case b"v":
                return self._raster(held)
        return 1, Text(held[:1])

    def _raster(self, held: bytes) -> tuple[int, Command | None] | None:
        if len(held) < 8:
            return None
        across = int.from_bytes(held[4:6], "little")
        if held[2:3] != b"0" or not 0 < across <= WIDEST:
            return 1, Text(held[:1])
        self._across, self._rows = across, int.from_bytes(held[6:8], "little")
        return 8, None
