"""The staff's pages in a real browser: none is wider than the screen of a kiosk (both ways up), a desktop, a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from kiosk.db import write
from tests.browser.conftest import browser
from tests.clerk.staff import PASSWORD, Member, house_of, make, open_order, order_row
from tests.serving import serving

__all__ = ["browser"]
pytestmark = pytest.mark.browser

SCREENS = {"portrait": (1080, 1920), "landscape": (1920, 1080), "desktop": (1280, 800), "phone": (390, 844)}
WIDE = """() => {
  const wrong = [], width = document.documentElement.clientWidth;
  for (const box of [document.documentElement, document.body, document.getElementById('main')]) {
    if (box.scrollWidth > box.clientWidth) wrong.push(`${box.tagName} ${box.scrollWidth} > ${box.clientWidth}`);
  }
  if (parseFloat(getComputedStyle(document.body, '::before').right) < 0) wrong.push('the ornament hangs over the edge');
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.skip, .rail, .rows, .diff, .hidden, [hidden]')) continue;
    const box = element.getBoundingClientRect();
    if (box.width && box.height && (box.right > width + 1 || box.left < -1)) {
      const said = (element.innerText || '').slice(0, 20);
      wrong.push(`${element.tagName}.${element.className} "${said}" ${box.left}..${box.right}`);
    }
  }
  return wrong;
}"""


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def chief(app: Flask) -> Member:
    """Somebody who may open everything, and something to see on every page."""
    number = open_order(app)
    with app.app_context(), write() as session:
        order = order_row(number)
        house_of(app).task(session, "refund_failed", {"error": "gateway_refused"}, order)
        house_of(app).task(session, "review", {}, order)
    return make(app, "a.chief", "clerk", "reviewer", "finance", "admin", "auditor")


def sign_in(page: Page, base: str, place: str, member: Member) -> None:
    page.goto(f"{base}/{place}/sign-in")
    page.fill("[name=name]", member.name)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=code]", member.code())
    page.click("main button.go")
    page.wait_for_url(f"{base}/{place}/")


def too_wide(page: Page, base: str, place: str, *screens: str) -> tuple[set[str], list[str]]:
    """Follows every link: (pages that were seen, what is wrong on them)."""
    seen: set[str] = set()
    todo, wrong = [f"/{place}/"], []
    while todo and len(seen) < 40:
        path = todo.pop()
        if path in seen or ".csv" in path:
            continue
        seen.add(path)
        page.goto(base + path)
        if not page.locator("#main").count():
            continue  # a picture
        todo += page.eval_on_selector_all(f"a[href^='/{place}/']", "all => all.map(one => one.getAttribute('href'))")
        for name in screens:
            width, height = SCREENS[name]
            page.set_viewport_size({"width": width, "height": height})
            wrong += [f"{path} {name}: {one}" for one in page.evaluate(WIDE)]
    return seen, wrong


@pytest.mark.parametrize(("place", "screens"), [("clerk", ("portrait", "landscape")), ("admin", ("desktop", "phone"))])
def test_no_page_is_wider_than_the_screen(
    app: Flask, served: str, browser: Browser, chief: Member, place: str, screens: tuple[str, ...]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    sign_in(page, served, place, chief)
    seen, wrong = too_wide(page, served, place, *screens)
    context.close()
    assert len(seen) > 8
    assert not wrong, "\n".join(wrong)
