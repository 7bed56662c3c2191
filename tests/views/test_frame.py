"""The frame is drawn once for everybody; what belongs to one visitor must not stay in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kiosk import config, create_app, db


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home: Path = tmp_path_factory.mktemp("frame")
    made = create_app(config.load({}, home=str(home), simulators=False))
    with made.app_context():
        db.db.create_all()
    yield made
    with made.app_context():
        db.db.engine.dispose()


def tokens(client: FlaskClient, address: str = "/") -> set[str]:
    return set(re.findall(r'name="csrf_token" value="([^"]*)"', client.get(address).text))


def test_each_visitor_has_a_form_token_of_his_own(app: Flask) -> None:
    first, second = app.test_client(), app.test_client()
    (one,), (other,) = tokens(first), tokens(second)
    assert one != other
    assert first.post("/settings", data={"csrf_token": one, "elder": "on", "next": "/"}).status_code == 303
    assert app.test_client().post("/settings", data={"csrf_token": one, "elder": "on"}).status_code == 400


def test_the_tools_bring_back_to_the_page_they_are_on(app: Flask) -> None:
    client = app.test_client()
    for address in ("/", '/s/yiyang?"><b>'):
        shown = re.findall(r'name="next" value="([^"]*)"', client.get(address).text)
        assert set(shown) == {address.partition("?")[0]}


def test_the_frame_follows_language_and_look(app: Flask) -> None:
    client = app.test_client()
    (token,) = tokens(client)
    assert "呼叫工作人员" in client.get("/").text
    client.post("/settings", data={"csrf_token": token, "lang": "en", "next": "/"})
    assert "呼叫工作人员" not in client.get("/").text
    assert "呼叫工作人员" in app.test_client().get("/").text
