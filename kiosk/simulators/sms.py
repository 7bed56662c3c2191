"""An SMS gateway over HTTP on 127.0.0.1; what it "sent" is its outbox.

``POST /v1/messages`` with JSON ``{id, to, text, timestamp}`` takes a message (202; 200 for the same message again;
409 for the same id with another content); ``GET /v1/messages/<id>`` gives its state (404: never taken). Both carry
``X-Signature``: hex HMAC-SHA256 over ``timestamp + "." + body`` (a GET's body is empty, its timestamp stands in
``X-Timestamp``), with the text of the secret's file as the key; a timestamp (Unix seconds, or ISO 8601 with offset)
may be five minutes off.

Verbs: ``outbox {to, limit}``, ``fault {kind, times, seconds}`` (drop_before, drop_after, error, reject, delay;
``none`` clears).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kiosk.simulators.control import Control, Refused, arguments, lasting_port, serve

SKEW = 300
LARGEST = 16 * 1024
PHONE = re.compile(r"(\+86)?1[3-9]\d{9}\Z", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
FAULTS = {"none", "drop_before", "drop_after", "error", "reject", "delay"}


class Refusal(Exception):
    """An HTTP status and a code, given back to the client."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Gateway:
    """The messages taken, kept line by line in ``--home``/outbox.jsonl."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.path = home / "outbox.jsonl"
        self.secret_path = home / "secret"
        if not self.secret_path.exists():
            self.secret_path.touch(mode=0o600)
            self.secret_path.write_text(secrets.token_hex(32))
        self.key = self.secret_path.read_bytes().strip()
        self.messages: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            for line in self.path.read_text("utf-8").splitlines():
                message = json.loads(line)
                self.messages[message["id"]] = message
        self.fault, self.times, self.seconds = "none", 0, 0.0

    def check(self, timestamp: str, body: bytes, signature: str) -> None:
        wanted = hmac.new(self.key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), signature.lower().encode()):
            raise Refusal(401, "bad_signature")
        if abs(time.time() - _seconds(timestamp)) > SKEW:
            raise Refusal(401, "stale_timestamp")

    def take(self, body: bytes, signature: str) -> tuple[int, dict[str, Any]]:
        """Take a signed message: the HTTP status and the answer. Raises Refusal."""
        try:
            message = json.loads(body)
            timestamp = str(message["timestamp"])
        except (ValueError, TypeError, KeyError):
            raise Refusal(400, "malformed") from None
        self.check(timestamp, body, signature)
        fields = {key: message.get(key) for key in ("id", "to", "text")}
        if not all(isinstance(value, str) for value in fields.values()):
            raise Refusal(400, "malformed")
        if not IDENTIFIER.match(fields["id"]) or not 0 < len(fields["text"]) <= 500:
            raise Refusal(400, "malformed")
        if not PHONE.match(fields["to"]):
            raise Refusal(422, "bad_number")
        return self._keep(fields)

    def _keep(self, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            old = self.messages.get(fields["id"])
            if old is not None:
                if any(old[key] != fields[key] for key in fields):
                    raise Refusal(409, "id_reused")
                return 200, {"id": old["id"], "state": old["state"]}
            state = "failed" if self.fault == "reject" else "sent"
            kept = {**fields, "state": state, "at": datetime.now().astimezone().isoformat(timespec="milliseconds")}
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(kept, ensure_ascii=False) + "\n")
            self.messages[fields["id"]] = kept
        return 202, {"id": fields["id"], "state": state}

    def find(self, identifier: str) -> dict[str, Any]:
        message = self.messages.get(identifier)
        if message is None:
            raise Refusal(404, "unknown_message")
        return {"id": identifier, "state": message["state"], "at": message["at"]}

    def current_fault(self) -> str:
        with self.lock:
            return self.fault

    def spend_fault(self) -> None:
        with self.lock:
            self.times -= 1
            if self.times <= 0:
                self.fault = "none"

    def set_fault(self, body: dict[str, Any]) -> dict[str, Any]:
        kind, times, seconds = body.get("kind"), int(body.get("times", 1)), float(body.get("seconds", 1))
        if kind not in FAULTS or times < 1 or not 0 <= seconds <= 60:
            raise Refused(f"kind must be one of {', '.join(sorted(FAULTS))}")
        with self.lock:
            self.fault, self.times, self.seconds = str(kind), times, seconds
        return self.state()

    def outbox(self, body: dict[str, Any]) -> dict[str, Any]:
        """The newest messages first."""
        to, limit = body.get("to"), int(body.get("limit", 20))
        with self.lock:
            found = [message for message in reversed(self.messages.values()) if to in {None, message["to"]}]
        return {"messages": found[: max(0, limit)]}

    def state(self) -> dict[str, Any]:
        return {"count": len(self.messages), "fault": self.fault, **self.outbox({"limit": 5})}


def _seconds(timestamp: str) -> float:
    try:
        return float(timestamp) if re.fullmatch(r"\d{1,12}(\.\d+)?", timestamp) else _instant(timestamp)
    except ValueError:
        raise Refusal(400, "malformed") from None


def _instant(timestamp: str) -> float:
    instant = datetime.fromisoformat(timestamp)
    if instant.tzinfo is None:
        raise ValueError
    return instant.timestamp()


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway
    timeout = 30
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths and bodies hold personal data."""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/v1/messages" or not length.isdecimal() or int(length) > LARGEST:
            self.close_connection = True
            self._send(404 if self.path != "/v1/messages" else 413, {"error": "refused"})
            return
        body, kind = self.rfile.read(int(length)), self.gateway.current_fault()
        if kind != "none":
            threading.Event().wait(self.gateway.seconds if kind == "delay" else 0)
            if kind in {"drop_before", "error"}:
                self.gateway.spend_fault()
                if kind == "error":
                    self._send(503, {"error": "unavailable"})
                self.close_connection = True  # drop_before: hang up without a word
                return
        try:
            status, answer = self.gateway.take(body, self.headers.get("X-Signature", ""))
        except Refusal as refusal:
            status, answer = refusal.status, {"error": refusal.code}
        if kind != "none":
            self.gateway.spend_fault()
        if kind == "drop_after":
            self.close_connection = True
        else:
            self._send(status, answer)

    def do_GET(self) -> None:
        try:
            if not self.path.startswith("/v1/messages/"):
                raise Refusal(404, "refused")
            self.gateway.check(self.headers.get("X-Timestamp", ""), b"", self.headers.get("X-Signature", ""))
            self._send(200, self.gateway.find(self.path.removeprefix("/v1/messages/")))
        except Refusal as refusal:
            self._send(refusal.status, {"error": refusal.code})

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = arguments("Simulated SMS gateway")
    parser.add_argument("--port", type=int, default=0, help="HTTP port of the gateway, 0 for a free one")
    options = parser.parse_args()
    options.control = lasting_port(options.home, "control", options.control)
    options.port = lasting_port(options.home, "device", options.port)
    gateway = Gateway(options.home.absolute())
    server = ThreadingHTTPServer(("127.0.0.1", options.port), type("Handler", (_Handler,), {"gateway": gateway}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    verbs = {"outbox": gateway.outbox, "fault": gateway.set_fault}
    try:
        serve(
            Control(gateway.state, verbs, options.control),
            {"port": server.server_address[1], "secret": str(gateway.secret_path)},
        )
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
