"""The capture step in a browser: bad page, marked picture, what to do, again, taken; the licence read and confirmed."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from kiosk.simulators import pages
from kiosk.walk import Customer
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-capture"), pytest.mark.timeout(600)]
NEXT = "#page .actions button.primary"
UNIT, PERSON = "益阳新办体验有限公司", "王䶮"
SHOTS = os.environ.get("SHOTS")  # a folder to keep the pages' pictures in


@pytest.fixture(scope="module")
def customer(kiosk: Running) -> Iterator[Customer]:
    somebody = kiosk.customer()
    somebody.start("szca", "new", "unit")
    yield somebody
    somebody.close()


@pytest.fixture
def page(browser: Browser, kiosk: Running, customer: Customer) -> Iterator[Page]:
    """The customer's visit on a screen."""
    context = browser.new_context(viewport={"width": 1080, "height": 1920}, base_url=kiosk.base, locale="zh-CN")
    context.set_default_timeout(20_000)
    cookies = [{"name": one.name, "value": one.value or "", "url": kiosk.base} for one in customer.web.cookies.jar]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def lay(kiosk: Running, name: str, **other: str) -> None:
    order = kiosk.rows('SELECT number FROM "order" ORDER BY id DESC LIMIT 1')[0][0]
    owner = {"unit": UNIT, "person": PERSON, "order": order, **other}
    kiosk.control("scanner", "lay", image=base64.b64encode(pages.draw(name, **owner)).decode())


def scanned(page: Page) -> None:
    """Scan, and wait for the new picture."""
    picture = page.locator("figure.scan img")
    before = picture.get_attribute("src") if picture.count() else ""
    page.locator(f"{NEXT}[value=scan], #page .actions button[value=scan]").first.click()
    expect(picture).not_to_have_attribute("src", str(before), timeout=120_000)


def look(page: Page, name: str) -> None:
    """Nothing is cut off or larger than the screen, upright and lying; the pictures are kept where one wants them."""
    for width, height in ((1080, 1920), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        picture = page.locator("figure.scan img").bounding_box()
        assert picture is not None
        assert picture["height"] > 180, "the picture is too small to be looked at"
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"))
    page.set_viewport_size({"width": 1080, "height": 1920})


def shown(page: Page) -> Any:
    """Pixels of the picture on the page."""
    source = page.locator("figure.scan img").get_attribute("src")
    answer = page.request.get(str(source))
    assert answer.ok
    return np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGB")).astype(int)


def test_what_the_licence_says_is_shown_then_confirmed(page: Page, kiosk: Running, customer: Customer) -> None:
    customer.go_on(until="material-licence")
    page.goto("/o/material-licence")
    lay(kiosk, "licence")
    scanned(page)
    expect(page.locator("dl.summary")).to_contain_text(UNIT)
    expect(page.locator("dl.summary")).to_contain_text("91430900MA00000665")
    look(page, "licence")
    page.locator(f"{NEXT}[value=keep]").click()
    page.wait_for_url("**/o/form-unit")
    expect(page.locator(".notice.info")).to_contain_text("由图片识别")
    for name, value in (("unit_name", UNIT), ("uscc", "91430900MA00000665")):
        field = page.locator(f"#step input[name={name}]")
        assert field.input_value() == value
        assert field.is_editable()


def test_a_bad_seal_is_marked_and_a_good_one_taken(page: Page, kiosk: Running, customer: Customer) -> None:
    customer.get("/o")
    customer.go_on(until="material-seal_sheet")
    page.goto("/o/material-seal_sheet")
    lay(kiosk, "seal_faint")
    scanned(page)
    expect(page.locator(".notice.bad")).to_contain_text("印章太淡，请蘸足印泥重新盖。")
    expect(page.locator(f"{NEXT}[value=keep]")).to_have_count(0)
    red, green, blue = (shown(page)[..., channel] for channel in range(3))
    assert ((red > 190) & (green < 70) & (blue < 60)).sum() > 300, "the fault is marked in the picture"
    look(page, "faint")
    lay(kiosk, "seal", unit="益阳另一示范贸易有限公司")
    scanned(page)
    expect(page.locator(".notice.bad")).to_contain_text("印章名称与单位名称不一致")
    expect(page.locator("dl.summary")).to_contain_text("另一示范贸易")
    expect(page.locator("dl.summary")).to_contain_text(UNIT)
    look(page, "name")
    lay(kiosk, "seal", order="K001250101100001")
    scanned(page)
    expect(page.locator(".notice.bad")).to_contain_text("这张表属于另一笔业务")
    look(page, "order")
    lay(kiosk, "seal")
    scanned(page)
    expect(page.locator(".notice.good")).to_be_visible()
    look(page, "good")
    page.locator(f"{NEXT}[value=keep]").click()
    page.wait_for_url("**/o/material-agent_id-1")
