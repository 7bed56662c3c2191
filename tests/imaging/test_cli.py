"""The command: one JSON object, masks and cut-outs in the folder asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kiosk.imaging.cli import seal
from tests.imaging.conftest import Draw

KEYS = {"found", "defects", "center_px", "diameter_mm", "alpha", "alpha_origin", "seal", "ms"}


def test_many_files_in_one_go(draw: Draw, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(draw("good").data)
    bad.write_bytes(b"no picture")
    asked = ["check", str(good), str(bad), "--family", "unit", "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(seal, asked)
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert set(told) == {str(good), str(bad)}
    answer = told[str(good)]
    assert set(answer) == KEYS
    assert (answer["found"], answer["defects"]) == (True, [])
    with Image.open(answer["alpha"]) as mask:
        assert mask.mode == "L"
        assert np.asarray(mask).max() == 255
    with Image.open(answer["seal"]) as cut:
        assert cut.mode == "RGBA"
    refused = told[str(bad)]
    assert (refused["found"], refused["refused"]) == (False, "not_a_picture")


def test_without_json_a_line_for_each_file(draw: Draw, tmp_path: Path) -> None:
    page = tmp_path / "page.jpg"
    page.write_bytes(draw("good").data)
    done = CliRunner().invoke(seal, ["check", str(page), "--dpi", "300"])
    assert "accepted" in done.output


def test_files_that_are_no_pictures_never_stop_the_others(draw: Draw, tmp_path: Path) -> None:
    good, empty = tmp_path / "good.jpg", tmp_path / "empty.png"
    good.write_bytes(draw("good").data)
    empty.write_bytes(b"")
    odd = [str(tmp_path / "gone.jpg"), str(tmp_path), str(empty)]
    done = CliRunner().invoke(seal, ["check", *odd, str(good), "--json"])
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert [told[name]["refused"] for name in odd] == ["unreadable", "unreadable", "empty"]
    assert told[str(good)]["found"] is True


@pytest.mark.parametrize(("family", "label"), [("unit", "good"), ("personal", "good"), ("unit", "faint")])
def test_the_family_is_seen_when_nobody_says_it(draw: Draw, tmp_path: Path, family: str, label: str) -> None:
    page = tmp_path / "page.jpg"
    page.write_bytes(draw(label, family, 1).data)
    done = CliRunner().invoke(seal, ["check", str(page), "--json"])
    assert json.loads(done.output)[str(page)]["defects"] == ([] if label == "good" else [label])
