"""``python -m tests.browser.screens [FOLDER [NAME …]]``: a picture of every page (or of these), half size, WebP."""

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


def main(folder: Path, names: list[str]) -> int:
    """Draw the scenes in four looks; returns how many pictures were written."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    count = 0
    with tempfile.TemporaryDirectory() as home, Stage(Path(home)) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        wanted = {name: scene for name, scene in scenes(stage).items() if not names or name in names}
        for size, mode in SETS:
            width, height = SIZES[size]
            view = {"width": width, "height": height}
            context = browser.new_context(viewport=view, device_scale_factor=0.5)  # type: ignore[arg-type]
            eyes = Visitor(context, stage)
            for name, scene in wanted.items():
                page = eyes.open(replace(scene, **MODES[mode]))
                page.wait_for_timeout(1500 if name == "welcome" else 100)
                picture = page.screenshot(caret="initial", animations="allow")
                path = folder / f"{name}-{size}{'' if mode == 'normal' else '-' + mode}.webp"
                Image.open(io.BytesIO(picture)).convert("RGB").save(path, quality=62, method=6)
                count += 1
            context.close()
        browser.close()
    return count


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/screens")
    sys.stdout.write(f"{main(target, sys.argv[2:])} pictures in {target}\n")
