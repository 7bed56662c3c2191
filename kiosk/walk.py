"""A scripted customer: goes through the same pages as a browser and moves cards, UKeys, pages and a phone on the bench.

It reads each page's form, fills in what a person would, and measures every answer: milliseconds and bytes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import httpx

from kiosk.walk_browser import TIMEOUT, Stuck
from kiosk.walk_persona import NEEDS_BLANK, NEW_PIN, PIN, USUAL, fitting, persona
from kiosk.walk_steps import Steps

__all__ = ["Customer", "Stuck"]
ENDS = ("/done", "/o/history")


class Customer(Steps):
    """Walks one case after the other at a running kiosk. ``environ``: where the clerk's commands are run."""

    def __init__(self, base: str, environ: dict[str, str] | None = None) -> None:
        super().__init__(base)
        self.environ = environ
        self.phones: dict[tuple[str, str], list[str]] = {}  # phones given with finished orders, by kind and who

    def walk(self, scheme: str, service: str, kind: str, years: int, token: str = "", who: str = "") -> dict[str, Any]:
        """The whole case; the report says how it ended."""
        self.steps, began = [], time.perf_counter()
        report: dict[str, Any] = {"scheme": scheme, "service": service, "kind": kind, "years": years}
        try:
            self.start(scheme, service, kind, token, who)
            self.go_on(str(years))
            if self.path == "/done":
                self.papers()
                self.phones.setdefault((kind, self.persona["who"]), []).append(self.persona["mobile"])
            report["outcome"] = "done" if self.path in ENDS else "stuck"
        except (Stuck, httpx.HTTPError) as error:
            report |= {"outcome": "stuck", "error": str(error)[:300], "page": self.path, "said": self.page.warnings}
        report |= self.result()
        report |= {"ms": round((time.perf_counter() - began) * 1000), "steps": self.steps}
        return report

    def prepare(self, service: str, kind: str, token: str, who: str) -> None:
        """Come with the right card, phone and UKey."""
        state = self.bench()["states"]
        for name in state["ukeys"]["inserted"]:
            self.hand("ukeys", "remove", name=name)
        self.hand("id_reader", "lift")
        tokens = state["ukeys"]["tokens"]
        chosen = next((t for t in tokens if t["name"] == token), None) or fitting(tokens, service, kind, self.used)
        if service in NEEDS_BLANK and chosen is None:
            chosen = self.blank_token()
        if chosen is None:
            raise Stuck("the drawer has no fitting UKey")
        fresh = service in NEEDS_BLANK
        owner = None if fresh else chosen.get("owner")
        who = who or owner or USUAL["new" if service == "new" else "", kind]
        self.persona = persona(state["hands"], kind, who) | {
            "who": who,
            "token": chosen["name"],
            "pin": self.pins.get(chosen["name"]) or chosen.get("pin") or PIN,
        }
        known = self.phones.get((kind, who))
        if service == "query":
            self.persona |= {"way": "sms", "mobile": known.pop()} if known else {"way": "card"}

    def start(self, scheme: str, service: str, kind: str, token: str = "", who: str = "") -> None:
        """Come with card and UKey, and tap the service."""
        self.get("/")
        self.prepare(service, kind, token, who)
        self.post(f"/s/{scheme}/{service}/{kind}", {})
        if self.path in ENDS:
            raise Stuck("the order before is still on the screen: leave first")

    def go_on(self, years: str = "1", until: str = "") -> None:
        """Step after step, as the pages come; up to the page whose last word is ``until``."""
        seen = 0
        while self.path not in ENDS and not (until and self.path.endswith(f"/{until}")):
            seen += 1
            if seen > 120:
                raise Stuck(f"going round in circles at {self.path}: {'; '.join(self.page.warnings)}")
            code = self.path.rpartition("/")[2]
            if self.path == "/pay":
                self.pay()
            elif self.path == "/work":
                self.work()
            elif self.path.startswith("/o/"):
                self.step(code, years)
            else:
                raise Stuck(f"unexpected page {self.path}: {'; '.join(self.page.warnings)}")

    def pay(self) -> None:
        self.wait(lambda: self.path != "/pay" or bool(self.page.buttons), "preflight")
        if self.path != "/pay":
            return
        if ("action", "again") in self.page.buttons:
            raise Stuck(f"preflight: {'; '.join(self.page.warnings)}")
        if ("action", "go") in self.page.buttons:
            self.post("/pay", {"action": "go"})
            return
        if not any(name == "channel" for name, _ in self.page.buttons):
            time.sleep(0.2)
            self.get("/pay")
            return
        self.post("/pay", {"channel": next(value for name, value in self.page.buttons if name == "channel")})
        self.wait(lambda: self.path != "/pay" or bool(self.bench()["payment"]), "the code to pay")
        self.hand("gateways", "pay")
        self.wait(lambda: self.path != "/pay", "the payment")

    def work(self) -> None:
        """Watch; the page gives a restarted worker its PIN again, or asks for it."""
        limit = time.monotonic() + TIMEOUT
        while self.path == "/work":
            if time.monotonic() > limit:
                raise Stuck(f"writing: {self.page.heading}; {'; '.join(self.page.warnings)}")
            self.attend()
            self.read("/work/wait", **{"HX-Request": "true"})
            time.sleep(0.2)
            self.see(self.read("/o"))

    def attend(self) -> None:
        """What the page of the work asks of the person standing there."""
        said = " ".join([self.page.heading, *self.page.warnings])
        if "again" in self.page.fields:
            self.post("/work", {"pin": NEW_PIN, "again": NEW_PIN})
        elif "pin" in self.page.fields:
            name = self.persona["token"]
            self.post("/work", {"pin": self.pins.get(name) or self.persona["pin"]})
        elif "等待审核" in said:
            self.reviewed(str(self.result()["order"]))
        elif "下一个新 UKey" in said and "请插入" in said:
            self.next_token()

    def reviewed(self, number: str) -> None:
        """The clerk says yes, at every level."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "review", "approve", number, "--all-levels"]
        subprocess.run(command, env=self.environ, check=True, capture_output=True, timeout=60)

    def next_token(self) -> None:
        """The next applicant's UKey."""
        self.change_token()
        self.used.add(self.persona["token"])
        self.pins[self.persona["token"]] = NEW_PIN
        self.wait(lambda: "下一个新 UKey" not in " ".join(self.page.warnings), "the next UKey")

    def papers(self) -> None:
        """Take the receipt and the forms: wait until they are printed."""
        limit = time.monotonic() + TIMEOUT
        while not (found := self.result().get("papers")) or "no" in found.values():
            if time.monotonic() > limit:
                raise Stuck(f"papers: {found}")
            time.sleep(0.2)

    def leave(self) -> None:
        self.post("/leave", {})

    @staticmethod
    def told(report: dict[str, Any]) -> str:
        lines = [f"{step['ms']:>8.1f} ms {step['bytes']:>8} B  {step['step']}" for step in report["steps"]]
        lines.append(f"{report['outcome']}  {report.get('order', '')}  {report['ms']} ms")
        if report.get("error"):
            lines.append(report["error"])
        return "\n".join(lines)
