"""A finger on the glass: everything is tapped, text on the kiosk's own keyboard, PINs on the shuffled pad."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

from kiosk.catalogue import places
from kiosk.ime.engine import Engine
from kiosk.ime.pinpad import _STROKES as DRAWN
from tests.ime.typist import Stroke, plan


@dataclass
class Fingers:
    """``typed`` counts the taps on keys."""

    page: Page
    engine: Engine
    typed: int = field(default=0, init=False)

    def key(self, name: str) -> None:
        self.page.locator(f'#keyboard [data-key="{name}"]').tap()
        self.typed += 1

    def type(self, entry: Locator, text: str) -> None:
        """Into one field: what its keyboard offers, the place picker for the head of an address, else pinyin."""
        self._enter(entry)
        rest = self._pick_place(text) if self._layout("place") else text
        for stroke in plan(self.engine, rest) or []:
            self._stroke(stroke)
        expect(entry).to_have_value(text)

    def pin(self, entry: Locator, pin: str) -> None:
        """Find each digit on the shuffled pad by its drawing, as an eye does."""
        self._enter(entry)
        pad = self.page.locator("#keyboard [data-pad-id]")
        expect(pad).to_be_visible()
        drawn = pad.locator("[data-place] path").evaluate_all("els => els.map(e => e.getAttribute('d'))")
        digits = {stroke: digit for digit, stroke in DRAWN.items()}
        order = [digits[path] for path in drawn]
        for digit in pin:
            pad.locator(f'[data-place="{order.index(int(digit))}"]').tap()
        expect(entry).to_have_value("•" * len(pin))

    def _enter(self, entry: Locator) -> None:
        """Tap the field; the keyboard names the field it types into."""
        entry.tap()
        name = entry.get_attribute("id")
        expect(self.page.locator(f'#keyboard[data-for="{name}"]')).to_be_visible()

    def _layout(self, name: str) -> bool:
        return self.page.locator(f'#keyboard [data-layout="{name}"]').is_visible()

    def _pick_place(self, text: str) -> str:
        """Down through provinces, cities and counties as far as they go; returns what is left to type."""
        code, found = "", places.provinces()
        while place := next((one for one in found if text.startswith(places.full_name(one.code))), None):
            self.page.locator(f'#keyboard [data-region="{place.code}"]').tap()
            self.typed += 1
            code, found = place.code, places.children(place.code)
            if not found:
                break
            expect(self.page.locator(f'#keyboard [data-region="{found[0].code}"]')).to_be_visible()
        if not code:
            self.key("layout:zh")
        elif found:  # the place goes further than the text does
            self.page.locator(f'#keyboard [data-region="{code}"]').tap()
        expect(self.page.locator('#keyboard [data-layout="zh"]')).to_be_visible()
        return text.removeprefix(places.full_name(code)) if code else text

    def _stroke(self, stroke: Stroke) -> None:
        for letter in stroke.letters or stroke.text:
            self.key(letter)
        if not stroke.letters:
            return
        for turned in range(stroke.page):
            self.page.locator(f'#keyboard [data-page="{turned + 1}"]:enabled').tap()
            self.typed += 1
        whole = re.compile(f"^{re.escape(stroke.text)}$")
        self.page.locator('#keyboard [data-choice][data-rest=""]', has_text=whole).tap()
        self.typed += 1
