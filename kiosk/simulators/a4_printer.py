"""An A4 printer over IPP: CUPS's own ippeveprinter, with every printed PDF kept in ``--home``/printed.

Verbs: ``paper {state: ok|out|jam}``, ``list``, ``freeze {frozen}`` (the printer stops answering), ``unplug``, ``plug``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kiosk.simulators.a4_printer_bus import Bus
from kiosk.simulators.control import Control, Refused, Verb, arguments, lasting_port, serve

NAME = "Kiosk A4"
PID_FILE = "ippeveprinter.pid"

# ippeveprinter runs this for each job; what it writes as STATE: becomes printer-state-reasons (ippeveprinter(8)).
MECHANISM = """#!/bin/sh
home=$(dirname "$0")
told=
trap 'exit 1' TERM INT
while kill -0 $PPID 2>/dev/null; do
  case $(cat "$home/paper") in
    out) [ "$told" ] || echo 'STATE: +media-empty-error' >&2; told=1; sleep 0.1 ;;
    jam) echo 'STATE: +media-jam-error' >&2; exit 1 ;;
    *) break ;;
  esac
done
echo 'STATE: -media-empty-error,media-jam-error' >&2
copy=$(mktemp "$home/printed/.XXXXXX") && cat "$1" > "$copy" && mv "$copy" "$home/printed/$(date +%Y%m%d-%H%M%S-%N).pdf"
"""


class A4Printer:
    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.printed = home / "printed"
        self.spool = home / "spool"
        for folder in (self.printed, self.spool):
            folder.mkdir(parents=True, exist_ok=True)
        self.paper_file = home / "paper"
        self.paper_file.write_text("ok\n")
        self.mechanism = home / "print.sh"
        self.mechanism.write_text(MECHANISM)
        self.mechanism.chmod(0o755)
        self.port = port
        self.frozen = False
        self.pid_file = home / PID_FILE
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.mkdtemp(prefix="kiosk-bus-")  # a socket's path may have 107 bytes, home may be longer
        self.bus = Bus(Path(self._folder) / "bus")

    @property
    def uri(self) -> str:
        return f"ipp://localhost:{self.port}/ipp/print"

    def plug(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.process is None or self.process.poll() is not None:
            with (self.home / "ippeveprinter.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [
                        *("ippeveprinter", "-p", str(self.port), "-n", "localhost", "-f", "application/pdf"),
                        *("-c", str(self.mechanism), "-d", str(self.spool), "-K", str(self.home), NAME),
                    ],
                    env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.pid_file.write_text(str(self.process.pid))
            self._await()
            self._fill_tray()
        return self.state()

    def _await(self) -> None:
        until = time.monotonic() + 15
        while self.process is not None and self.process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("localhost", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError("ippeveprinter did not start; see ippeveprinter.log in the home folder")

    def unplug(self, _: dict[str, Any]) -> dict[str, Any]:
        process, self.process = self.process, None
        if process is not None:
            process.kill()  # the job it runs notices and ends itself
            process.wait()
            self.frozen = False
        return self.state()

    def freeze(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("frozen") not in (True, False) or self.process is None:
            raise Refused("frozen must be true or false, and the printer plugged")
        self.frozen = bool(body["frozen"])
        os.kill(self.process.pid, signal.SIGSTOP if self.frozen else signal.SIGCONT)
        return self.state()

    def paper(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.set_paper(body.get("state", body.get("level")), {})

    def set_paper(self, state: Any, _: dict[str, Any]) -> dict[str, Any]:
        if state not in {"ok", "out", "jam"}:
            raise Refused("state must be ok, out or jam")
        fresh = self.paper_file.with_suffix(".new")
        fresh.write_text(f"{state}\n")
        fresh.replace(self.paper_file)
        self._fill_tray()
        return self.state()

    def _fill_tray(self) -> None:
        """What the tray's sensor says: ippeveprinter takes it from its own web form."""
        if self.process is None or self.frozen:
            return
        out = self.paper_file.read_text().strip() == "out"
        form = {"size1": "iso_a4_210x297mm", "type1": "stationery", "level1": 0 if out else 250}
        form |= {"size3": "iso_a4_210x297mm", "type3": "stationery", "level3": 0 if out else -2}
        with urllib.request.urlopen(f"http://localhost:{self.port}/media?{urlencode(form)}", timeout=5) as page:
            page.read()

    def listing(self, _: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"printed": sorted(path.name for path in self.printed.glob("*.pdf"))}

    def state(self) -> dict[str, Any]:
        plugged = self.process is not None and self.process.poll() is None
        paper = self.paper_file.read_text().strip()
        return {"paper": paper, "plugged": plugged, "frozen": self.frozen, "uri": self.uri, **self.listing()}

    def close(self) -> None:
        self.unplug({})
        self.bus.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def end_orphan(home: Path) -> None:
    """End the printer of a simulator that was itself killed: it still holds the port."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((home / PID_FILE).read_text())
        command = Path(f"/proc/{pid}/cmdline")
        while str(home / "print.sh").encode() in command.read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def main() -> None:
    parser = arguments("Simulated A4 printer")
    parser.add_argument("--port", type=int, default=0, help="IPP port, 0 for a free one")
    options = parser.parse_args()
    options.control = lasting_port(options.home, "control", options.control)
    end_orphan(options.home.absolute())
    options.port = lasting_port(options.home, "device", options.port)
    printer = A4Printer(options.home.absolute(), options.port)
    verbs: dict[str, Verb] = {"paper": printer.paper, "list": printer.listing, "freeze": printer.freeze}
    verbs |= {"plug": printer.plug, "unplug": printer.unplug}
    verbs |= {state: partial(printer.set_paper, state) for state in ("ok", "out", "jam")}
    try:
        printer.plug({})
        serve(Control(printer.state, verbs, options.control, {"printed": printer.printed}), {"uri": printer.uri})
    finally:
        printer.close()


if __name__ == "__main__":
    main()
