"""Receipt printer: the receipt as an ESC/POS raster, counted as printed only when the printer says so.

Text mode is not used: code pages drop full-width punctuation and rare characters silently. Commands and status bits are
those of the ESC/POS reference: ``GS v 0`` raster, ``GS V 66`` feed and cut, ``GS r 1`` answered in turn after what
stands before it (the acknowledgement), ``DLE EOT n`` answered at once. An answer to DLE EOT has bits 1 and 4 set and
bits 0 and 7 clear; one to GS r has bits 4 and 7 clear; so the two cannot be mistaken for each other.
"""

from __future__ import annotations

import io
import time
from typing import Self

from PIL import Image, ImageFile, UnidentifiedImageError

from kiosk.hardware.errors import (
    CoverOpen,
    DeviceBusy,
    DeviceError,
    DeviceFailed,
    DeviceTimeout,
    PaperJam,
    PaperOut,
    PrintUnknown,
)
from kiosk.hardware.health import Health, Level, health_of
from kiosk.hardware.receipt_link import link

LARGEST = 2 * 1024 * 1024  # bytes of PNG
TALLEST = 8000  # dots: a metre of paper
BAND = 256  # rows in one raster command: small printers hold little
CHUNK = 4096
QUIET = 0.1  # seconds of silence after which no late answer is awaited

RESET = b"\x1b@"
CUT = b"\x1dV\x42\x60"
ASK = b"\x1dr\x01"


class ReceiptPrinter:
    """``address`` is ``tcp://host:port`` or ``serial:/dev/…``; ``width`` in dots (576 = 80 mm paper at 203 dpi).

    ``acknowledge`` (s) is how long a printed receipt's answer is awaited beyond the time the line and the paper take,
    ``answer`` (s) how long that of a status.
    """

    def __init__(
        self, address: str, baudrate: int = 115200, width: int = 576, acknowledge: float = 10.0, answer: float = 1.0
    ) -> None:
        self._link = link(address, baudrate)
        self._width = width
        self._acknowledge = acknowledge
        self._answer = answer
        self._acknowledgements = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def print_png(self, png: bytes) -> None:
        """Print one receipt and cut it; returns once the printer acknowledged.

        Not begun: PaperOut, CoverOpen, PaperJam, DeviceMissing, DeviceTimeout (mute), DeviceBusy (an earlier receipt
        is still in it), DeviceFailed. Begun and not acknowledged: PrintUnknown (fact ``cause``), never to be repeated.
        """
        bands, rows = raster(png, self._width)
        self._link.open()
        try:
            self._check()
            self._settle()
            self._deliver(RESET + b"".join(bands) + CUT + ASK, rows)
        finally:
            self._link.close()

    def health(self) -> Health:
        """The printer's own word: ``paper_low`` is a warning, no answer is never fine."""
        try:
            self._link.open()
            try:
                low = self._check()
            finally:
                self._link.close()
        except DeviceError as error:
            return health_of(error)
        return Health(Level.WARNING, "paper_low") if low else Health(Level.FINE, "ready")

    def _check(self) -> bool:
        """Refuse what cannot print now. True when the paper is nearly used up."""
        cause, paper = self._status(2), self._status(4)
        if cause & 0x04:
            raise CoverOpen
        if paper & 0x60 or cause & 0x20:
            raise PaperOut
        if cause & 0x40:
            fault = self._status(3)
            raise PaperJam if fault & 0x08 else DeviceFailed("printer_fault", status=f"{fault:02X}")
        if self._status(1) & 0x08:
            raise DeviceFailed("printer_offline")
        return bool(paper & 0x0C)

    def _status(self, kind: int) -> int:
        """The answer to DLE EOT, which even a busy or stopped printer gives at once."""
        self._link.send(b"\x10\x04" + bytes([kind]), self._answer)
        until = time.monotonic() + self._answer
        while (left := until - time.monotonic()) > 0:
            if status := self._listen(left):
                return status
        raise DeviceTimeout("printer_silent")

    def _listen(self, seconds: float) -> int | None:
        """Count the acknowledgements that arrive; give the status among them, if there is one."""
        status = None
        for byte in self._link.receive(seconds):
            if byte & 0x93 == 0x12:
                status = byte
            elif byte & 0x90 == 0:
                self._acknowledgements += 1
        return status

    def _settle(self) -> None:
        """Make sure that nothing earlier is still inside, and that no earlier acknowledgement is still on its way.

        A sender that died in the middle of a raster leaves the printer waiting for the rest of the band, and it would
        take this receipt for it. Zeros fill the band with white; outside of a raster they mean nothing.
        """
        self._acknowledgements = 0
        self._link.send(ASK, self._answer)
        if not self._acknowledged(self._answer):
            try:
                self._link.send(bytes(BAND * ((self._width + 7) // 8)) + CUT + ASK, self._answer)
            except DeviceTimeout:
                raise DeviceBusy("printer_busy") from None
            if not self._acknowledged(self._answer):
                raise DeviceBusy("printer_busy")
        while self._link.receive(QUIET):
            pass

    def _acknowledged(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._acknowledgements and (left := until - time.monotonic()) > 0:
            self._listen(left)
        return self._acknowledgements > 0

    def _deliver(self, data: bytes, rows: int) -> None:
        allowed = self._acknowledge + rows / 400  # 50 mm/s, a slow mechanism
        if self._link.baudrate:
            allowed += len(data) * 10 / self._link.baudrate
        self._acknowledgements = 0
        until = time.monotonic() + allowed
        try:
            for at in range(0, len(data), CHUNK):
                self._link.send(data[at : at + CHUNK], max(0.001, until - time.monotonic()))
        except DeviceError as error:
            raise PrintUnknown(cause=error.code) from None
        self._await(until)

    def _await(self, until: float) -> None:
        """Wait for the acknowledgement, asking in between why it does not come: a stopped printer is told of at
        once.
        """
        cause = "no_answer"
        while (left := until - time.monotonic()) > 0:
            try:
                if self._acknowledged(min(left, self._answer)):
                    return
                self._check()
            except DeviceTimeout:
                continue  # mute or merely slow: the deadline decides
            except DeviceError as error:
                cause = error.code
                break
        if not self._acknowledgements:
            raise PrintUnknown(cause=cause)


def raster(png: bytes, width: int) -> tuple[list[bytes], int]:
    """The picture as raster commands, and its height in dots. Dark is printed; grey is cut at the middle, not dithered.

    Raises DeviceFailed ``picture_unusable`` for what is no PNG, too wide or too tall.
    """
    try:
        if len(png) > LARGEST:
            raise ValueError
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # a library in this process may have allowed half pictures
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width > width or not 0 < picture.height <= TALLEST:
                raise ValueError
            flat = Image.new("RGB", picture.size, "white")
            shaped = picture.convert("RGBA")
            flat.paste(shaped, mask=shaped)
    except (ValueError, OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        raise DeviceFailed("picture_unusable", bytes=len(png)) from None
    dots = flat.convert("L").point(lambda grey: 255 if grey < 128 else 0).convert("1", dither=Image.Dither.NONE)
    across = (dots.width + 7) // 8
    bits = dots.tobytes()
    bands = []
    for top in range(0, dots.height, BAND):
        rows = min(BAND, dots.height - top)
        head = b"\x1dv0\x00" + across.to_bytes(2, "little") + rows.to_bytes(2, "little")
        bands.append(head + bits[top * across : (top + rows) * across])
    return bands, dots.height
