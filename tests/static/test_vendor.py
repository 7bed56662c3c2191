"""The files taken from others are what VERSIONS.toml says, and nothing else lies in the vendor folders."""

import base64
import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES: list[dict[str, Any]] = tomllib.loads((ROOT / "kiosk/static/vendor/VERSIONS.toml").read_text())["file"]


@pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry["package"])
def test_file_has_its_recorded_hash(entry: dict[str, Any]) -> None:
    digest = hashlib.sha512((ROOT / entry["path"]).read_bytes()).digest()
    assert entry["sha512"] == "sha512-" + base64.b64encode(digest).decode()
    assert entry["licence"] in {"0BSD", "MIT", "ISC", "MPL-2.0"}


@pytest.mark.parametrize("folder", ["kiosk/static/vendor", "tests/browser/vendor"])
def test_every_vendored_file_is_recorded(folder: str) -> None:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / folder).iterdir() if path.name != "VERSIONS.toml"}
    assert found == {entry["path"] for entry in FILES if entry["path"].startswith(folder)}
