"""Both main cases in a real browser, by taps alone, text typed on the kiosk's own keyboard, to the receipt."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect

from kiosk.ime.build import index_path
from kiosk.ime.engine import Engine
from kiosk.views.ime import place_names
from kiosk.walk_persona import page_for
from tests.browser.fingers import Fingers
from tests.running import Running, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-main-job"), pytest.mark.timeout(400)]
NEXT = "#page .actions button.primary"
STEPS = 60


@pytest.fixture
def page(browser: Browser, kiosk: Running) -> Iterator[Page]:
    screen = {"width": 1080, "height": 1920}
    context = browser.new_context(viewport=screen, base_url=kiosk.base, locale="zh-CN", has_touch=True)  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    opened = context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def answered(response: Response) -> None:
        if response.status >= 400:
            said = re.findall(r'class="error[^>]*>([^<]+)', response.text())
            complaints.append(f"{response.status} {response.url} {response.request.post_data} {said}")

    opened.on("response", answered)
    opened.on("console", heard)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints, complaints


class Person:
    """Somebody with a card, perhaps a company, a UKey and its PIN, before the screen."""

    def __init__(self, page: Page, kiosk: Running, who: str, unit: str, token: str, pin: str) -> None:
        self.page, self.kiosk, self.token, self.secret = page, kiosk, token, pin
        engine = Engine(index_path(kiosk.settings.home / "ime", place_names()))
        self.fingers = Fingers(page, engine)
        hands = kiosk.control("hands")
        self.card = next(one for one in hands["people"] if one["key"] == who)
        self.unit = next((one for one in hands["units"] if one["key"] == unit), None)
        self.values = {
            "mobile": "13900000001",
            "landline": "0737-4112269",
            "email": "li.min_01@163.com",
            "address": "湖南省益阳市赫山区迎宾东路355号",
            "social_insurance_no": "430900000001",
        }

        if self.unit:
            legal = next(one for one in hands["people"] if one["key"] == self.unit["legal"])
            self.values |= {"legal_name": legal["name"], "legal_id": legal["card"]["number"]}

    def tap(self, selector: str) -> None:
        self.page.locator(selector).tap()

    def walk(self, service: str, kind: str) -> str:
        """Tap through one case; returns the order's number."""
        self.page.goto("/")
        self.page.locator("a.card", has_text=service).tap()
        self.page.locator(f"a.card[href$='kind={kind}']").tap()
        expect(self.page.locator(f"#step[action$='/{kind}']")).to_be_attached()
        self.tap(NEXT)
        done, before = self.page.locator(".rate-box"), f"/{kind}"
        for _ in range(STEPS):
            here = self.page.locator(f"#step:not([action$='{before}'])")
            expect(here.or_(done)).to_be_attached(timeout=90_000)
            if done.is_visible():
                break
            before = here.get_attribute("action") or ""
            self.answer(before.rpartition("/")[2])
        return self.page.locator("dl.summary dd").first.inner_text()

    def answer(self, step: str) -> None:
        """What a person does on one page, up to the tap that leads on."""
        if step == "id_card":
            self.kiosk.control("id_reader", "lay", **self.card["card"])
            self._read()
        elif step == "token":
            self.kiosk.control("ukeys", "insert", name=self.token)
            self._read()
        elif step in ("pin", "new_pin"):
            self._type_pin(step)
        elif step.startswith("material-") or step == "seal":
            self._scan(step)
        elif step == "check":
            self._sign()
        elif step == "pay":
            self._pay()
        else:
            self._fill(agent=step == "role" and self.unit is not None)
            self.tap(NEXT)

    def _fill(self, agent: bool) -> None:
        """Tick what is to be ticked, choose the first of each group (the second as an agent), type what is empty."""
        step = self.page.locator("#step")
        for group in step.locator("fieldset:visible:not(:has(:checked))").all():
            group.locator("label.tile").nth(1 if agent else 0).tap()
        for box in step.locator("label.tile:has(input[type=checkbox]:not(:checked))").all():
            box.tap()
        for entry in step.locator("input.entry:not([readonly])").all():
            name = entry.get_attribute("name") or ""
            if name in self.values and not entry.input_value():
                if not entry.is_visible():  # in the shadow of the field that is being typed into
                    self.fingers.key("close")
                self.fingers.type(entry, self.values[name])

    def _read(self) -> None:
        start = self.page.locator(f"{NEXT}[value=start]")
        done = self.page.locator("#main", has_text="读取成功")
        expect(done.or_(start)).to_be_visible()
        if start.is_visible():
            start.tap()
        expect(done).to_be_visible()
        self.tap(f"{NEXT}[value=next]")

    def _type_pin(self, step: str) -> None:
        for entry in self.page.locator("#step .entry[data-keyboard=pin]").all():
            self.fingers.pin(entry, self.secret)
        self.tap(NEXT)
        if step == "pin":
            self.tap(f"{NEXT}[value=next]")

    def _scan(self, step: str) -> None:
        name = page_for(step.removeprefix("material-"), self.unit is not None)
        unit = self.unit["name"] if self.unit else ""
        owner = {"unit": unit, "person": self.card["name"], "number": self.card["card"]["number"]}
        order = self.kiosk.rows('SELECT number FROM "order" ORDER BY id DESC LIMIT 1')[0][0]
        drawn = self.kiosk.control("hands", "page", name=name, order=order, **owner)["file"]
        part = next(part for part in self.kiosk.supervisor.parts if part.name == "hands")
        picture = httpx.get(f"http://127.0.0.1:{part.told['control']}/files/pages/{drawn}").content
        self.kiosk.control("scanner", "lay", image=base64.b64encode(picture).decode())
        self.tap(f"{NEXT}[value=scan]")
        expect(self.page.locator("figure.scan img")).to_be_visible(timeout=40_000)
        self.tap(f"{NEXT}[value=keep]")

    def _sign(self) -> None:
        box = self.page.locator(".pad-sheet").bounding_box()
        assert box
        self.page.mouse.move(box["x"] + 60, box["y"] + 60)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 300, box["y"] + 160, steps=4)
        self.page.mouse.up()
        self.tap(NEXT)

    def _pay(self) -> None:
        self.page.locator("button.card", has_text="微信").tap()
        expect(self.page.locator("img.qr")).to_be_visible()
        code = eventually(lambda: self.kiosk.rows("SELECT code_url FROM payment WHERE state = 'pending'"))[0][0]
        self.kiosk.control("gateways", "pay", code=code)


def printed(kiosk: Running, number: str) -> None:
    def papers() -> bool:
        rows = kiosk.rows(
            'SELECT p.code, p.printed FROM paper p JOIN "order" o ON o.id = p.order_id WHERE o.number = ?', number
        )
        return bool(rows) and all(state == "yes" for _, state in rows)

    eventually(papers, timeout=60)


def test_a_unit_renews_by_taps(page: Page, kiosk: Running) -> None:
    person = Person(page, kiosk, "lin", "a", "unit-a", "135246")
    number = person.walk("延期", "unit")
    assert person.fingers.typed > 40  # what card, UKey and licence did not tell: nothing came from a script
    expect(page.locator("h1")).to_contain_text("办理完成")
    printed(kiosk, number)
    page.locator("button.rate").nth(3).tap()
    page.locator("button[name=reason]").first.tap()
    expect(page.locator(".thanks")).to_be_visible()
    page.locator(NEXT).tap()
    page.wait_for_url(re.compile(r"/$"))
    expect(page.locator(".notice")).to_contain_text("请取走您的身份证、UKey 和原件")
    page.go_back()
    expect(page.locator("body")).not_to_contain_text("益阳示范建设有限公司")


@pytest.mark.long
def test_a_person_gets_a_new_certificate_by_taps(page: Page, kiosk: Running) -> None:
    for name in kiosk.control("ukeys")["inserted"]:
        kiosk.control("ukeys", "remove", name=name)
    kiosk.control("id_reader", "lift")
    number = Person(page, kiosk, "wang", "", "blank-1", "592741").walk("新办", "personal")
    expect(page.locator("h1")).to_contain_text("办理完成")
    printed(kiosk, number)
