"""The door before the pages, with the real nginx: passes on, and shows the offline page when they are down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from kiosk.supervise import free_port
from tests.deploy.conftest import DEPLOY

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        size = len(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        body = f"{self.command} {self.path} {self.headers['Host']} {size}".encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """(the door's port, the port behind it) with nginx running on our configuration."""
    folder = tmp_path_factory.mktemp("front")
    front, behind = free_port(), free_port()
    text = (DEPLOY / "front/front.conf").read_text("utf-8")
    for old, new in (
        ("127.0.0.1:8088", f"127.0.0.1:{front}"),
        ("127.0.0.1:8080", f"127.0.0.1:{behind}"),
        ("/run/ca-kiosk-front", str(folder)),
        ("/usr/share/ca-kiosk", str(DEPLOY / "front")),
        ("proxy_read_timeout 60s", "proxy_read_timeout 1s"),
    ):
        assert old in text
        text = text.replace(old, new)
    # Started by root nginx would give its workers to another user, who may not enter the tests' folder.
    (folder / "front.conf").write_text("user root;\n" + text if os.geteuid() == 0 else text, "utf-8")
    assert NGINX
    process = subprocess.Popen([NGINX, "-e", "stderr", "-c", str(folder / "front.conf")], stderr=subprocess.PIPE)
    assert process.stderr is not None
    until = time.monotonic() + 20
    while not _listens(front):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.05)
    yield front, behind
    process.terminate()
    process.wait(10)
    process.stderr.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def door(ports: tuple[int, int]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", trust_env=False) as client:
        yield client


def offline(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and "暂停服务，正在恢复" in answer.text


def test_offline_then_back(door: httpx.Client, ports: tuple[int, int]) -> None:
    down = door.get("/journey/1")
    assert offline(down)
    assert down.headers["Cache-Control"] == "no-store"
    assert 'content="4; url=/"' in down.text  # it looks again by itself
    with ThreadingHTTPServer(("127.0.0.1", ports[1]), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert door.get("/a?b=1").text == f"GET /a?b=1 127.0.0.1:{ports[0]} 0"
        assert door.post("/scan", content=bytes(3_000_000)).text == f"POST /scan 127.0.0.1:{ports[0]} 3000000"
        assert door.post("/scan", content=bytes(5_000_000)).status_code == 413
        assert door.get("/broken").text.startswith("GET /broken")  # the pages' own errors are theirs to explain
        server.shutdown()
    assert offline(door.get("/"))


def test_hanging_pages_count_as_down(door: httpx.Client, ports: tuple[int, int]) -> None:
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", ports[1]))
        silent.listen()
        assert offline(door.get("/"))


def test_the_offline_page_has_no_address_of_its_own(door: httpx.Client) -> None:
    assert door.get("/offline.html").status_code in (404, 503)
    assert len((DEPLOY / "front/offline.html").read_bytes()) < 4096
