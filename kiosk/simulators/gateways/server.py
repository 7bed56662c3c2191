"""The gateways' HTTP side: one threaded server that routes, injects faults and answers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kiosk.simulators.gateways.alipay import Alipay
from kiosk.simulators.gateways.alipay import label as alipay_label
from kiosk.simulators.gateways.faults import Faults
from kiosk.simulators.gateways.ledger import Ledger
from kiosk.simulators.gateways.phone import Phone
from kiosk.simulators.gateways.wechat import Reply, Request, Wechat
from kiosk.simulators.gateways.wechat import label as wechat_label

LARGEST = 256 * 1024


class GatewayServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; ``down`` hangs up on everybody but the phones.

    The gateways and the phone are given to it before it serves: their settings name the port it has been given.
    """

    daemon_threads = True
    request_queue_size = 64

    wechat: Wechat
    alipay: Alipay
    phone: Phone

    def __init__(self, port: int, ledger: Ledger, faults: Faults) -> None:
        self.ledger, self.faults = ledger, faults
        self.down = False
        self.served = 0
        self._counting = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def count(self) -> None:
        with self._counting:
            self.served += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: GatewayServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: targets hold signatures."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.ledger.now() if timestamp is None else timestamp, usegmt=True)

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            self._send(Reply(413, b""))
            return
        self._serve(self.rfile.read(int(length)))

    def _serve(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        if path == "/phone":
            self._phone(body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        gateway = self.server.wechat if path.startswith("/v3/") else self.server.alipay
        name = wechat_label(self.command, path) if path.startswith("/v3/") else alipay_label(request)
        fault = self.server.faults.take(name)
        if self.server.down or (fault and fault.kind == "drop_before"):
            self._hang_up()
            return
        self.server.count()
        if fault and fault.kind == "delay":
            time.sleep(min(fault.seconds, 60))
        reply = gateway.answer(request, fault)
        if fault and fault.kind == "drop_after":
            self._hang_up()
            return
        self._send(reply)

    def _phone(self, body: bytes) -> None:
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            self._send(Reply(404, b""))
            return
        source = body.decode("utf-8", "replace") if self.command == "POST" else urlsplit(self.path).query
        form = {name: values[0] for name, values in parse_qs(source).items()}
        done = None
        if self.command == "POST" and form.get("act") == "pay":
            done = self.server.phone.pay(form.get("code", ""))
        elif self.command == "POST":
            done = {"result": "left"}
        page = self.server.phone.page(form.get("code", ""), done)
        self._send(Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"}))

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, reply: Reply) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(reply.body)
