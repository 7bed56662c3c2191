"""A scripted customer: goes through the same pages as a browser and moves cards, UKeys, pages and a phone on the bench.

It reads each page's form, fills in what a person would, and measures every answer: milliseconds and bytes.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
from typing import Any

import httpx

from kiosk.walk_page import PageForm
from kiosk.walk_persona import BLANK, NEEDS_BLANK, NEW_PIN, PIN, USUAL, fitting, page_for, persona

TIMEOUT = 90.0
ENDS = ("/done", "/o/history")


class Stuck(Exception):
    """The customer cannot go on; the page says why."""


class Customer:
    """Walks one case after the other at a running kiosk."""

    def __init__(self, base: str, environ: dict[str, str] | None = None) -> None:
        self.web = httpx.Client(base_url=base, follow_redirects=True, timeout=60, trust_env=False)
        self.environ = environ
        self.steps: list[dict[str, Any]] = []
        self.page = PageForm()
        self.path = ""
        self.persona: dict[str, str] = {}
        self.codes: set[str] = set()  # messages whose code was typed
        self.used: set[str] = set()  # blank UKeys that are blank no longer
        self.pins: dict[str, str] = {}  # PINs this customer has set, by UKey
        self.phones: dict[tuple[str, str], list[str]] = {}  # phones given with finished orders, by kind and who

    # -- pages and bench --------------------------------------------------------------------------

    def take(self, answer: httpx.Response, began: float, what: str) -> None:
        spent = (time.perf_counter() - began) * 1000
        self.page = PageForm()
        self.page.feed(answer.text)
        self.path = answer.url.path
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
            self.page = PageForm()
            answer = self.read("/o")
            self.page.feed(answer.text)
            self.path = answer.url.path

    # -- one case ---------------------------------------------------------------------------------

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

    def blank_token(self) -> dict[str, Any]:
        """A new UKey from the stock."""
        return self.hand("ukeys", "create", name=f"stock-{secrets.token_hex(4)}", **BLANK)

    def start(self, scheme: str, service: str, kind: str, token: str = "", who: str = "") -> None:
        """Come with card and UKey, and tap the service."""
        self.get("/")
        self.prepare(service, kind, token, who)
        self.post(f"/s/{scheme}/{service}/{kind}", {})

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

    def step(self, code: str, years: str) -> None:
        if code == "id_card":
            self.hand("id_reader", "lay", person=self.persona["person"])
            self.device("id_card")
            self.hand("id_reader", "lift")
        elif code == "token":
            self.token()
        elif code == "pin":
            self.post(self.page.action, {"pin": self.persona["pin"]})
            self.settled("pin")
            self.post(self.page.action, {"action": "next"})
        elif code == "new_pin":
            self.post(self.page.action, {"pin": NEW_PIN, "again": NEW_PIN})
            self.pins[self.persona["token"]] = NEW_PIN
            self.used.add(self.persona["token"])
        elif code == "sms":
            self.sms()
        elif code == "certificate":
            self.settled(code)
            if "certificate" not in self.page.choices:
                raise Stuck(f"no certificate: {'; '.join(self.page.warnings)}")
            self.post(self.page.action, {**self.answers(years), "action": "next"})
        elif code.startswith("material-") or code == "seal":
            self.scan(code)
        else:
            before = self.path
            self.post(self.page.action, self.answers(years))
            if self.path == before:
                raise Stuck(f"{before} refused: {'; '.join(self.page.warnings)}")

    def settled(self, code: str) -> None:
        """Until the device's page stops waiting."""
        limit = time.monotonic() + TIMEOUT
        while not self.page.buttons and 'id="device"' not in self.path:
            if time.monotonic() > limit:
                raise Stuck(f"{code} does not answer")
            time.sleep(0.15)
            answer = self.read(f"/o/{code}")
            self.page = PageForm()
            self.page.feed(answer.text)
            self.path = answer.url.path

    def device(self, code: str) -> None:
        if ("action", "start") in self.page.buttons:
            self.post(self.page.action, {"action": "start"})
        self.settled(code)
        if ("action", "next") not in self.page.buttons:
            raise Stuck(f"{code}: {'; '.join(self.page.warnings)}")
        self.post(self.page.action, {"action": "next"})

    def token(self) -> None:
        """Put the UKey in; where a new one is wanted and this one was used before, take another from the stock."""
        self.hand("ukeys", "insert", name=self.persona["token"])
        try:
            self.device("token")
        except Stuck as stuck:
            if "不是新的" not in str(stuck):
                raise
            self.change_token()
            self.device("token")

    def change_token(self) -> None:
        """Pull the UKey and put a new one in."""
        for name in self.bench()["states"]["ukeys"]["inserted"]:
            self.hand("ukeys", "remove", name=name)
        self.persona["token"] = self.blank_token()["name"]
        self.hand("ukeys", "insert", name=self.persona["token"])

    def sms(self) -> None:
        """Ask for a code, read it off the phone, type it in."""
        mobile = self.persona["mobile"]
        self.post(self.page.action, {"mobile": mobile, "action": "send"})
        if "code" not in self.page.fields:
            raise Stuck(f"sms: {'; '.join(self.page.warnings)}")
        limit = time.monotonic() + 20
        while not (code := self.code_for(mobile)):
            if time.monotonic() > limit:
                raise Stuck("no code arrived on the phone")
            time.sleep(0.1)
        self.post(self.page.action, {"code": code, "action": "check"})

    def code_for(self, mobile: str) -> str:
        """The newest code on this phone."""
        for message in self.bench()["states"]["sms"].get("messages", []):
            found = re.search(r"验证码(\d{6})", message["text"])
            if message["to"].removeprefix("+86") == mobile and found and message["id"] not in self.codes:
                self.codes.add(message["id"])
                return found[1]
        return ""

    def scan(self, code: str) -> None:
        material = code.removeprefix("material-")
        owner = {
            "unit": self.persona.get("unit_name", ""),
            "person": self.persona["name"],
            "number": self.persona["number"],
        }
        self.hand("scanner", "lay", name=page_for(material, bool(self.persona.get("unit_name"))), **owner)
        self.post(self.page.action, {"action": "scan"})
        self.settled(code)
        if ("action", "keep") not in self.page.buttons:
            raise Stuck(f"{code}: {'; '.join(self.page.warnings)}")
        self.post(self.page.action, {"action": "keep"})

    def answers(self, years: str) -> dict[str, str]:
        """What a person would put into the fields of this page."""
        out = dict(self.page.fields)
        out.pop("csrf_token", None)
        for name, options in self.page.choices.items():
            if name == "years":
                out[name] = years
            elif name == "seal_type":
                out[name] = next((code for code in options if code in ("template", "none")), options[0])
            else:
                out[name] = out.get(name) or self.persona.get(name) or options[0]
        for name, keyboard in self.page.keyboards.items():
            if keyboard != "hidden" and not out.get(name):
                out[name] = self.value(name)
        return out

    def value(self, name: str) -> str:
        for known, value in self.persona.items():
            if name == known or name.endswith(f"_{known}"):
                return value
        return ""

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
            answer = self.read("/o")
            self.page = PageForm()
            self.page.feed(answer.text)
            self.path = answer.url.path

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

    def result(self) -> dict[str, Any]:
        """What the kiosk tells of the finished order (the bench's view of it)."""
        found: dict[str, Any] = self.read("/bench/order").json()
        return found

    def leave(self) -> None:
        self.post("/leave", {})

    @staticmethod
    def told(report: dict[str, Any]) -> str:
        lines = [f"{step['ms']:>8.1f} ms {step['bytes']:>8} B  {step['step']}" for step in report["steps"]]
        lines.append(f"{report['outcome']}  {report.get('order', '')}  {report['ms']} ms")
        if report.get("error"):
            lines.append(report["error"])
        return "\n".join(lines)
