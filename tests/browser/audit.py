"""What a page must keep to, looked at in a real browser: returns what is wrong, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.browser.stage import Scene, Stage

HERE = Path(__file__).parent
AXE = (HERE / "vendor" / "axe.min.js").read_text(encoding="utf-8")
SIZES = {"portrait": (1080, 1920), "landscape": (1920, 1080)}
MODES: dict[str, dict[str, Any]] = {"normal": {}, "elder": {"elder": True}, "english": {"lang": "en"}}
BODY = {"normal": 28, "elder": 40, "english": 28}
TARGET, PRIMARY, GAP = 60, 72, 8  # px

LOOK = (HERE / "look.js").read_text(encoding="utf-8")
JUDGE = (HERE / "judge.js").read_text(encoding="utf-8")


class Visitor:
    """One screen: opens scenes and notes what the browser complains about."""

    def __init__(self, context: BrowserContext, stage: Stage) -> None:
        self.context, self.stage = context, stage
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("console", lambda said: said.type == "error" and self._console(said.text))

    def _console(self, text: str) -> None:
        if "status of 404" not in text and "status of 503" not in text:
            self.complaints.append(f"console: {text}")

    def open(self, scene: Scene) -> Page:
        """Show a scene as a fresh visitor, settled."""
        self.stage.set(scene)
        self.page.goto("about:blank")  # the page before may be polling, and answers that lead on would cross ours
        self.context.clear_cookies()
        self.context.add_cookies([self.stage.cookie(scene)])  # type: ignore[list-item]
        self.page.goto(self.stage.url + scene.path)
        if self.page.locator("#page input[data-keyboard]:not([readonly])").count():
            self.page.wait_for_timeout(150)
        return self.page

    def judge(self, mode: str) -> list[str]:
        """Everything wrong with the page as it stands."""
        wrong: list[str] = self.page.evaluate(LOOK, [BODY[mode], TARGET, PRIMARY, GAP])
        self.page.evaluate(AXE)
        wrong += self.page.evaluate(JUDGE)
        wrong += self.complaints
        self.complaints.clear()
        return wrong
