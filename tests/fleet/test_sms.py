"""The SMS client against the simulated gateway, in a process of its own, and against gateways that answer rubbish."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kiosk.fleet.sms import Delivery, SmsGateway, SmsOutcome, SmsRefused

ROOT = Path(__file__).parents[2]
NUMBER = "13873700000"


class Simulator:
    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "kiosk.simulators.sms", "--control", "0", "--home", str(home)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        word, _, told = self.process.stdout.readline().partition(" ")
        assert word == "ready", told
        self.facts = json.loads(told)
        self.base = f"http://127.0.0.1:{self.facts['port']}"
        self.secret = (home / "secret").read_bytes().strip()

    def tell(self, verb: str, **body: object) -> dict:
        address = f"http://127.0.0.1:{self.facts['control']}/{verb}"
        with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode())) as answer:
            return json.load(answer)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=10)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    made = Simulator(tmp_path_factory.mktemp("sms"))
    yield made
    made.close()


@pytest.fixture
def gateway(simulator):
    simulator.tell("fault", kind="none")
    with SmsGateway(simulator.base, simulator.secret, timeout=1.0) as client:
        yield client


def texts(simulator, text: str) -> list[dict]:
    return [message for message in simulator.tell("outbox", limit=1000)["messages"] if message["text"] == text]


def test_a_message_is_sent_once(gateway, simulator):
    for _ in range(3):
        assert gateway.send("once", "+86" + NUMBER, "验证码 123456，5 分钟内有效。") == SmsOutcome(Delivery.SENT)
    (kept,) = texts(simulator, "验证码 123456，5 分钟内有效。")
    assert kept["to"].endswith(NUMBER)
    assert gateway.find("once") == SmsOutcome(Delivery.SENT)
    assert gateway.find("never") is None


def test_answer_lost_is_asked_for(gateway, simulator):
    simulator.tell("fault", kind="drop_after")
    assert gateway.send("lost-answer", NUMBER, "答复丢失").delivery is Delivery.SENT
    assert len(texts(simulator, "答复丢失")) == 1


def test_request_lost_is_unknown_and_may_be_sent_again(gateway, simulator):
    simulator.tell("fault", kind="drop_before", times=1)
    assert gateway.send("lost-request", NUMBER, "请求丢失").delivery is Delivery.UNKNOWN
    assert texts(simulator, "请求丢失") == []
    assert gateway.send("lost-request", NUMBER, "请求丢失").delivery is Delivery.SENT


def test_slow_gateway_is_unknown_then_sent_once(gateway, simulator):
    simulator.tell("fault", kind="delay", seconds=2, times=1)
    assert gateway.send("slow", NUMBER, "慢").delivery in (Delivery.UNKNOWN, Delivery.SENT)
    assert gateway.send("slow", NUMBER, "慢").delivery is Delivery.SENT
    assert len(texts(simulator, "慢")) == 1


def test_gateway_in_trouble_is_unknown(gateway, simulator):
    simulator.tell("fault", kind="error", times=2)
    assert gateway.send("trouble", NUMBER, "故障").delivery is Delivery.UNKNOWN


def test_refused_by_the_gateway(gateway, simulator):
    simulator.tell("fault", kind="reject")
    assert gateway.send("refused", NUMBER, "拒绝") == SmsOutcome(Delivery.FAILED, "gateway_refused")


def test_same_id_with_another_text_fails(gateway):
    gateway.send("reused", NUMBER, "甲")
    assert gateway.send("reused", NUMBER, "乙") == SmsOutcome(Delivery.FAILED, "http_409")


def test_wrong_secret_fails(simulator):
    with SmsGateway(simulator.base, b"wrong") as client:
        assert client.send("wrong", NUMBER, "错") == SmsOutcome(Delivery.FAILED, "http_401")


def test_nobody_there_is_unknown():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with SmsGateway(f"http://127.0.0.1:{taken.getsockname()[1]}", b"s") as client:
            assert client.send("nobody", NUMBER, "无") == SmsOutcome(Delivery.UNKNOWN, "unreachable")


@pytest.mark.parametrize(
    "number", ["", "1387370000", "12873700000", "138737000000", "0737-4112269", "１３８７３７０００００", NUMBER + "\n"]
)
def test_numbers_are_checked(gateway, number):
    with pytest.raises(SmsRefused, match=r"^number_malformed$"):
        gateway.send("n", number, "文")


@pytest.mark.parametrize("text", ["", "  ", "长" * 501])
def test_texts_are_checked(gateway, text):
    with pytest.raises(SmsRefused, match=r"^text_malformed$"):
        gateway.send("n", NUMBER, text)


@pytest.mark.parametrize("message_id", ["", "a/b", "..\n", "x" * 65, "编号"])
def test_ids_are_checked(gateway, message_id):
    with pytest.raises(SmsRefused, match=r"^id_malformed$"):
        gateway.send(message_id, NUMBER, "文")
    with pytest.raises(SmsRefused):
        gateway.find(message_id)


def test_longest_text_and_rare_characters(gateway, simulator):
    text = "𬭼" * 500
    assert gateway.send("long", NUMBER, text).delivery is Delivery.SENT
    assert len(texts(simulator, text)) == 1


def test_numbers_and_texts_are_not_logged(gateway, caplog):
    caplog.set_level("DEBUG")
    gateway.send("quiet", NUMBER, "秘密 654321")
    assert NUMBER not in caplog.text
    assert "654321" not in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"not json", "answer_malformed"),
        (200, b"[]", "answer_malformed"),
        (200, b'{"state": ["sent"]}', "answer_malformed"),
        (202, b'{"state": "dreaming"}', "state_unknown"),
        (202, b'{"state": "sent", "x": "' + b"y" * 20000 + b'"}', "answer_malformed"),
        (302, b"", "http_302"),
        (429, b"", "http_429"),
        (503, b"", "http_503"),
    ],
)
def test_rubbish_is_unknown(status, body, code):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with SmsGateway(f"http://127.0.0.1:{server.server_port}", b"s") as client:
                assert client.send("r", NUMBER, "文") == SmsOutcome(Delivery.UNKNOWN, code)
        finally:
            server.shutdown()
            thread.join()


def test_process_environment_proxies_are_ignored(gateway, monkeypatch):
    monkeypatch.setitem(os.environ, "HTTP_PROXY", "http://127.0.0.1:9")
    assert gateway.send("proxy", NUMBER, "直连").delivery is Delivery.SENT
