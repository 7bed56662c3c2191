"""``python -m tests.browser.screens [FOLDER]``: a picture of every page, for docs/screens/ (half size, few colours)."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.audit import MODES, SIZES, Visitor
from tests.browser.conftest import CHROMIUM
from tests.browser.stage import Stage, scenes

SETS = [("portrait", "normal"), ("landscape", "normal"), ("portrait", "elder"), ("landscape", "english")]


def main(folder: Path) -> int:
    """Draw every scene in four looks; returns how many pictures were written."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    count = 0
    with tempfile.TemporaryDirectory() as home, Stage(Path(home)) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        everything = scenes(stage)
        for size, mode in SETS:
            width, height = SIZES[size]
            eyes = Visitor(browser.new_context(viewport={"width": width, "height": height}), stage)
            for name, scene in everything.items():
                picture = eyes.open(replace(scene, **MODES[mode])).screenshot(caret="initial")
                small = Image.open(io.BytesIO(picture)).convert("RGB").resize((width // 2, height // 2))
                path = folder / f"{name}-{size}{'' if mode == 'normal' else '-' + mode}.png"
                small.quantize(64).save(path, optimize=True)
                count += 1
        browser.close()
    return count


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/screens")
    sys.stdout.write(f"{main(target)} pictures in {target}\n")
