"""Where the files of the installation are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make install DESTDIR=...`` places, made twice over, as an update is."""
    folder = tmp_path_factory.mktemp("tree")
    for _ in range(2):
        subprocess.run(
            ["make", "-s", "install"], cwd=ROOT, check=True, timeout=60, env={**os.environ, "DESTDIR": str(folder)}
        )
    return folder
