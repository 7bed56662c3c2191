"""A resident ID card reader at the far end of a pseudo terminal.

Verbs: ``lay {card}``, ``lift``, ``fault {kind, times}`` (kinds: silence, noise, bad_checksum, truncate, drip,
lift_mid_read, unauthorised; ``none`` clears), ``unplug``, ``plug``. A card that was read answers "no card" until
lifted.
"""

from __future__ import annotations

import os
import threading
import time
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

from kiosk.simulators import id_reader_cards as cards
from kiosk.simulators.control import Control, Refused, arguments, lasting_port, serve
from kiosk.simulators.serial_line import SerialLine

START = b"\xaa\xaa\xaa\x96\x69"
FAULTS = {"silence", "noise", "bad_checksum", "truncate", "drip", "lift_mid_read", "unauthorised"}


def frame(status: int, data: bytes = b"") -> bytes:
    counted = (len(data) + 4).to_bytes(2, "big") + bytes([0, 0, status]) + data
    return START + counted + bytes([reduce(xor, counted)])


class Reader:
    """The reader's security module and the card on it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.card: dict[str, Any] | None = None
        self.stage = "laid"  # laid, found, selected, read
        self.fault = ""
        self.times = 0
        self.reads = 0

    def lay(self, body: dict[str, Any]) -> dict[str, Any]:
        cards.text(body)
        with self.lock:
            self.card, self.stage = dict(body), "laid"
        return self.state()

    def lift(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.card = None
        return self.state()

    def set_fault(self, body: dict[str, Any]) -> dict[str, Any]:
        kind, times = body.get("kind"), body.get("times", 1)
        if kind not in FAULTS | {"none"} or not isinstance(times, int) or times < 1:
            raise Refused(f"kind must be one of {', '.join(sorted(FAULTS))} or none, times at least 1")
        with self.lock:
            self.fault, self.times = ("", 0) if kind == "none" else (str(kind), times)
        return self.state()

    def state(self) -> dict[str, Any]:
        with self.lock:
            lies = self.card is not None
            return {
                "card": self.card,
                "lies": lies,
                "read": lies and self.stage == "read",
                "fault": self.fault or None,
                "reads": self.reads,
            }

    def take_fault(self, *kinds: str) -> str:
        with self.lock:
            if self.fault not in kinds:
                return ""
            kind = self.fault
            self.times -= 1
            if self.times <= 0:
                self.fault = ""
            return kind

    def answer(self, command: bytes) -> bytes:
        """The reply frame to CMD PARA (and data)."""
        with self.lock:
            if self.take_fault("unauthorised"):
                return frame(0x66)
            match command:
                case b"\x11\xff" | b"\x10\xff":
                    return frame(0x90)
                case b"\x20\x01":
                    return self._find()
                case b"\x20\x02":
                    return self._select()
                case b"\x30\x01":
                    return self._read()
            return frame(0x24)

    def _find(self) -> bytes:
        if self.card is None or self.stage == "read":
            return frame(0x80)
        self.stage = "found"
        return frame(0x9F, bytes(4))

    def _select(self) -> bytes:
        if self.card is None or self.stage not in {"found", "selected"}:
            return frame(0x81)
        self.stage = "selected"
        return frame(0x90, bytes(8))

    def _read(self) -> bytes:
        if self.take_fault("lift_mid_read"):
            self.card = None
        if self.card is None or self.stage != "selected":
            return frame(0x41)
        self.stage = "read"
        self.reads += 1
        return frame(0x90, b"\x01\x00\x04\x00" + cards.text(self.card) + cards.photo(self.card))


class Line(SerialLine):
    """The reader's end of its serial line."""

    def __init__(self, reader: Reader, link: Path) -> None:
        self.reader = reader
        super().__init__(link)

    def state(self) -> dict[str, Any]:
        return {**self.reader.state(), **super().state()}

    def heard(self, master: int, held: bytes) -> bytes:
        held = held[-4096:]
        while (start := held.find(START)) >= 0 and len(held) >= start + 7:
            end = start + 7 + int.from_bytes(held[start + 5 : start + 7], "big")
            if len(held) < end:
                break
            counted, held = held[start + 5 : end], held[end:]
            self._reply(master, frame(0x10) if reduce(xor, counted) else self.reader.answer(counted[2:-1]))
        return held

    def _reply(self, master: int, reply: bytes) -> None:
        match self.reader.take_fault("silence", "noise", "bad_checksum", "truncate", "drip"):
            case "silence":
                return
            case "noise":
                reply = b"\x00\xff\xaa\xaa\x96" + START + b"\xff\xff\x13" + reply
            case "bad_checksum":
                reply = reply[:-1] + bytes([reply[-1] ^ 0x5A])
            case "truncate":
                reply = reply[: len(reply) * 2 // 3]
            case "drip":
                for at in range(0, len(reply), 97):
                    os.write(master, reply[at : at + 97])
                    time.sleep(0.002)
                return
        os.write(master, reply)


def main() -> None:
    parser = arguments("Simulated ID card reader")
    parser.add_argument("--link", type=Path, required=True, metavar="PATH", help="symbolic link to the pseudo terminal")
    options = parser.parse_args()
    options.control = lasting_port(options.home, "control", options.control)
    options.home.mkdir(parents=True, exist_ok=True)
    reader = Reader()
    line = Line(reader, options.link.absolute())
    verbs = {"lay": reader.lay, "lift": reader.lift, "fault": reader.set_fault}
    verbs |= line.verbs()
    try:
        serve(Control(line.state, verbs, options.control), {"port": str(line.link)})
    finally:
        line.unplug()


if __name__ == "__main__":
    main()
