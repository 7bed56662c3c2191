"""语音: captions, and the operator's recordings where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.views.journey.pages import PAGES
from kiosk.views.voice import CAPTIONS
from kiosk.views.voice_cli import voice as command
from tests.browser.stage import Scene, Stage
from tests.views.conftest import Visit


@pytest.fixture
def recordings(stage: Stage) -> Iterator[Path]:
    folder = stage.house.settings.home / "voice"
    (folder / "zh").mkdir(parents=True)
    yield folder
    for file in folder.rglob("*.*"):
        file.unlink()
    (folder / "zh").rmdir()
    folder.rmdir()


def test_every_kind_of_step_has_a_caption() -> None:
    assert set(PAGES) <= set(CAPTIONS)


def test_captions_come_with_one_tap_and_go_with_another(visit: Visit) -> None:
    client = visit()
    assert 'class="caption"' not in client.get("/").text
    client.post("/settings", data={"voice": "on", "next": "/"})
    assert CAPTIONS["home"] in client.get("/").text
    assert "data-voice" not in client.get("/").text  # nothing recorded
    client.post("/settings", data={"voice": "off", "next": "/"})
    assert 'class="caption"' not in client.get("/").text


def test_a_recording_is_played_from_the_start(visit: Visit, recordings: Path) -> None:
    (recordings / "zh" / "home.ogg").write_bytes(b"OggS")
    page = visit().get("/").text
    address = page.partition('data-voice="')[2].partition('"')[0]
    with visit().get(address.replace("&amp;", "&")) as sound:
        assert (sound.data, sound.mimetype) == (b"OggS", "audio/ogg")
    assert 'class="caption"' in visit().get("/s/yiyang/renew").text  # others show their caption alone


@pytest.mark.parametrize("address", ["/voice/zh/home", "/voice/zh/nothing", "/voice/../home", "/voice/fr/home"])
def test_what_is_not_recorded_is_not_there(visit: Visit, address: str) -> None:
    assert visit().get(address).status_code == 404


def test_each_step_speaks_for_itself(stage: Stage, visit: Visit) -> None:
    scene: Scene = stage.at("term")
    client = visit(scene)
    with client.session_transaction() as session:
        session["voice"] = True
    assert CAPTIONS["term"] in client.get(scene.path).text


def test_the_command_lists_what_is_to_be_recorded(stage: Stage, recordings: Path) -> None:
    (recordings / "zh" / "home.ogg").write_bytes(b"OggS")
    with stage.app.app_context():
        said = CliRunner().invoke(command).output
    assert "home         zh     " + CAPTIONS["home"] in said
    assert len(said.splitlines()) == len(CAPTIONS) + 1
