from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.hardware.peers import Peer


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer("sms", tmp_path) as peer:
        yield peer


def call(
    peer: Peer, method: str, path: str, body: bytes, timestamp: str, key: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    key = key or Path(peer.ready["secret"]).read_bytes().strip()
    signature = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    wire = http.client.HTTPConnection("127.0.0.1", peer.ready["port"], timeout=5)
    try:
        wire.request(method, path, body or None, {"X-Signature": signature, "X-Timestamp": timestamp})
        reply = wire.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        wire.close()


def send(peer: Peer, identifier: str = "m1", text: str = "验证码 123456", **more: Any) -> tuple[int, dict[str, Any]]:
    timestamp = more.pop("timestamp", int(time.time()))
    key = more.pop("key", None)
    message = {"id": identifier, "to": "13800138000", "text": text, "timestamp": timestamp, **more}
    return call(peer, "POST", "/v1/messages", json.dumps(message).encode(), str(timestamp), key)


def test_a_message_is_sent_once_however_often_it_is_given(peer: Peer) -> None:
    assert send(peer) == (202, {"id": "m1", "state": "sent"})
    assert send(peer) == (200, {"id": "m1", "state": "sent"})
    assert send(peer, text="另一条")[0] == 409
    (message,) = peer.post("outbox")["messages"]
    assert (message["to"], message["text"]) == ("13800138000", "验证码 123456")
    status, found = call(peer, "GET", "/v1/messages/m1", b"", str(int(time.time())))
    assert (status, found["state"]) == (200, "sent")
    assert call(peer, "GET", "/v1/messages/m2", b"", str(int(time.time())))[0] == 404


def test_only_the_holder_of_the_secret_now(peer: Peer) -> None:
    assert send(peer, key=b"another")[0] == 401
    assert send(peer, timestamp=int(time.time()) - 400)[1] == {"error": "stale_timestamp"}
    assert send(peer, timestamp=int(time.time()) + 400)[0] == 401
    assert send(peer, timestamp="yesterday")[0] == 400
    assert call(peer, "GET", "/v1/messages/m1", b"", str(int(time.time())), b"another")[0] == 401
    assert send(peer, timestamp=(datetime.now(UTC) - timedelta(minutes=4)).isoformat())[0] == 202
    assert peer.state()["count"] == 1


@pytest.mark.parametrize("wrong", [{"to": "12345"}, {"to": 5}, {"text": ""}, {"text": "长" * 501}, {"id": "../x"}])
def test_what_is_no_message_is_refused(peer: Peer, wrong: dict[str, Any]) -> None:
    assert send(peer, **{"identifier": wrong.pop("id", "m1"), **wrong})[0] in {400, 422}
    assert peer.state()["count"] == 0


def test_faults(peer: Peer) -> None:
    peer.post("fault", kind="drop_before")
    with pytest.raises(http.client.RemoteDisconnected):
        send(peer)
    assert peer.state()["count"] == 0
    peer.post("fault", kind="drop_after")
    with pytest.raises(http.client.RemoteDisconnected):
        send(peer)
    assert peer.state()["count"] == 1
    assert send(peer)[0] == 200
    peer.post("fault", kind="error")
    assert send(peer, "m2")[0] == 503
    peer.post("fault", kind="reject")
    assert send(peer, "m3")[1]["state"] == "failed"
    assert send(peer, "m4")[1]["state"] == "sent"


def test_the_outbox_survives_a_restart(tmp_path: Path) -> None:
    with Peer("sms", tmp_path) as peer:
        send(peer)
        secret = Path(peer.ready["secret"]).read_bytes()
    with Peer("sms", tmp_path) as peer:
        assert Path(peer.ready["secret"]).read_bytes() == secret
        assert send(peer)[0] == 200
