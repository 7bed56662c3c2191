"""A member of staff at the centre in a real browser: signs in, looks at every picture, decides."""

from __future__ import annotations

import time
from typing import Self

import pyotp
from playwright.sync_api import Browser, Page, expect

DESKTOP, PHONE = (1280, 800), (390, 844)
PATIENCE = 120_000  # milliseconds an answer may take on a busy machine
expect.set_options(timeout=PATIENCE)


class Glass:
    """Signed in at ``base`` as long as the context lasts; ``size`` in CSS pixels."""

    def __init__(
        self, browser: Browser, base: str, account: tuple[str, str, str], size: tuple[int, int] = DESKTOP
    ) -> None:
        self.base, self.account = base, account
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))

    def __enter__(self) -> Self:
        name, password, secret = self.account
        self.page.goto(f"{self.base}/admin/sign-in")
        self.page.get_by_label("账号").fill(name)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_label("动态口令").fill(pyotp.TOTP(secret).at(int(time.time())))
        self.page.get_by_role("button", name="登录", exact=True).click()
        self.page.wait_for_url(f"{self.base}/admin/")
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def until(self, path: str, selector: str) -> None:
        """Load a page again and again until something stands on it."""
        until = time.monotonic() + PATIENCE / 1000
        while True:
            self.page.goto(self.base + path)
            if self.page.locator(selector).count():
                return
            assert time.monotonic() < until, (path, selector, self.page.locator("main").inner_text())
            self.page.wait_for_timeout(500)

    def approve(self, number: str) -> None:
        """Find the order among those that wait, look at its pictures, approve."""
        self.until("/admin/fleet/reviews", f"main a[href$='/{number}']")
        self.page.locator(f"main a[href$='/{number}']").click()
        expect(self.page.locator("main")).to_contain_text(number)
        pictures = self.page.locator(".proof img")
        assert pictures.count() > 0
        for one in pictures.all():
            one.scroll_into_view_if_needed()
            self.page.wait_for_function("one => one.complete && one.naturalWidth > 0", arg=one.element_handle())
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        self.page.locator("button[value=approve]").click()
        expect(self.page.locator(".said.good")).to_contain_text("已决定")
        assert not self.complaints, self.complaints
