"""Flatbed or document scanner through SANE. To be served by a Child: SANE's backends may crash or hang.

``device`` is SANE's device name, optionally with settings of that backend:
``genesys:libusb:001:004?mode=Color&source=Flatbed``. ``config_dir`` is a private SANE_CONFIG_DIR, which keeps SANE
from searching the whole machine and network for devices.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qsl

import _sane
import sane
from PIL import Image

from kiosk.hardware.errors import (
    DeviceBusy,
    DeviceError,
    DeviceFailed,
    DeviceMissing,
    NothingOnGlass,
    ScannerJam,
    ScanTruncated,
)
from kiosk.hardware.health import Health, Level, health_of
from kiosk.hardware.scan_checks import is_empty, lost_rows

MOST_PIXELS = 60_000_000  # A4 at 600 dpi has 35 million
LARGEST_MM = (310.0, 440.0)  # an A3 glass with room to spare
SMALLEST_MM = 40.0

# the sentences of sane_strstatus(), SANE Standard 1.06, 4.3
REFUSALS: dict[str, tuple[type[DeviceError], str]] = {
    "Device busy": (DeviceBusy, "scanner_busy"),
    "Document feeder jammed": (ScannerJam, "scanner_jam"),
    "Document feeder out of documents": (NothingOnGlass, "feeder_empty"),
    "Scanner cover is open": (DeviceFailed, "scanner_cover_open"),
    "Error during device I/O": (DeviceFailed, "scanner_io_error"),
    "Access to resource has been denied": (DeviceFailed, "scanner_access_denied"),
    "Out of memory": (DeviceFailed, "out_of_memory"),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """One page: ``png`` carries ``dpi`` in its pHYs chunk; ``width`` and ``height`` in pixels."""

    png: bytes = field(repr=False)
    width: int
    height: int
    dpi: int


class Scanner:
    def __init__(self, device: str, config_dir: str | None = None) -> None:
        self._device, _, settings = device.partition("?")
        self._settings = parse_qsl(settings, keep_blank_values=True, max_num_fields=50)
        self._config_dir = config_dir
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def scan(self, dpi: int = 300) -> Scan:
        """Scan what lies on the glass.

        Raises NothingOnGlass (an empty page), ScanTruncated (facts ``rows``, ``expected``), ScannerJam, DeviceMissing,
        DeviceBusy, DeviceFailed. A picture whose size cannot be that of a page at ``dpi`` is refused: its resolution
        would be wrong.
        """
        picture = self._acquire(dpi)
        if lost := lost_rows(picture):
            raise ScanTruncated(rows=picture.height - lost, expected=picture.height)
        if is_empty(picture):
            raise NothingOnGlass
        out = BytesIO()
        picture.save(out, "PNG", dpi=(dpi, dpi), compress_level=1)
        return Scan(out.getvalue(), picture.width, picture.height, dpi)

    def health(self) -> Health:
        """Whether the scanner can be opened; nothing is moved."""
        try:
            self._open().close()
        except DeviceError as error:
            self._leave()
            return health_of(error)
        return Health(Level.FINE, "ready")

    def _acquire(self, dpi: int) -> Image.Image:
        try:
            device = self._open()
            try:
                self._prepare(device, dpi)
                return _page(device, dpi)
            finally:
                device.close()
        except _sane.error as error:
            self._leave()
            kind, code = REFUSALS.get(str(error), (DeviceFailed, "scan_refused"))
            raise kind(code) from None
        except BaseException:
            self._leave()  # some backends keep an error until they are left
            raise

    def _open(self) -> Any:
        """The opened device. SANE is entered with the first use and left after every failure."""
        try:
            if not self._ready:
                if self._config_dir:
                    os.environ["SANE_CONFIG_DIR"] = self._config_dir
                sane.init()
                self._ready = True
            return sane.open(self._device)
        except _sane.error as error:
            if str(error) == "Device busy":
                raise DeviceBusy("scanner_busy") from None
            raise DeviceMissing(reason=str(error)) from None

    def _leave(self) -> None:
        if self._ready:
            self._ready = False
            sane.exit()

    def _prepare(self, device: Any, dpi: int) -> None:
        """Colour, the resolution, then the configured settings; what the device then says about its resolution
        counts.
        """
        modes = device.opt["mode"].constraint if "mode" in device.opt else None
        if isinstance(modes, list) and "Color" in modes:
            device.mode = "Color"
        if "resolution" in device.opt:
            device.resolution = dpi
        for name, value in self._settings:
            _set(device, name.replace("-", "_"), value)
        if "resolution" in device.opt and round(device.resolution) != dpi:
            raise DeviceFailed("resolution_not_offered", dpi=dpi, offered=round(device.resolution))


def _set(device: Any, name: str, value: str) -> None:
    if name not in device.opt:
        raise DeviceFailed("scanner_setting_unknown", setting=name)
    kind = device.opt[name].type
    try:
        number = kind in {_sane.TYPE_BOOL, _sane.TYPE_INT}
        setattr(device, name, int(value) if number else float(value) if kind == _sane.TYPE_FIXED else value)
    except (ValueError, TypeError, AttributeError, _sane.error):
        raise DeviceFailed("scanner_setting_refused", setting=name) from None


def _page(device: Any, dpi: int) -> Image.Image:
    device.start()
    _, _, (width, lines), _, _ = device.get_parameters()
    if width * max(lines, 0) > MOST_PIXELS:
        raise DeviceFailed("scan_too_large", width=width, height=lines)
    try:
        picture: Image.Image = device.snap()
    except RuntimeError:  # python-sane: not one row came
        raise ScanTruncated(rows=0, expected=lines) from None
    if picture.height < lines:  # SANE gives a short picture without an error when the data end early
        raise ScanTruncated(rows=picture.height, expected=lines)
    size = (picture.width / dpi * 25.4, picture.height / dpi * 25.4)
    if not (SMALLEST_MM <= size[0] <= LARGEST_MM[0] and SMALLEST_MM <= size[1] <= LARGEST_MM[1]):
        raise DeviceFailed("scan_size_implausible", width_mm=round(size[0]), height_mm=round(size[1]))
    return picture
