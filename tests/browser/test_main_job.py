"""Both main cases in a real browser, by taps, to the receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from kiosk.ime.pinpad import _STROKES as DRAWN
from tests.running import Running, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-main-job"), pytest.mark.timeout(400)]
NEXT = "#page .actions button.primary"


@pytest.fixture
def page(browser: Browser, kiosk: Running) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1080, "height": 1920}, base_url=kiosk.base, locale="zh-CN")
    context.set_default_timeout(20_000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints, complaints


def at(page: Page, step: str) -> None:
    page.wait_for_url(re.compile(rf"/{step}(\?.*)?$"))


def go(page: Page) -> None:
    page.locator(NEXT).click()


def fill(page: Page, values: dict[str, str]) -> None:
    """Put values into the fields that are empty, and choose the first tile where nothing is chosen."""
    for name in page.locator("#step fieldset input[type=radio]").evaluate_all(
        "els => [...new Set(els.map(e => e.name))]"
    ):
        group = page.locator(f"#step input[type=radio][name={name}]")
        if group.evaluate_all("els => els.every(e => !e.checked)"):
            page.locator(f"#step label.tile:has(input[name={name}])").first.click()
    for box in page.locator("#step label.tile:has(input[type=checkbox])").all():
        if not box.locator("input").is_checked():
            box.click()
    for entry in page.locator("#step input.entry:not([readonly])").all():
        if entry.is_visible() and not entry.input_value():
            name = entry.get_attribute("name") or ""
            if name in values:
                entry.evaluate(
                    "(el, v) => { el.value = v; el.dispatchEvent(new Event('input', {bubbles: true})) }", values[name]
                )


def walk(page: Page, kiosk: Running, service: str, kind: str, who: str, unit: str, token: str, pin: str) -> str:
    """Tap through one case; returns the order's number."""
    hands = kiosk.control("hands")
    card = next(one for one in hands["people"] if one["key"] == who)
    values = {
        "mobile": "13900000001",
        "landline": "0737-4112269",
        "address": card["card"]["address"],
        "social_insurance_no": "430900000001",
    }
    if unit:
        company = next(one for one in hands["units"] if one["key"] == unit)
        legal = next(one for one in hands["people"] if one["key"] == company["legal"])
        values |= {"legal_name": legal["name"], "legal_id": legal["card"]["number"]}
    page.goto("/")
    page.locator("a.card", has_text=service).first.click()
    page.locator(f"a.card[href$='kind={kind}']").click()
    page.wait_for_url(re.compile(f"kind={kind}$"))
    go(page)
    again = 0
    for _ in range(60):
        page.wait_for_load_state()
        page.wait_for_timeout(250)  # the swap of a boosted page ends after its address has changed
        path = page.url.rpartition("/")[2].partition("?")[0]
        step(page, kiosk, path, card, company if unit else {"name": ""}, token, pin, values)
        if path == "done":
            break
        before = page.url
        patience = 60_000 if path in ("pay", "work") else 6_000
        try:
            page.wait_for_url(lambda address, before=before: address != before, timeout=patience)
        except PlaywrightTimeout:  # a tap too soon after the last one is taken for a double tap
            again += 1
            if again > 3 or patience > 6_000:
                pytest.fail(f"stuck at {page.url}: {page.locator('#main').inner_text()[:600]}")
    expect(page.locator("h1")).to_contain_text("办理完成")
    return page.locator("dl.summary dd").first.inner_text()


def step(
    page: Page, kiosk: Running, path: str, card: Any, company: Any, token: str, pin: str, values: dict[str, str]
) -> None:
    if path.startswith("agree-"):
        page.locator("label.tile:has(input[name=accept])").click()
        go(page)
    elif path == "id_card":
        kiosk.control("id_reader", "lay", **card["card"])
        ready(page)
    elif path == "token":
        kiosk.control("ukeys", "insert", name=token)
        ready(page)
    elif path in ("pin", "new_pin"):
        for entry in page.locator("#step .entry[data-keyboard=pin]").all():
            tap_pin(page, entry, pin)
        go(page)
        if path == "pin":
            expect(page.locator("#main")).to_contain_text("密码正确")
            go(page)
    elif path.startswith("material-") or path == "seal":
        scan(page, kiosk, path, card, company)
    elif path == "check":
        go(page)
    elif path == "pay":
        page.locator("button.card", has_text="微信").click()
        expect(page.locator("img.qr")).to_be_visible()
        code = eventually(lambda: kiosk.rows("SELECT code_url FROM payment WHERE state = 'pending'"))[0][0]
        kiosk.control("gateways", "pay", code=code)
    elif path in ("role",):
        page.locator("label.tile").nth(1 if company["name"] else 0).click()
        go(page)
    elif path not in ("work", "done"):
        fill(page, values)
        go(page)


def tap_pin(page: Page, entry: Locator, pin: str) -> None:
    """Find each digit on the shuffled pad by its drawing, as an eye does, and tap it."""
    before = page.locator("#keyboard [data-pad-id]").get_attribute("data-pad-id") if pads_open(page) else None
    entry.click()
    page.wait_for_timeout(400)
    eventually(lambda: pads_open(page) and (before is None or entry.evaluate("e => e === document.activeElement")))
    drawn = page.locator("#keyboard [data-place] path").evaluate_all("els => els.map(e => e.getAttribute('d'))")
    places = {
        next(digit for digit, stroke in DRAWN.items() if stroke == path): place for place, path in enumerate(drawn)
    }
    for digit in pin:
        page.locator(f'#keyboard [data-place="{places[int(digit)]}"]').click()
    expect(entry).to_have_value("•" * len(pin))


def pads_open(page: Page) -> bool:
    return page.locator("#keyboard [data-pad-id]").is_visible()


def ready(page: Page) -> None:
    start = page.locator(f"{NEXT}[value=start]")
    if start.is_visible():
        start.click()
    expect(page.locator("#main")).to_contain_text("读取成功")
    go(page)


def scan(page: Page, kiosk: Running, path: str, card: Any, company: Any) -> None:
    import base64

    import httpx

    from kiosk.walk_persona import page_for

    name = page_for(path.removeprefix("material-"), bool(company["name"]))
    owner = {"unit": company["name"], "person": card["name"], "number": card["card"]["number"]}
    order = kiosk.rows('SELECT number FROM "order" ORDER BY id DESC LIMIT 1')[0][0]
    drawn = kiosk.control("hands", "page", name=name, order=order, **owner)["file"]
    part = next(part for part in kiosk.supervisor.parts if part.name == "hands")
    picture = httpx.get(f"http://127.0.0.1:{part.told['control']}/files/pages/{drawn}").content
    kiosk.control("scanner", "lay", image=base64.b64encode(picture).decode())
    page.locator(f"{NEXT}[value=scan]").click()
    expect(page.locator(f"{NEXT}[value=keep]")).to_be_visible(timeout=40_000)
    expect(page.locator("figure.scan img")).to_be_visible()
    page.locator(f"{NEXT}[value=keep]").click()


def printed(kiosk: Running, number: str) -> None:
    def papers() -> bool:
        rows = kiosk.rows(
            'SELECT p.code, p.printed FROM paper p JOIN "order" o ON o.id = p.order_id WHERE o.number = ?', number
        )
        return bool(rows) and all(state == "yes" for _, state in rows)

    eventually(papers, timeout=60)


def test_a_unit_renews_by_taps(page: Page, kiosk: Running, tmp_path: Path) -> None:
    number = walk(page, kiosk, "延期", "unit", "lin", "a", "unit-a", "135246")
    printed(kiosk, number)
    page.locator(NEXT).click()
    page.wait_for_url(re.compile(r"/$"))
    page.go_back()
    expect(page.locator("body")).not_to_contain_text("益阳示范建设有限公司")


def test_a_person_gets_a_new_certificate_by_taps(page: Page, kiosk: Running) -> None:
    for name in kiosk.control("ukeys")["inserted"]:
        kiosk.control("ukeys", "remove", name=name)
    kiosk.control("id_reader", "lift")
    number = walk(page, kiosk, "新办", "personal", "wang", "", "blank-1", "592741")
    printed(kiosk, number)
