"""PINs go from the page to the worker through a Unix socket and live only in memory.

The web process sends a PIN when it was typed, and again when an effect says ``pin_needed`` (the worker was restarted).
The same socket carries nudges: "look at your queue now".
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

LIFETIME = 30 * 60.0
LIMIT = 4096
log = logging.getLogger("kiosk.worker")


class Pins:
    """PINs by order id, forgotten after half an hour."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def put(self, order_id: int, pin: str) -> None:
        with self._lock:
            self._kept[order_id] = (time.monotonic(), pin)

    def get(self, order_id: int) -> str | None:
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if time.monotonic() - kept[0] < LIFETIME}
            found = self._kept.get(order_id)
            return found[1] if found else None

    def forget(self, order_id: int) -> None:
        with self._lock:
            self._kept.pop(order_id, None)


class PinServer(threading.Thread):
    """Listens on ``path`` (mode 0600): one JSON line in, ``{"order", "pin"}``, ``{"forget"}``, ``{"card", "pin"}`` (the
    PIN of a clerk's card, for one request of the sign-in page) or ``{}``; ``ok`` out.
    """

    def __init__(
        self, path: Path, pins: Pins, nudge: Callable[[], None], card: Callable[[str, str], None] | None = None
    ) -> None:
        super().__init__(name="pins", daemon=True)
        self.path, self.pins, self.nudge, self.card = path, pins, nudge, card
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        path.chmod(0o600)
        self.socket.listen(16)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(2)
                    self._serve(connection)
                except (OSError, ValueError):
                    log.warning("a broken message on the pin socket")

    def _serve(self, connection: socket.socket) -> None:
        line = connection.makefile("rb").readline(LIMIT)
        message = json.loads(line)
        if isinstance(message.get("pin"), str) and isinstance(message.get("order"), int):
            self.pins.put(message["order"], message["pin"])
        if self.card and isinstance(message.get("pin"), str) and isinstance(message.get("card"), str):
            self.card(message["card"], message["pin"])
        if isinstance(message.get("forget"), int):
            self.pins.forget(message["forget"])
        self.nudge()
        connection.sendall(b"ok\n")

    def close(self) -> None:
        self.socket.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def send(path: Path, message: dict[str, object]) -> bool:
    """Send one message to the worker; False when no worker listens."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(path))
            connection.sendall(json.dumps(message).encode() + b"\n")
            return connection.makefile("rb").readline(16) == b"ok\n"
    except OSError:
        return False
