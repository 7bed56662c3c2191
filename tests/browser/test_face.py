"""Every page in a real browser, at both sizes, normal, in large text and in English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.audit import MODES, SIZES, Visitor
from tests.browser.stage import Scene, Stage, scenes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
Entrance = Callable[..., Visitor]


@pytest.fixture
def visitor(browser: Browser, stage: Stage) -> Iterator[Entrance]:
    opened = []

    def enter(size: str = "portrait", **options: object) -> Visitor:
        width, height = SIZES[size]
        size_of = {"viewport": {"width": width, "height": height}, "has_touch": True, "reduced_motion": "reduce"}
        context = browser.new_context(**size_of, **options)  # type: ignore[arg-type]
        opened.append(context)
        return Visitor(context, stage)

    yield enter
    for context in opened:
        context.close()


@pytest.fixture(scope="module")
def everything(stage: Stage) -> dict[str, Scene]:
    return scenes(stage)


LOOKS = [(size, mode) for size in SIZES for mode in MODES]


def judge_all(visitor: Entrance, found: dict[str, Scene], size: str, mode: str) -> dict[str, list[str]]:
    eyes, wrong = visitor(size), {}
    for name, scene in found.items():
        eyes.open(replace(scene, **MODES[mode]))
        if faults := eyes.judge(mode):
            wrong[name] = faults
    return wrong


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("size", "mode"), LOOKS)
def test_every_page_in_every_look(visitor: Entrance, everything: dict[str, Scene], size: str, mode: str) -> None:
    """No overflow, large targets, gaps and letters, no overlap, axe-core content, nothing on the browser's console."""
    assert judge_all(visitor, everything, size, mode) == {}


@pytest.mark.parametrize("turn", range(len(LOOKS)))
def test_every_page_in_one_look(visitor: Entrance, everything: dict[str, Scene], turn: int) -> None:
    """Each page once, the looks by turns."""
    mine = dict(list(everything.items())[turn :: len(LOOKS)])
    assert judge_all(visitor, mine, *LOOKS[turn]) == {}


@pytest.mark.parametrize(("size", "mode"), [("portrait", "normal"), ("landscape", "elder")])
def test_every_keyboard(visitor: Entrance, everything: dict[str, Scene], size: str, mode: str) -> None:
    """The layouts of the screen keyboard, with candidates and places shown."""
    eyes, wrong = visitor(size), {}
    page = eyes.open(replace(everything["form-address"], **MODES[mode]))
    page.locator("#address").tap()
    for way in ("", "yy", "layout:latin", "layout:zh", "layout:place", "43", "4309"):
        if way.isdigit():
            page.tap(f'#keyboard [data-region="{way}"]')
        elif way:
            for key in [way] if ":" in way else way:
                page.tap(f'#keyboard [data-key="{key}"]')
        if way == "yy":
            expect(page.locator("#keyboard [data-choice]").first).to_be_visible()
        elif way:
            expect(page.locator(f'#keyboard [data-layout="{way[7:] or "place"}"]')).to_be_visible()
        if faults := eyes.judge(mode):
            wrong[way] = faults
    page = eyes.open(replace(everything["form-contact"], **MODES[mode]))
    for entry in page.locator(".entry[data-keyboard]:not([readonly])").all():
        entry.tap()
        expect(page.locator(f'#keyboard[data-for="{entry.get_attribute("id")}"]')).to_be_visible()
        wrong |= {str(entry): faults} if (faults := eyes.judge(mode)) else {}
        page.tap('#keyboard [data-key="close"]')
    assert wrong == {}


@pytest.mark.parametrize("size", SIZES)
def test_low_reach_keeps_the_controls_low(visitor: Entrance, everything: dict[str, Scene], size: str) -> None:
    eyes, wrong = visitor(size), {}
    for name in ("home", "service", "term", "check", "card-waiting"):
        page = eyes.open(replace(everything[name], extra={"low": True}))
        if found := eyes.judge("normal"):
            wrong[name] = found
        box = page.locator("#leave button").bounding_box()
        assert box
        assert box["y"] > SIZES[size][1] * 0.6
    assert wrong == {}


def test_a_page_is_light(visitor: Entrance, everything: dict[str, Scene]) -> None:
    """The first page of an empty browser: at most 100 KB over the wire, and nothing from elsewhere."""
    eyes, sizes = visitor(), {}
    eyes.page.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    for name in ("home", "check", "pay-code"):
        eyes.context.new_cdp_session(eyes.page).send("Network.clearBrowserCache")
        sizes.clear()
        eyes.open(everything[name])
        eyes.page.wait_for_load_state("networkidle")
        assert len(sizes) > 8
        assert sum(sizes.values()) <= 100_000, (name, sizes)
        assert all(url.startswith(eyes.stage.url) for url in sizes)


def type_on_keys(eyes: Visitor, letters: str) -> None:
    for letter in letters:
        eyes.page.tap(f'#keyboard [data-key="{letter}"]')


def choose(eyes: Visitor, text: str) -> None:
    choice = eyes.page.locator("#keyboard [data-choice]").filter(has_text=text).first
    expect(choice).to_be_visible()
    choice.tap()


@pytest.mark.parametrize("size", SIZES)
def test_an_address_is_typed_by_taps_alone(visitor: Entrance, everything: dict[str, Scene], size: str) -> None:
    eyes = visitor(size)
    page = eyes.open(everything["form-address"])
    page.locator("#address").tap()
    page.locator('#keyboard [data-key="clear"], #keyboard [data-key="erase"]').first.wait_for()
    page.locator("#address").evaluate("field => { field.value = '' }")
    type_on_keys(eyes, "yys")
    choose(eyes, "益阳市")
    type_on_keys(eyes, "ybdl")
    choose(eyes, "迎宾东路")
    type_on_keys(eyes, "355h")
    choose(eyes, "号")
    expect(page.locator("#address")).to_have_value("益阳市迎宾东路355号")
    page.tap(".actions .primary")
    expect(page.locator(".progress-line strong")).not_to_have_text("通讯地址")
    assert eyes.complaints == []


def test_a_place_is_picked(visitor: Entrance, everything: dict[str, Scene]) -> None:
    eyes = visitor()
    page = eyes.open(everything["form-address"])
    page.locator("#address").tap()
    page.tap('#keyboard [data-key="layout:place"]')
    page.locator("#address").evaluate("field => { field.value = '' }")
    for code in ("43", "4309", "430903"):
        page.tap(f'#keyboard [data-region="{code}"]')
    expect(page.locator("#address")).to_have_value("湖南省益阳市赫山区")


def test_pin_digits_never_reach_the_page(visitor: Entrance, everything: dict[str, Scene]) -> None:
    eyes = visitor()
    page = eyes.open(everything["pin"])
    pad = page.locator("#keyboard [data-pad-id]")
    expect(pad).to_be_visible()
    assert not any(letter.isdigit() for letter in pad.inner_text())
    for place in "0319":
        page.tap(f'#keyboard [data-place="{place}"]')
    expect(page.locator("#pin")).to_have_value("••••")
    sent = page.evaluate("Object.fromEntries(new FormData(document.getElementById('step')))")
    assert sent["pin"].startswith("pad:")
    assert sent["pin"].endswith(":0319")
    first = pad.inner_html()
    page.reload()
    expect(pad).to_be_visible()
    assert pad.inner_html() != first


def test_time_out_asks_and_then_wipes(visitor: Entrance, everything: dict[str, Scene]) -> None:
    eyes = visitor()
    eyes.page.clock.install()
    page = eyes.open(everything["term"])
    page.clock.run_for(89_000)
    expect(page.locator("#timeout")).to_be_hidden()
    page.clock.run_for(3_000)
    expect(page.locator("#timeout")).to_be_visible()
    page.tap('[data-timeout="stay"]')
    expect(page.locator("#timeout")).to_be_hidden()
    page.clock.run_for(92_000)
    expect(page.locator("#timeout")).to_be_visible()
    page.clock.run_for(31_000)
    page.wait_for_url(eyes.stage.url + "/")
    expect(page.locator("#main")).to_contain_text("长时间没有操作，已为您退出")
    expect(page.locator("#main")).to_contain_text("请取走您的身份证、UKey 和原件")
    page.go_back()
    expect(page.locator("#step")).to_have_count(0)


def test_an_idle_first_page_goes_to_rest_and_a_tap_opens_it(visitor: Entrance, everything: dict[str, Scene]) -> None:
    eyes = visitor()
    eyes.page.clock.install()
    page = eyes.open(everything["home"])
    page.clock.run_for(92_000)
    page.wait_for_url("**/welcome")
    page.touchscreen.tap(540, 700)
    page.wait_for_url(eyes.stage.url + "/")
    expect(page.locator("h1")).to_have_text("请选择要办理的业务")
    assert eyes.complaints == []


def test_back_shows_nothing_after_leaving(visitor: Entrance, stage: Stage) -> None:
    eyes = visitor()
    page = eyes.open(stage.at("check"))
    expect(page.get_by_text("益阳示范建设有限公司")).to_be_visible()
    page.tap("#leave button")
    page.wait_for_url(stage.url + "/")
    page.go_back()
    expect(page.get_by_text("请选择要办理的业务")).to_be_visible()
    assert "益阳示范" not in page.content()


@pytest.mark.parametrize("size", SIZES)
def test_without_scripts_the_next_step_is_reached(visitor: Entrance, stage: Stage, size: str) -> None:
    eyes = visitor(size, java_script_enabled=False)
    page = eyes.open(stage.at("term"))
    page.locator("label.tile").nth(1).tap()
    page.tap(".actions .primary")
    expect(page.locator("#step:not([action$='/term'])")).to_be_attached()


def test_errors_are_told_on_top_and_lead_to_the_field(visitor: Entrance, stage: Stage) -> None:
    eyes = visitor()
    page = eyes.open(stage.at("form-contact"))
    page.locator("#mobile").fill("123")
    page.tap(".actions .primary")
    summary = page.locator("#error-summary")
    expect(summary).to_be_focused()
    expect(page).to_have_title("错误：" + (page.title().removeprefix("错误：")))
    summary.locator("a").first.tap()
    expect(page.locator("#mobile")).to_be_focused()
    eyes.complaints = [said for said in eyes.complaints if "422" not in said]
    assert eyes.judge("normal") == []


def test_a_signature_is_drawn_and_sent(visitor: Entrance, stage: Stage) -> None:
    eyes = visitor("landscape")
    page = eyes.open(stage.at("check"))
    page.wait_for_load_state("networkidle")
    box = page.locator(".pad-sheet").bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=8)
    page.mouse.up()
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.tap(".actions .primary")
    assert "signature_png=data%3Aimage%2Fpng" in (sent.value.post_data or "")
    assert "signature_svg=" in (sent.value.post_data or "")


def test_a_kiosk_that_does_not_answer_is_said_and_comes_back(visitor: Entrance, stage: Stage) -> None:
    eyes = visitor()
    page = eyes.open(stage.at("term"))
    page.route("**/o/**", lambda route: route.abort())
    page.tap(".actions .primary")
    expect(page.locator("#offline")).to_be_visible()
    page.unroute("**/o/**")
    expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    expect(page.locator("#step")).to_be_visible()
