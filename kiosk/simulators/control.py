"""The handle on a simulator: a small JSON-over-HTTP server on 127.0.0.1 through which a bench or a test plays the
outside.

``GET /state`` gives the state, ``POST /<verb>`` with a JSON object does something, ``GET /files/<shelf>/<name>``
gives a kept file. Refusals are ``{"error": …}`` with 400 (wrong input), 404 or 500.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mimetypes
import re
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Verb = Callable[[dict[str, Any]], dict[str, Any]]
LARGEST = 48 * 1024 * 1024
FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}\Z")


class Refused(Exception):
    """A verb's input makes no sense; the text says why."""


class Control:
    """The control server of one simulator. ``port`` 0 takes a free one; ``shelves`` maps a name to a folder of kept
    files.
    """

    def __init__(
        self,
        state: Callable[[], dict[str, Any]],
        verbs: Mapping[str, Verb],
        port: int = 0,
        shelves: Mapping[str, Path] | None = None,
    ) -> None:
        self.state = state
        self.verbs = dict(verbs)
        self.shelves = dict(shelves or {})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"control": self}))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    control: Control
    timeout = 30
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: bodies and paths may hold personal data."""

    def do_GET(self) -> None:
        if self._foreign():
            return
        if self.path == "/state":
            self._run(lambda _: self.control.state(), {})
        elif self.path.startswith("/files/"):
            self._file(self.path.split("/")[2:])
        else:
            self._json(404, {"error": "no such thing"})

    def do_POST(self) -> None:
        if self._foreign():
            return
        verb = self.control.verbs.get(self.path.strip("/"))
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if verb is None or not 0 <= length <= LARGEST:
            self.close_connection = True
            self._json(404 if verb is None else 400, {"error": "no such verb" if verb is None else "bad length"})
            return
        raw = self.rfile.read(length)
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._json(400, {"error": "a JSON object is wanted"})
        else:
            self._run(verb, body)

    def _foreign(self) -> bool:
        """Refuse what a web page of another origin could send."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host in {"127.0.0.1", "localhost"} and not self.headers.get("Origin"):
            return False
        self.close_connection = True
        self._json(403, {"error": "only from this machine"})
        return True

    def _run(self, verb: Verb, body: dict[str, Any]) -> None:
        try:
            self._json(200, verb(body))
        except Refused as error:
            self._json(400, {"error": str(error)})
        except (KeyError, TypeError, ValueError) as error:
            self._json(400, {"error": f"{type(error).__name__}: {error}"})
        except Exception as error:
            self._json(500, {"error": f"{type(error).__name__}: {error}"})

    def _file(self, parts: list[str]) -> None:
        folder = self.control.shelves.get(parts[0]) if len(parts) == 2 else None
        path = folder / parts[1] if folder and FILE_NAME.match(parts[1]) else None
        if path is None or not path.is_file():
            self._json(404, {"error": "no such file"})
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self._send(200, kind, path.read_bytes())

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(value, ensure_ascii=False).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)


def arguments(description: str) -> argparse.ArgumentParser:
    """The options every simulator has: ``--control PORT`` (0 takes a free one) and ``--home DIR``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--control", type=int, default=0, metavar="PORT", help="port of the control server, 0 for a free one"
    )
    parser.add_argument(
        "--home", type=Path, required=True, metavar="DIR", help="folder that keeps this simulator's state"
    )
    return parser


def lasting_port(home: Path, name: str, wished: int) -> int:
    """``wished``, or for 0 the port used last time (so that a simulator started again is found where it was), or a
    free one.
    """
    if wished:
        return wished
    note = home / f"{name}.port"
    home.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.suppress(OSError, ValueError, OverflowError),
        socket.create_server(("127.0.0.1", int(note.read_text()))),
    ):
        return int(note.read_text())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    note.write_text(str(port))
    return port


def serve(control: Control, ready: Mapping[str, Any], stopped: threading.Event | None = None) -> None:
    """Start the control server, print ``ready {json}`` and wait for SIGTERM or SIGINT (or ``stopped``), then stop it.

    The line's JSON is ``ready`` with the key ``control`` (the control server's port) added.
    """
    done = stopped or threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    control.start()
    try:
        print("ready " + json.dumps({"control": control.port, **ready}, ensure_ascii=False), flush=True)
        done.wait()
    finally:
        control.stop()
