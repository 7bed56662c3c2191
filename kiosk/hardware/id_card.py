"""Resident ID card reader on a serial line: find, select, read.

A card that was read answers "no card" until it is lifted and laid again. So "no card" after a read may mean "take your
card": CardMissing then carries ``read_before=True``.
"""

from __future__ import annotations

from typing import Self

from kiosk.hardware import id_frames as frames
from kiosk.hardware.errors import (
    CardLifted,
    CardMissing,
    CardUnreadable,
    DeviceError,
    DeviceFailed,
    DeviceTimeout,
)
from kiosk.hardware.health import Health, Level, health_of
from kiosk.hardware.id_text import TEXT, IdCard, parse
from kiosk.hardware.serial_port import SerialPort, chunks

__all__ = ["IdCard", "IdCardReader"]

QUICK = 0.6  # seconds for status, find and select
READING = 3.0  # seconds for the text and the photo over the air
PHOTO = 1024


class IdCardReader:
    """``port`` is a serial device. Opened when first used; reopened after it was unplugged."""

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        self._line = SerialPort(port, baudrate)
        self._read_before = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def read(self) -> IdCard:
        """The card that lies on the reader.

        Raises CardMissing (``read_before``: perhaps the last card still lies there), CardLifted, CardUnreadable,
        DeviceMissing, DeviceTimeout (the reader is silent), DeviceFailed (nonsense or a refusal of the module).
        """
        self._find()
        selected = self._ask(frames.SELECT, QUICK)
        if selected.status in {frames.SELECT_FAILED, frames.NO_CARD}:
            raise CardLifted(status=f"{selected.status:02X}")
        self._expect(selected, frames.OK)
        reply = self._ask(frames.READ, READING)
        if reply.status != frames.OK:
            raise self._why_unread(reply.status)
        card = _card(reply.data)
        self._read_before = True
        return card

    def present(self) -> bool:
        """Whether a card lies there that was not read yet."""
        try:
            self._find()
        except CardMissing:
            return False
        return True

    def health(self) -> Health:
        """The reader's own state, asked from its security module; no card is touched."""
        try:
            reply = self._ask(frames.SAM_STATUS, QUICK)
        except DeviceError as error:
            return health_of(error)
        if reply.status == frames.OK:
            return Health(Level.FINE, "ready")
        return Health(Level.FAILED, "module_refuses", f"status {reply.status:02X}")

    def _find(self) -> None:
        reply = self._ask(frames.FIND, QUICK)
        if reply.status == frames.NO_CARD:
            raise CardMissing(read_before=self._read_before)
        self._expect(reply, frames.FOUND)
        self._read_before = False

    def _why_unread(self, status: int) -> DeviceError:
        """A failed reading is a lifted card when none is found afterwards."""
        if self._ask(frames.FIND, QUICK).status == frames.NO_CARD:
            return CardLifted(status=f"{status:02X}")
        return CardUnreadable(status=f"{status:02X}")

    @staticmethod
    def _expect(reply: frames.Reply, status: int) -> None:
        if reply.status != status:
            raise DeviceFailed("module_refuses", status=f"{reply.status:02X}")

    def _ask(self, command: bytes, seconds: float) -> frames.Reply:
        """One command and its reply. A damaged reply is asked for once more: none of these commands changes
        anything.
        """
        try:
            return self._exchange(command, seconds)
        except DeviceFailed:
            return self._exchange(command, seconds)

    def _exchange(self, command: bytes, seconds: float) -> frames.Reply:
        parser = frames.FrameParser()
        damaged = False
        with self._line.opened() as line:
            line.reset_input_buffer()  # late words of an earlier command are not this one's answer
            line.write(frames.request(command))
            for chunk in chunks(line, seconds):
                for frame in parser.feed(chunk):
                    if isinstance(frame, frames.Reply):
                        return frame
                    damaged = True
                if damaged and not parser.waiting:
                    break
        if damaged or parser.waiting:
            raise DeviceFailed("reply_damaged")
        raise DeviceTimeout("reader_silent")


def _card(data: bytes) -> IdCard:
    text, photo = int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big")
    if (text, photo) != (TEXT, PHOTO) or len(data) != 4 + TEXT + PHOTO:
        raise CardUnreadable("card_lengths_wrong", text=text, photo=photo, length=len(data))
    return parse(data[4 : 4 + TEXT], data[4 + TEXT :])
