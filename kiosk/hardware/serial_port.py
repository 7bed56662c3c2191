"""A serial line that may be pulled out at any moment: missing, gone and silent told apart, reopened on the next use."""

from __future__ import annotations

import contextlib
import termios
import time
from collections.abc import Callable, Iterator

import serial

from kiosk.hardware.errors import DeviceBusy, DeviceMissing, DeviceTimeout


class SerialPort:
    """Opened lazily and exclusively; after any failure closed, so that the next use opens what is plugged in then."""

    def __init__(self, port: str, baudrate: int) -> None:
        self._port = port
        self._baudrate = baudrate
        self._serial: serial.Serial | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[serial.Serial]:
        """The open line. Raises DeviceMissing (not there, or gone meanwhile), DeviceBusy (another process holds it)."""
        try:
            if self._serial is None:
                self._serial = serial.Serial(self._port, self._baudrate, timeout=0, write_timeout=1, exclusive=True)
            yield self._serial
        except serial.SerialTimeoutException:
            self.close()
            raise DeviceTimeout("write_timeout") from None
        except serial.SerialException as error:
            self.close()
            if "exclusively lock" in str(error):
                raise DeviceBusy from None
            raise DeviceMissing(errno=error.errno) from None
        except (OSError, termios.error) as error:
            self.close()
            raise DeviceMissing(errno=getattr(error, "errno", None)) from None

    def close(self) -> None:
        if self._serial is not None:
            with contextlib.suppress(OSError, serial.SerialException):
                self._serial.close()
            self._serial = None


def chunks(line: serial.Serial, seconds: float, enough: Callable[[], bool] | None = None) -> Iterator[bytes]:
    """What arrives within ``seconds``, piece by piece; ends when the time is over or ``enough()``."""
    until = time.monotonic() + seconds
    while not (enough and enough()):
        if (left := until - time.monotonic()) <= 0:
            return
        line.timeout = left
        if first := line.read(1):
            yield first + line.read(line.in_waiting)
