"""A receipt printer on a TCP port; every cut receipt is kept as a PNG in ``--home``/receipts.

Verbs: ``paper {state: out|low|ok, after_rows}``, ``cover {open}``, ``offline {offline}``, ``mute {mute}``, ``list``,
``unplug``, ``plug``. A stopped printer keeps what it was sent and prints it once the trouble is over, as real ones do.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image

from kiosk.simulators.control import Control, Refused, Verb, arguments, lasting_port, serve
from kiosk.simulators.receipt_printer_escpos import Ask, Command, Cut, Feed, Language, Row, Text

BUFFER = 64 * 1024
TALLEST = 20000


class Printer:
    """The mechanism: takes bytes into its buffer, prints when it can."""

    def __init__(self, home: Path, rows_per_second: float) -> None:
        self.folder = home / "receipts"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pause = 1 / rows_per_second if rows_per_second else 0.0
        self.changed = threading.Condition()
        self.language = Language()
        self.paper = "ok"
        self.left: int | None = None  # rows until the roll ends
        self.cover = self.offline = self.mute = False
        self.rows: list[bytes] = []
        self.text = bytearray()
        self.tail = b""
        self.sender: socket.socket | None = None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def stopped(self) -> bool:
        return self.paper == "out" or self.cover or self.offline

    def take(self, data: bytes) -> None:
        """Put bytes into the buffer, waiting while it is full; DLE EOT is answered at once, wherever it stands."""
        seen, at = self.tail + data, -1
        while (at := seen.find(b"\x10\x04", at + 1)) >= 0 and at + 2 < len(seen):
            self.answer(self._realtime(seen[at + 2]))
        self.tail = seen[-2:]
        with self.changed:
            self.changed.wait_for(lambda: len(self.language.held) < BUFFER, timeout=60)
            self.language.held += data
            self.changed.notify_all()

    def answer(self, status: int | None) -> None:
        sender = self.sender
        if status is not None and sender is not None and not self.mute:
            with contextlib.suppress(OSError):
                sender.sendall(bytes([status]))

    def _realtime(self, kind: int) -> int | None:
        out, low = self.paper == "out", self.paper in {"low", "out"}
        bits = {
            1: 0x08 if self.stopped else 0,
            2: (0x04 if self.cover else 0) | (0x20 if out else 0),
            3: 0,
            4: (0x0C if low else 0) | (0x60 if out else 0),
        }.get(kind)
        return None if bits is None else 0x12 | bits

    def _run(self) -> None:
        while True:
            with self.changed:
                command = None
                while self.stopped or (command := self.language.next()) is None:
                    self.changed.wait()
                self.changed.notify_all()
                self._do(command)
            if self.pause and isinstance(command, Row):
                time.sleep(self.pause)

    def _do(self, command: Command) -> None:
        match command:
            case Row(bits):
                self.rows.append(bits)
                if len(self.rows) > TALLEST:
                    self._cut()
                self._use_paper()
            case Feed(dots):
                self.rows += [b""] * min(dots, 1000)
            case Text(raw):
                self.text = (self.text + raw)[-4096:]
            case Cut():
                self._cut()
            case Ask(kind) if kind in {1, 49}:
                self.answer(0x03 if self.paper == "low" else 0)
            case _:
                return

    def _use_paper(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.paper, self.left = "out", None

    def _cut(self) -> None:
        rows, self.rows = self.rows, []
        across = max((len(row) for row in rows), default=0)
        if not across:
            return
        bits = bytes(255 - byte for byte in b"".join(row.ljust(across, b"\0") for row in rows))
        name = f"{len(list(self.folder.glob('*.png'))) + 1:06d}.png"
        Image.frombytes("1", (across * 8, len(rows)), bits).save(self.folder / name)

    def listing(self, _: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"receipts": [path.name for path in sorted(self.folder.glob("*.png"))]}

    def state(self) -> dict[str, Any]:
        with self.changed:
            return {
                "paper": self.paper,
                "cover_open": self.cover,
                "offline": self.offline,
                "mute": self.mute,
                "waiting_bytes": len(self.language.held),
                "unknown_bytes": len(self.text),
                "rows": len(self.rows),
                **self.listing(),
            }

    def set_paper(self, body: dict[str, Any]) -> dict[str, Any]:
        state, after = body.get("state", body.get("level")), body.get("after_rows", 0)
        if state not in {"out", "low", "ok"} or not isinstance(after, int) or after < 0:
            raise Refused("state must be out, low or ok; after_rows a number of rows")
        with self.changed:
            if state == "out" and after:
                self.left = after
            else:
                self.paper, self.left = str(state), None
            self.changed.notify_all()
        return self.state()

    def switch(self, name: str, key: str) -> Verb:
        def verb(body: dict[str, Any]) -> dict[str, Any]:
            if body.get(key) not in (True, False):
                raise Refused(f"{key} must be true or false")
            with self.changed:
                setattr(self, name, bool(body[key]))
                self.changed.notify_all()
            return self.state()

        return verb


class Port:
    """The TCP side: one sender at a time, as such printers have it."""

    def __init__(self, printer: Printer, port: int) -> None:
        self.printer = printer
        self.number = port
        self.listener: socket.socket | None = None
        self.plug({})

    def plug(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.listener is None:
            listener = socket.create_server(("127.0.0.1", self.number))
            self.number = listener.getsockname()[1]
            self.listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self.state()

    def unplug(self, _: dict[str, Any]) -> dict[str, Any]:
        listener, self.listener = self.listener, None
        for end in (listener, self.printer.sender):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        return self.state()

    def state(self) -> dict[str, Any]:
        return {**self.printer.state(), "plugged": self.listener is not None, "port": self.number}

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while self.listener is listener:
                sender, _ = listener.accept()
                with sender, contextlib.suppress(OSError):
                    sender.settimeout(60)
                    self.printer.sender = sender
                    while data := sender.recv(4096):
                        self.printer.take(data)
                self.printer.sender = None


def main() -> None:
    parser = arguments("Simulated receipt printer")
    parser.add_argument("--port", type=int, default=0, help="TCP port of the printer, 0 for a free one")
    parser.add_argument("--rows-per-second", type=float, default=0, help="printing speed, 0 for at once")
    options = parser.parse_args()
    options.control = lasting_port(options.home, "control", options.control)
    options.port = lasting_port(options.home, "device", options.port)
    printer = Printer(options.home, options.rows_per_second)
    port = Port(printer, options.port)
    verbs: dict[str, Verb] = {
        "paper": printer.set_paper,
        "list": printer.listing,
        "plug": port.plug,
        "unplug": port.unplug,
    }
    verbs |= {"cover": printer.switch("cover", "open"), "offline": printer.switch("offline", "offline")}
    verbs |= {"mute": printer.switch("mute", "mute")}
    control = Control(port.state, verbs, options.control, {"receipts": printer.folder})
    serve(control, {"address": f"tcp://127.0.0.1:{port.number}"})


if __name__ == "__main__":
    main()
