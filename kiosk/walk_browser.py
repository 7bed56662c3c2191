"""The scripted customer's browser and hands: pages over HTTP, movements on the bench; each answer is measured."""

from __future__ import annotations

import time
from typing import Any, Self

import httpx

from kiosk.walk_page import PageForm

TIMEOUT = 90.0


class Stuck(Exception):
    """The customer cannot go on; the page says why."""


class Browser:
    """One visitor's screen (``page``, ``path``) at a running kiosk, and what the bench lets him move."""

    def __init__(self, base: str) -> None:
        self.web = httpx.Client(base_url=base, follow_redirects=True, timeout=60, trust_env=False)
        self.steps: list[dict[str, Any]] = []
        self.page = PageForm()
        self.path = self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The connections to the kiosk."""
        self.web.close()

    def see(self, answer: httpx.Response) -> None:
        """This is the page in front of the visitor now."""
        self.page = PageForm()
        self.page.feed(answer.text)
        self.path, self.text = answer.url.path, answer.text

    def take(self, answer: httpx.Response, began: float, what: str) -> None:
        spent = (time.perf_counter() - began) * 1000
        self.see(answer)
        size = len(answer.content) + sum(len(step.content) for step in answer.history)
        self.steps.append(
            {"step": what, "page": self.path, "ms": round(spent, 1), "bytes": size, "status": answer.status_code}
        )

    def read(self, path: str, **headers: str) -> httpx.Response:
        """A page; a kiosk that is just being started again is waited for, as the browser's own page does."""
        limit = time.monotonic() + 30
        while True:
            try:
                return self.web.get(path, headers=headers)
            except httpx.TransportError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.2)

    def get(self, path: str) -> None:
        began = time.perf_counter()
        self.take(self.read(path), began, f"GET {path}")

    def post(self, path: str, data: dict[str, str]) -> None:
        began = time.perf_counter()
        try:
            answer = self.web.post(path, data={"csrf_token": self.page.csrf, **data})
        except httpx.TransportError:  # nobody knows whether it arrived: look where the order stands
            answer = self.read("/o")
        self.take(answer, began, f"POST {path}")

    def hand(self, device: str, verb: str, **body: Any) -> dict[str, Any]:
        """One movement on the bench. Where its answer was lost with a web process that died, it is made again: should
        the first have counted, the second is refused, and that is no fault.
        """
        again = False
        while True:
            self.read("/bench/state")
            try:
                answer = self.web.post(f"/bench/{device}/{verb}", json=body, headers={"X-CSRFToken": self.page.csrf})
                break
            except httpx.TransportError:
                again = True
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        if done.get("error") and not again:
            raise Stuck(f"bench {device}/{verb}: {done['error']}")
        return done

    def bench(self) -> dict[str, Any]:
        state: dict[str, Any] = self.read("/bench/state").json()
        return state

    def wait(self, until: Any, what: str, timeout: float = TIMEOUT) -> None:
        """Poll like the page does until it is another page or ``until()`` holds."""
        limit = time.monotonic() + timeout
        while not until():
            if time.monotonic() > limit:
                raise Stuck(f"{what}: still at {self.path} ({self.page.heading}; {'; '.join(self.page.warnings)})")
            time.sleep(0.15)
            self.see(self.read("/o"))

    def result(self) -> dict[str, Any]:
        """What the kiosk tells of the order of this visit (the bench's view of it)."""
        found: dict[str, Any] = self.read("/bench/order").json()
        return found
