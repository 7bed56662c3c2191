"""Static files: under their digest for good, compressed once, conditional, and nothing outside their folder."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from kiosk.views import assets

PLAIN = b".tile { color: red }\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    static.mkdir()
    (static / "a.css").write_bytes(PLAIN)
    (static / "b.png").write_bytes(os.urandom(500))
    (tmp_path / "secret").write_text("secret")
    return static


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    app = Flask("test", static_folder=str(folder), static_url_path="/static")
    assets.init(app)
    return app.test_client()


def test_the_address_names_the_content(client: FlaskClient, folder: Path) -> None:
    with client.application.test_request_context():
        first = url_for("static", filename="a.css")
        (folder / "a.css").write_bytes(PLAIN + b"x")
        second = url_for("static", filename="a.css")
        assert url_for("static", filename="missing.css") == "/static/missing.css"
    assert first != second
    assert "immutable" in client.get(second).headers["Cache-Control"]
    assert client.get(first).headers["Cache-Control"] == "no-cache"  # the older page gets the newer file, for now


def test_text_travels_compressed_to_who_takes_it(client: FlaskClient) -> None:
    small = client.get("/static/a.css", headers={"Accept-Encoding": "gzip, br"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == PLAIN
    assert len(small.data) < len(PLAIN) / 5
    plain = client.get("/static/a.css")
    assert plain.data == PLAIN
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == "Accept-Encoding"
    assert plain.mimetype == "text/css"
    assert plain.headers["ETag"] != small.headers["ETag"]


def test_pictures_are_left_as_they_are(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.get("/static/b.png", headers={"Accept-Encoding": "gzip"}).headers


def test_what_the_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    tag = client.get("/static/a.css").headers["ETag"]
    again = client.get("/static/a.css", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["none.css", "../secret", "%2e%2e/secret", "/etc/passwd", ""])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code in (308, 404)
