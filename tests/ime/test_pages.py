"""The keyboard's fragments over HTTP, and the operator's command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf

from kiosk import config, create_app
from kiosk.db import db
from kiosk.ime.cli import ime as command


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    found = create_app(config.load({}, home=str(tmp_path_factory.mktemp("home")), simulators=False))
    with found.app_context():
        db.create_all()
    yield found
    with found.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def ask(client: FlaskClient, py: str, page: object = 0) -> BeautifulSoup:
    with client.application.test_request_context() as context:
        token = generate_csrf()
        secret = context.session["csrf_token"]
    with client.session_transaction() as session:
        session["csrf_token"] = secret
    answer = client.post("/ime", data={"py": py, "page": page}, headers={"X-CSRFToken": token})
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "html.parser")


def choices(page: BeautifulSoup) -> list[tuple[str, str]]:
    return [(button.get_text(), str(button["data-rest"])) for button in page.select("[data-choice]")]


def test_candidates_carry_what_is_left(client: FlaskClient) -> None:
    page = ask(client, "yyswangjun")
    assert ("益阳市", "wangjun") in choices(page)
    assert page.select_one(".ime-reading") is not None


def test_pages_of_candidates(client: FlaskClient) -> None:
    first, second = choices(ask(client, "shi")), choices(ask(client, "shi", 1))
    assert len(first) == len(second) == 9
    assert not {text for text, _ in first} & {text for text, _ in second}
    assert ask(client, "shi", 0).select_one('[data-page="-1"]').has_attr("disabled")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("py", "page"), [("", 0), ("!!", 0), ("shi", -5), ("shi", 10**9), ("shi", "x"), ("a" * 9999, 0)]
)
def test_odd_questions_are_answered(client: FlaskClient, py: str, page: object) -> None:
    assert len(choices(ask(client, py, page))) <= 9


def test_without_a_token_nothing_is_answered(client: FlaskClient) -> None:
    assert client.post("/ime", data={"py": "shi"}).status_code == 400
    assert client.get("/ime?py=shi").status_code == 405


@pytest.mark.parametrize("layout", ["zh", "latin", "email", "digits", "id", "pin", "place"])
def test_layouts_have_named_keys(client: FlaskClient, layout: str) -> None:
    page = BeautifulSoup(client.get(f"/ime/keyboard/{layout}").text, "html.parser")
    keys = page.select("button")
    assert len(keys) >= 10
    assert all(key.get("aria-label") or key.get_text(strip=True) for key in keys)
    assert not page.select("[style], script, [onclick]")


def test_unknown_layouts_and_places_are_refused(client: FlaskClient) -> None:
    assert client.get("/ime/keyboard/nothing").status_code == 404
    assert client.get("/ime/keyboard/place?in=999999").status_code == 404


def test_places_lead_down_to_counties(client: FlaskClient) -> None:
    page = BeautifulSoup(client.get("/ime/keyboard/place?in=4309").text, "html.parser")
    found = {str(key["data-name"]) for key in page.select("[data-region]")}
    assert "湖南省益阳市赫山区" in found


def test_the_pad_is_not_cached_and_holds_no_digit_in_text(client: FlaskClient) -> None:
    answer = client.get("/ime/keyboard/pin")
    assert answer.headers["Cache-Control"] == "no-store"
    page = BeautifulSoup(answer.text, "html.parser")
    assert not any(letter.isdigit() for letter in page.get_text())
    assert len(page.select("[data-place]")) == 10


def test_command_prints_candidates(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["yxgs", "--index", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "1  有限公司  yxgs" in result.output
