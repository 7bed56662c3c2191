"""The centre's pages in a real browser: none is wider than a desktop or a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser

from kiosk.db import write
from kiosk.fleet import commands
from tests.browser.conftest import browser
from tests.clerk.staff import make
from tests.clerk.test_screens import sign_in, too_wide
from tests.fleet.test_commands import waits_for_review
from tests.fleet.world import Station
from tests.serving import serving

__all__ = ["browser"]
pytestmark = pytest.mark.browser


def test_no_page_is_wider_than_the_screen(centre: Flask, stations: Callable[..., Station], browser: Browser) -> None:
    one = stations("K001")
    waits_for_review(one)
    one.happen(3, "effect.ended", one.open_order(), effect=1, kind="card.read", outcome="done")
    one.push()
    with centre.app_context(), write() as session:
        commands.give(session, "K001", "self_test", {}, "a.chief")
    chief = make(centre, "a.chief", "clerk", "reviewer", "finance", "admin", "auditor")
    with serving(centre) as address:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(60_000)
        sign_in(page, address, "admin", chief)
        seen, wrong = too_wide(page, address, "admin", "desktop", "phone")
        context.close()
    assert {"/admin/fleet/orders", "/admin/fleet/reviews", "/admin/kiosks/K001", "/admin/pairing"} <= seen
    assert not wrong, "\n".join(wrong)
