"""What a page must keep to, looked at in a real browser: returns what is wrong, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.browser.stage import Scene, Stage

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
SIZES = {"portrait": (1080, 1920), "landscape": (1920, 1080)}
MODES: dict[str, dict[str, Any]] = {"normal": {}, "elder": {"elder": True}, "english": {"lang": "en"}}
BODY = {"normal": 28, "elder": 40, "english": 28}
TARGET, PRIMARY = 60, 72

LOOK = """
([body, target, primary]) => {
  const wrong = [];
  const main = document.getElementById('main');
  const say = (element) => (element.innerText || element.getAttribute('aria-label') || element.id || element.tagName).trim().slice(0, 30);
  if (main.scrollHeight > main.clientHeight + 1) wrong.push(`main overflows by ${main.scrollHeight - main.clientHeight} px`);
  for (const box of [document.documentElement, document.body, main, ...document.querySelectorAll('header, footer, .actions, #keyboard')]) {
    if (box.scrollWidth > box.clientWidth + 1) wrong.push(`${box.id || box.tagName} is too wide by ${box.scrollWidth - box.clientWidth} px`);
  }
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length;
  const touched = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, label.tile, summary')].filter(shown);
  for (const element of touched) {
    if (element.matches('.tile input, .skip')) continue;
    const box = element.getBoundingClientRect();
    const least = element.matches('.primary') ? primary : target;
    if (box.width < least - .5 || box.height < least - .5) wrong.push(`"${say(element)}" is ${Math.round(box.width)}×${Math.round(box.height)} px`);
    if (!element.closest('.scroll-text') && (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)) wrong.push(`"${say(element)}" lies outside the screen`);
  }
  const boxes = touched.filter((e) => !e.matches('.tile input, .skip') && !e.closest('.scroll-text')).map((e) => [e, e.getBoundingClientRect()]);
  for (const [first, a] of boxes) for (const [second, b] of boxes) {
    if (first === second || first.contains(second) || second.contains(first)) continue;
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) wrong.push(`"${say(first)}" overlaps "${say(second)}"`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(element) || element.matches('.hidden, .skip, script, noscript')) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < body - .5) small.add(`"${say(element)}" is written in ${size} px`);
    const box = element.getBoundingClientRect();
    if (element.closest('.main') && !element.closest('.scroll-text') && element.scrollWidth > element.clientWidth + 2 && getComputedStyle(element).display !== 'inline') small.add(`"${say(element)}" runs out of its box`);
  }
  for (const image of document.querySelectorAll('img')) if (shown(image) && !image.naturalWidth) wrong.push(`picture ${image.getAttribute('src')} is missing`);
  return [...wrong, ...small];
}
"""
JUDGE = """
async () => {
  const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
}
"""


class Visitor:
    """One screen: opens scenes and notes what the browser complains about."""

    def __init__(self, context: BrowserContext, stage: Stage) -> None:
        self.context, self.stage = context, stage
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("console", lambda said: said.type == "error" and self._console(said.text))

    def _console(self, text: str) -> None:
        if "status of 404" not in text:
            self.complaints.append(f"console: {text}")

    def open(self, scene: Scene) -> Page:
        """Show a scene as a fresh visitor, settled."""
        self.context.clear_cookies()
        self.context.add_cookies([self.stage.cookie(scene)])  # type: ignore[list-item]
        self.page.goto(self.stage.url + scene.path)
        if self.page.locator("#page input[data-keyboard]:not([readonly])").count():
            self.page.wait_for_timeout(150)
        return self.page

    def judge(self, mode: str, axe: bool = True) -> list[str]:
        """Everything wrong with the page as it stands."""
        wrong: list[str] = self.page.evaluate(LOOK, [BODY[mode], TARGET, PRIMARY])
        if axe:
            self.page.evaluate(AXE)
            wrong += self.page.evaluate(JUDGE)
        wrong += self.complaints
        self.complaints.clear()
        return wrong
