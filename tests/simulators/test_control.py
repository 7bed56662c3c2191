from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.simulators.control import LARGEST, Control, Refused


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "a.png").write_bytes(b"picture")
    (tmp_path / "secret").write_text("secret")

    def lay(body: dict[str, Any]) -> dict[str, Any]:
        if "what" not in body:
            raise Refused("what is to be laid")
        return {"laid": body["what"]}

    def break_(_: dict[str, Any]) -> dict[str, Any]:
        raise OSError("broken")

    control = Control(lambda: {"state": "卡"}, {"lay": lay, "break": break_}, shelves={"shelf": tmp_path / "shelf"})
    control.start()
    yield control
    control.stop()


def ask(control: Control, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    wire = http.client.HTTPConnection("127.0.0.1", control.port, timeout=5)
    try:
        wire.request(method, path, body or None, headers)
        reply = wire.getresponse()
        return reply.status, reply.read()
    finally:
        wire.close()


def test_state_and_verbs(control: Control) -> None:
    assert json.loads(ask(control, "GET", "/state")[1]) == {"state": "卡"}
    assert ask(control, "POST", "/lay", b'{"what": 1}') == (200, b'{"laid": 1}')
    assert ask(control, "POST", "/lay")[0] == 400
    assert ask(control, "POST", "/break")[0] == 500
    assert ask(control, "POST", "/nothing")[0] == 404
    assert ask(control, "GET", "/nothing")[0] == 404


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b"null"])
def test_only_json_objects(control: Control, body: bytes) -> None:
    assert ask(control, "POST", "/lay", body)[0] == 400


def test_a_flood_is_refused_unread(control: Control) -> None:
    assert ask(control, "POST", "/lay", **{"Content-Length": str(LARGEST + 1)})[0] == 400
    assert ask(control, "POST", "/lay", **{"Content-Length": "-1"})[0] == 400


def test_web_pages_of_others_are_refused(control: Control) -> None:
    assert ask(control, "POST", "/lay", b"{}", Origin="http://evil.example")[0] == 403
    assert ask(control, "GET", "/state", Host=f"evil.example:{control.port}")[0] == 403


@pytest.mark.parametrize(
    "path", ["/files/shelf/../secret", "/files/shelf/..%2Fsecret", "/files/other/a.png", "/files/shelf/.x"]
)
def test_only_kept_files(control: Control, path: str) -> None:
    assert ask(control, "GET", path)[0] == 404
    assert ask(control, "GET", "/files/shelf/a.png") == (200, b"picture")
