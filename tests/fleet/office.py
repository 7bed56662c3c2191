"""A member of staff at the centre, over HTTP as a browser would: forms with their tokens, one-time codes, pages."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Self

import httpx
import pyotp

from tests.running import eventually


class Office:
    """Signed in at ``base`` as long as the context lasts."""

    def __init__(self, base: str, name: str, password: str, secret: str) -> None:
        self.web = httpx.Client(base_url=base, follow_redirects=True, timeout=60)
        self.name, self.password, self.secret = name, password, secret

    def __enter__(self) -> Self:
        self.web.get("/admin/sign-in")
        given = {"name": self.name, "password": self.password, "code": pyotp.TOTP(self.secret).at(int(time.time()))}
        page = self.post("/admin/sign-in", "/admin/sign-in", **given)
        assert "office-me" in page, page[-500:]
        return self

    def __exit__(self, *_: object) -> None:
        self.web.close()

    def get(self, path: str) -> str:
        answer = self.web.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def post(self, page: str, path: str, **form: str) -> str:
        """Send a form of ``page`` with the token that stands in it."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page))
        answer = self.web.post(path, data={**form, "csrf_token": token.group(1) if token else ""})
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-300:])
        return answer.text

    def approve(self, number: str) -> str:
        """Wait for the order and its pictures, look at every picture, approve; returns the level."""
        path = f"/admin/fleet/reviews/{number}"
        eventually(lambda: path in self.get("/admin/fleet/reviews"), 60)
        eventually(lambda: 'value="approve"' in self.get(path), 60)
        page = self.get(path)
        for picture in re.findall(r'<img src="([^"]+)"', page):
            assert self.web.get(picture).headers["Content-Type"].startswith("image/")
        level = re.search(r'name="level" value="([^"]+)"', page)
        assert level is not None
        self.post(path, path, decision="approve", level=level.group(1))
        return level.group(1)


def accounts(folder: Path) -> dict[str, tuple[str, str]]:
    """Name to password and secret, as ``make run-centre`` wrote them down."""
    lines = [line.split("\t") for line in (folder / "accounts.txt").read_text("utf-8").splitlines() if "\t" in line]
    return {name: (password, secret) for name, password, secret in lines}
