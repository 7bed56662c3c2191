"""The line to a receipt printer: TCP (port 9100 style) or serial, with deadlines on both directions."""

from __future__ import annotations

import contextlib
import socket
from typing import Protocol
from urllib.parse import urlsplit

from kiosk.hardware.errors import DeviceMissing, DeviceTimeout
from kiosk.hardware.serial_port import SerialPort, chunks


class Link(Protocol):
    """Raises DeviceMissing where nothing is or the line broke, DeviceTimeout where writing stalls."""

    baudrate: int  # 0 where the line is not the bottleneck

    def open(self) -> None: ...
    def send(self, data: bytes, seconds: float) -> None: ...
    def receive(self, seconds: float) -> bytes:
        """What arrives first within ``seconds``; empty when nothing does."""

    def close(self) -> None: ...


class TcpLink:
    baudrate = 0

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self._socket: socket.socket | None = None

    def open(self) -> None:
        self.close()
        try:
            self._socket = socket.create_connection(self._where, timeout=3)
        except OSError as error:
            raise DeviceMissing(errno=error.errno) from None

    def send(self, data: bytes, seconds: float) -> None:
        try:
            assert self._socket is not None
            self._socket.settimeout(seconds)
            self._socket.sendall(data)
        except TimeoutError:
            raise DeviceTimeout("write_timeout") from None
        except OSError as error:
            raise DeviceMissing(errno=error.errno) from None

    def receive(self, seconds: float) -> bytes:
        try:
            assert self._socket is not None
            self._socket.settimeout(seconds)
            got = self._socket.recv(256)
        except TimeoutError:
            return b""
        except OSError as error:
            raise DeviceMissing(errno=error.errno) from None
        if not got:
            raise DeviceMissing("device_hung_up")
        return got

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None


class SerialLink:
    def __init__(self, device: str, baudrate: int) -> None:
        self.baudrate = baudrate
        self._line = SerialPort(device, baudrate)

    def open(self) -> None:
        with self._line.opened() as line:
            line.reset_input_buffer()

    def send(self, data: bytes, seconds: float) -> None:
        with self._line.opened() as line:
            line.write_timeout = seconds
            line.write(data)

    def receive(self, seconds: float) -> bytes:
        with self._line.opened() as line:
            return next(chunks(line, seconds), b"")

    def close(self) -> None:
        self._line.close()


def link(address: str, baudrate: int) -> Link:
    """``tcp://host:port`` or ``serial:/dev/…``. Raises ValueError for anything else."""
    if address.startswith("serial:"):
        return SerialLink(address.removeprefix("serial:"), baudrate)
    parts = urlsplit(address)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port:
        raise ValueError(f"{address!r} is neither tcp://host:port nor serial:/dev/…")
    return TcpLink(parts.hostname, parts.port)
