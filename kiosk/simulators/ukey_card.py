"""``python -m kiosk.simulators.ukey_card --control PORT --home DIR --port N``: a UKey that is a smart card to PC/SC.

pcscd's virtual reader (vsmartcard-vpcd, ``DEVICENAME /dev/null:N``) waits at port N; to insert the card is to connect
to it. Each message is a two-byte length and either one control byte (0 power off, 1 power on, 2 reset, 4 ATR) or an
APDU. The card is blank until ``pkcs15-init --create-pkcs15`` has prepared it. Verbs: ``insert``, ``remove`` and
``pull_at {apdu, executed}``: pulled at the n-th APDU from now, before or after the card executes it (0: not at all).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path
from typing import Any, Final

from kiosk.simulators.control import Control, Refused, Verb, arguments, serve
from kiosk.simulators.ukey_card_applet import Applet
from kiosk.simulators.ukey_card_files import Memory

ATR: Final = bytes.fromhex("3b80800101")  # T=0 and T=1, no historical bytes
POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4
_LENGTH: Final = struct.Struct(">H")


class Card:
    """The card and the contact it makes while inserted."""

    def __init__(self, home: Path, port: int) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = port
        self.apdus = 0
        self._memory = home / "card.json"
        self._lock = threading.Lock()
        self._contact: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._left = 0
        self._executed = False

    def state(self) -> dict[str, Any]:
        return {"inserted": self._contact is not None, "apdus": self.apdus, "port": self.port}

    def insert(self, _: dict[str, Any] | None = None) -> dict[str, Any]:
        """Connect to the reader; Refused if there is none."""
        with self._lock:
            if self._contact is None:
                try:
                    self._contact = socket.create_connection(("127.0.0.1", self.port), 5)
                except OSError:
                    raise Refused("no reader waits at the port") from None
                self._contact.settimeout(None)
                self._thread = threading.Thread(target=self._serve, args=(self._contact,), daemon=True)
                self._thread.start()
        return self.state()

    def remove(self, _: dict[str, Any] | None = None) -> dict[str, Any]:
        """Break the contact."""
        self._cut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        return self.state()

    def pull_at(self, body: dict[str, Any]) -> dict[str, Any]:
        apdu, executed = body.get("apdu"), body.get("executed", False)
        if not isinstance(apdu, int) or not 0 <= apdu <= 1_000_000 or not isinstance(executed, bool):
            raise Refused("apdu must be a number from 0 and executed true or false")
        with self._lock:
            self._left, self._executed = apdu, executed
        return {"apdu": apdu, "executed": executed}

    def _cut(self) -> None:
        with self._lock:
            if self._contact is not None:
                with contextlib.suppress(OSError):
                    self._contact.shutdown(socket.SHUT_RDWR)
                self._contact = None

    def _serve(self, contact: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), contact:
            self._talk(contact)
        with self._lock:
            if self._contact is contact:
                self._contact = None

    def _talk(self, contact: socket.socket) -> None:
        contact.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        applet = Applet(Memory(self._memory))
        while True:
            contact.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # or each exchange waits 40 ms
            message = _exactly(contact, _LENGTH.unpack(_exactly(contact, 2))[0])
            if len(message) != 1:
                answer = self._apdu(applet, message)
            elif message[0] == GET_ATR:
                answer = ATR
            else:
                applet.reset()
                continue
            contact.sendall(_LENGTH.pack(len(answer)) + answer)

    def _apdu(self, applet: Applet, message: bytes) -> bytes:
        with self._lock:
            self.apdus += 1
            self._left = max(0, self._left - 1) if self._left != 1 else -1
            pulled, executed = self._left == -1, self._executed
            if pulled:
                self._left = 0
        if not pulled:
            return applet.run(message)
        if executed:
            applet.run(message)
        self._cut()
        raise EOFError


def _exactly(contact: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = contact.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def main() -> None:
    parser = arguments("A UKey as a smart card on pcscd's virtual reader")
    parser.add_argument("--port", type=int, required=True, help="port where the virtual reader waits")
    options = parser.parse_args()
    card = Card(options.home, options.port)
    verbs: dict[str, Verb] = {"insert": card.insert, "remove": card.remove, "pull_at": card.pull_at}
    try:
        serve(Control(card.state, verbs, port=options.control), {"port": card.port})
    finally:
        card.remove()


if __name__ == "__main__":
    main()
