"""The little of a D-Bus system bus with Avahi on it that ippeveprinter asks for before it prints.

ippeveprinter will not start without DNS-SD. A real bus with a real avahi-daemon needs root, one runtime folder per
machine, and would announce the simulated printer on the network. This answers in their place and announces nothing.
Protocol: D-Bus Specification, "Authentication" and "Message Format"; the calls are those of libavahi-client 0.8.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

CALL, RETURN, ERROR = 1, 2, 3
RUNNING = 2  # AVAHI_SERVER_RUNNING
ESTABLISHED = 2  # AVAHI_ENTRY_GROUP_ESTABLISHED
LARGEST = 1024 * 1024


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def _pad(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


ANSWERS: dict[str, tuple[str, bytes]] = {
    "Hello": ("s", _string(":1.1")),
    "NameHasOwner": ("b", struct.pack("<I", 1)),
    "GetNameOwner": ("s", _string(":1.0")),
    "RequestName": ("u", struct.pack("<I", 1)),
    "GetAPIVersion": ("u", struct.pack("<I", 515)),
    "GetVersionString": ("s", _string("avahi 0.8")),
    "GetHostName": ("s", _string("kiosk")),
    "GetHostNameFqdn": ("s", _string("localhost")),
    "GetDomainName": ("s", _string("local")),
    "EntryGroupNew": ("o", _string("/Client1/EntryGroup1")),
    "IsEmpty": ("b", struct.pack("<I", 1)),
}


def _fields(head: bytes) -> dict[int, str]:
    """The header fields of a message: 1 path, 2 interface, 3 member, 6 destination, 8 signature."""
    fields: dict[int, str] = {}
    at, end = 16, 16 + struct.unpack_from("<I", head, 12)[0]
    while at < end:
        at += -at % 8
        code, width = head[at], head[at + 1]
        kind = head[at + 2 : at + 2 + width].decode()
        at += 3 + width
        if kind in {"s", "o"}:
            at += -at % 4
            length = struct.unpack_from("<I", head, at)[0]
            fields[code] = head[at + 4 : at + 4 + length].decode()
            at += 5 + length
        elif kind == "g":
            fields[code] = head[at + 1 : at + 1 + head[at]].decode()
            at += 2 + head[at]
        else:
            at += -at % 4 + 4
    return fields


def _message(kind: int, serial: int, to: int, signature: str, body: bytes, error: str = "") -> bytes:
    """A reply to the message ``to``."""
    fields = b"\5\1u\0" + struct.pack("<I", to)
    if error:
        fields = _pad(fields, 8) + b"\4\1s\0" + _string(error)
    if signature:
        fields = _pad(fields, 8) + b"\x08\1g\0" + bytes([len(signature)]) + signature.encode() + b"\0"
    head = struct.pack("<BBBBIII", ord("l"), kind, 0, 1, len(body), serial, len(fields))
    return _pad(head + fields, 8) + body


def _answer(fields: dict[int, str], serial: int, to: int) -> bytes:
    member, interface = fields.get(3, ""), fields.get(2, "")
    if member == "GetState":
        state = ESTABLISHED if interface.endswith("EntryGroup") else RUNNING
        return _message(RETURN, serial, to, "i", struct.pack("<i", state))
    if member in ANSWERS:
        return _message(RETURN, serial, to, *ANSWERS[member])
    if interface.startswith("org.freedesktop.Avahi.EntryGroup") or member in {"AddMatch", "RemoveMatch", "Ping"}:
        return _message(RETURN, serial, to, "", b"")
    name = "org.freedesktop.DBus.Error.UnknownMethod"
    return _message(ERROR, serial, to, "s", _string(member), name)


class Bus:
    """Listens on the Unix socket ``path``; ``address`` goes into DBUS_SYSTEM_BUS_ADDRESS."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.address = f"unix:path={path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError, struct.error, IndexError, UnicodeDecodeError),
            client.makefile("rb") as lines,
        ):
            while not (line := lines.readline(4096)).startswith(b"BEGIN"):
                if not line:
                    return
                greeted = b"AUTH EXTERNAL" in line
                client.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n" if greeted else b"ERROR\r\n")
            serial = 0
            while len(head := lines.read(16)) == 16:
                body, fields = struct.unpack_from("<I", head, 4)[0], struct.unpack_from("<I", head, 12)[0]
                if head[:1] != b"l" or body + fields > LARGEST:
                    return
                head += lines.read(fields + -fields % 8)
                lines.read(body)
                if head[1] == CALL and not head[2] & 1:  # 1: no reply wanted
                    serial += 1
                    client.sendall(_answer(_fields(head), serial, struct.unpack_from("<I", head, 8)[0]))
