"""A card terminal on a serial line (MISPOS-TLV): charge, void, and never twice.

A charge has three steps, so that a lost result, a dead process or a pulled cable can always be asked about:

1. ``mark = terminal.begin(amount_fen, order)`` asks the idle terminal where it stands. Nothing can be charged yet; the
   caller writes ``mark`` into its journal.
2. ``slip = terminal.charge(mark)`` shows the amount and waits for the customer. PosDeclined: nothing was charged.
   PosUnknown (or a timeout or crash around it): nobody knows.
3. ``terminal.find(mark)`` answers what became of it: a slip, or None when it was surely not charged.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import serial

from kiosk.hardware.errors import (
    DeviceBusy,
    DeviceError,
    DeviceFailed,
    DeviceTimeout,
    PosDeclined,
    PosUnknown,
)
from kiosk.hardware.health import Health, Level, health_of
from kiosk.hardware.pos_terminal_frames import ACK, NAK, BadFrame, Splitter, bcd, decode, encode
from kiosk.hardware.pos_terminal_profile import GENERIC, Profile, read_profile
from kiosk.hardware.serial_port import SerialPort, chunks

BEIJING = ZoneInfo("Asia/Shanghai")
TRACES = 1_000_000
LOOK_BACK = 20
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class PosSlip:
    """A transaction the acquirer approved. ``card`` holds the last four digits only, ``reference`` is 参考号 (RRN)."""

    kind: str
    terminal: str
    merchant: str
    trace: int
    reference: str
    auth: str
    amount_fen: int
    order: str
    card: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """What must be known before a charge to find out later what became of it; ``str(mark)`` goes into the journal."""

    kind: str
    terminal: str
    before: int
    amount_fen: int
    order: str
    nonce: str
    original: int = 0

    def __str__(self) -> str:
        parts = (self.kind, self.terminal, self.before, self.amount_fen, self.order, self.nonce, self.original)
        return ":".join(map(str, parts))

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Raises ValueError."""
        kind, terminal, before, amount, order, nonce, original = text.split(":")
        if kind not in ("sale", "void"):
            raise ValueError("not a mark")
        return cls(kind, terminal, int(before), int(amount), order, nonce, int(original))


@dataclass(frozen=True, slots=True)
class _Record:
    response: str
    nonce: str
    trace: int
    slip: PosSlip | None


class PosTerminal:
    """The terminal at ``port``; ``profile`` is the path of an acquirer's TOML file, empty for the generic one."""

    def __init__(self, port: str, profile: str = "") -> None:
        self.profile: Profile = read_profile(Path(profile)) if profile else GENERIC
        self._port = SerialPort(port, self.profile.baudrate)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the line back."""
        self._port.close()

    def health(self) -> Health:
        """Does the terminal answer, and is it idle?"""
        try:
            last = self._ask()
        except DeviceError as error:
            return health_of(error)
        return Health(Level.FINE, "pos_ready", f"trace {last.trace:06d}")

    def begin(self, amount_fen: int, order: str, voids: int = 0) -> str:
        """Prepare a sale, or with ``voids`` (trace number) the void of an earlier sale. Charges nothing.

        ``order``: 1–32 letters and digits. Raises ValueError, DeviceMissing, DeviceTimeout, DeviceBusy.
        """
        if not 0 < amount_fen < 10**12 or not (order.isascii() and order.isalnum() and len(order) <= 32):
            raise ValueError("an amount and an order number are wanted")
        last = self._ask()
        terminal = last.slip.terminal if last.slip else ""
        nonce = f"{secrets.randbelow(10**8):08d}"
        return str(Mark("void" if voids else "sale", terminal, last.trace, amount_fen, order, nonce, voids))

    def charge(self, mark: str) -> PosSlip:
        """Carry out what was begun, once: a mark whose turn has passed is PosUnknown (``mark_used``): ``find`` it.

        Waits for the customer as long as the profile says. Raises PosDeclined(response), PosUnknown, or, before
        anything could be charged, DeviceMissing, DeviceTimeout, DeviceBusy.
        """
        wanted = Mark.parse(mark)
        if self._ask().trace != wanted.before:
            raise PosUnknown("mark_used")
        kind = self.profile.type_void if wanted.kind == "void" else self.profile.type_sale
        extra = {self.profile.tag_amount: bcd(wanted.amount_fen, 12)}
        if self.profile.tag_order:
            extra[self.profile.tag_order] = wanted.order.encode("ascii")
        if wanted.original:
            extra[self.profile.tag_trace] = f"{wanted.original:06d}".encode("ascii")
        try:
            record = self._exchange(kind, wanted.nonce, extra, self.profile.seconds_customer)
        except DeviceBusy:
            raise
        except DeviceError as error:
            raise PosUnknown("pos_unknown", cause=error.code) from error
        if record.response in self.profile.responses_busy:
            raise DeviceBusy
        if record.response != self.profile.response_approved:
            raise PosDeclined(response=record.response)
        return self._fitting(record.slip, wanted)

    def sale(self, amount_fen: int, order: str) -> PosSlip:
        """``begin`` and ``charge`` in one, for a caller that needs no recovery."""
        return self.charge(self.begin(amount_fen, order))

    def find(self, mark: str) -> PosSlip | None:
        """What became of a mark: its slip, or None when it was surely not charged.

        An amount still on the terminal's screen is taken away first. Raises PosUnknown, DeviceBusy (a customer is
        entering his PIN: ask again) and, while the terminal is silent, DeviceMissing or DeviceTimeout.
        """
        wanted = Mark.parse(mark)
        self.abandon()
        last = self._ask()
        passed = (last.trace - wanted.before) % TRACES
        if passed > LOOK_BACK:
            raise PosUnknown("too_many_since", passed=passed)
        for step in range(1, passed + 1):
            trace = (wanted.before + step) % TRACES
            record = last if trace == last.trace else self._ask(trace)
            if record.slip is not None and self._is(record.slip, wanted):
                return record.slip
        return None

    def abandon(self) -> None:
        """Take an amount nobody pays off the screen. Raises DeviceBusy when the customer is past that point."""
        record = self._exchange(self.profile.type_abandon, self._nonce(), {}, self.profile.seconds_answer)
        if record.response in self.profile.responses_busy:
            raise DeviceBusy

    def _ask(self, trace: int | None = None) -> _Record:
        """The last transaction, or that of a trace number. An empty terminal stands at trace 0."""
        extra = {} if trace is None else {self.profile.tag_trace: f"{trace:06d}".encode("ascii")}
        record = self._exchange(self.profile.type_query, self._nonce(), extra, self.profile.seconds_answer)
        if record.response in self.profile.responses_busy:
            raise DeviceBusy
        if record.response in self.profile.responses_empty:
            return _Record(record.response, record.nonce, 0 if trace is None else trace, None)
        if record.slip is None:
            raise DeviceFailed("pos_query_refused", response=record.response)
        return record

    def _is(self, slip: PosSlip, wanted: Mark) -> bool:
        named = slip.order == wanted.order if self.profile.tag_order else True
        return named and (slip.kind, slip.amount_fen) == (wanted.kind, wanted.amount_fen)

    def _fitting(self, slip: PosSlip | None, wanted: Mark) -> PosSlip:
        if slip is None or not self._is(slip, wanted):
            raise PosUnknown("wrong_slip", reference=slip.reference if slip else "")
        return slip

    def _nonce(self) -> str:
        return f"{secrets.randbelow(10**8):08d}"

    def _exchange(self, kind: str, nonce: str, extra: dict[str, bytes], seconds: float) -> _Record:
        """Send one command and wait for the result that echoes its nonce; results of other nonces are stale, ignored.

        The command is sent again only after a NAK: the terminal has then surely not taken it.
        """
        profile = self.profile
        command = {
            profile.tag_message: bytes.fromhex(profile.message_command),
            profile.tag_type: bytes.fromhex(kind),
            profile.tag_nonce: nonce.encode("ascii"),
            profile.tag_desk: profile.desk.encode("ascii"),
            **extra,
        }
        with self._port.opened() as line:
            line.reset_input_buffer()
            talk = _Talk(line)
            for _ in range(_REPEATS):
                line.write(encode(command))
                if talk.acknowledged(profile.seconds_ack):
                    break
            else:
                raise DeviceFailed("pos_refuses_frames")
            for values in talk.results(seconds):
                if values.get(profile.tag_message, b"").hex() != profile.message_result:
                    raise DeviceFailed("pos_unexpected_message")
                if values.get(profile.tag_nonce, b"") == nonce.encode("ascii"):
                    return self._record(values)
        raise DeviceTimeout("pos_no_result")

    def _record(self, values: dict[str, bytes]) -> _Record:
        def text(tag: str) -> str:
            value = values.get(tag, b"").decode("ascii", "replace").strip()
            if len(value) > 64 or not value.isprintable():
                raise DeviceFailed("pos_malformed_result", tag=tag)
            return value

        profile = self.profile
        response = text(profile.tag_response)
        if not response:
            raise DeviceFailed("pos_malformed_result", tag=profile.tag_response)
        if response != profile.response_approved or not values.get(profile.tag_trace):
            return _Record(response, text(profile.tag_nonce), 0, None)
        try:
            slip = self._slip(values, text)
        except ValueError as error:
            raise DeviceFailed("pos_malformed_result", tag="slip") from error
        return _Record(response, text(profile.tag_nonce), slip.trace, slip)

    def _slip(self, values: dict[str, bytes], text: Callable[[str], str]) -> PosSlip:
        profile = self.profile
        kinds = {bytes.fromhex(profile.type_sale): "sale", bytes.fromhex(profile.type_void): "void"}
        kind = kinds.get(values.get(profile.tag_type, b""), "")
        moment = datetime.strptime(text(profile.tag_date) + text(profile.tag_time), "%Y%m%d%H%M%S")
        if not kind or not text(profile.tag_reference) or len(values.get(profile.tag_amount, b"")) != 6:
            raise ValueError("incomplete")
        return PosSlip(
            kind,
            terminal=text(profile.tag_terminal),
            merchant=text(profile.tag_merchant),
            trace=int(text(profile.tag_trace)) % TRACES,
            reference=text(profile.tag_reference),
            auth=text(profile.tag_auth),
            amount_fen=int(values[profile.tag_amount].hex()),
            order=text(profile.tag_order) if profile.tag_order else "",
            card=text(profile.tag_card)[-4:],
            at=moment.replace(tzinfo=BEIJING),
        )


class _Talk:
    """Both directions of one exchange on an open line."""

    def __init__(self, line: serial.Serial) -> None:
        self._line = line
        self._splitter = Splitter()
        self._waiting: list[int | bytes | BadFrame] = []

    def _heard(self, seconds: float) -> Iterator[int | bytes | BadFrame]:
        until = time.monotonic() + seconds
        while True:
            while self._waiting:
                yield self._waiting.pop(0)
            left = until - time.monotonic()
            if left <= 0:
                return
            for data in chunks(self._line, left):
                self._waiting += self._splitter.feed(data)
                if self._waiting:
                    break
            else:
                return

    def acknowledged(self, seconds: float) -> bool:
        """True for ACK, False for NAK. Raises DeviceTimeout; stale results that come first are ignored."""
        for heard in self._heard(seconds):
            if heard == ACK:
                return True
            if heard == NAK:
                return False
            if isinstance(heard, bytes):
                self._line.write(bytes([ACK]))
        raise DeviceTimeout("pos_no_acknowledgement")

    def results(self, seconds: float) -> Iterator[dict[str, bytes]]:
        """Decoded frames, each acknowledged; a broken one is refused, so that the terminal sends it again."""
        for heard in self._heard(seconds):
            if isinstance(heard, int):
                continue
            try:
                if isinstance(heard, BadFrame):
                    raise heard
                values = decode(heard)
            except BadFrame:
                self._line.write(bytes([NAK]))
                continue
            self._line.write(bytes([ACK]))
            yield values
