"""A scripted customer: goes through the same pages as a browser and moves cards, UKeys, pages and a phone on the bench.

It reads each page's form, fills in what a person would, and measures every answer: milliseconds and bytes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

PIN = "135246"
NEW_PIN = "592741"
TIMEOUT = 180.0
VOID = {"input", "img", "br", "meta", "link", "hr", "use"}


@dataclass
class PageForm(HTMLParser):
    """The form called ``step`` (or the first to ``action``) of a page, and the page's heading and warnings."""

    want: str = "step"
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    keyboards: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    heading: str = ""
    csrf: str = ""
    _inside: bool = False
    _text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form" and given.get("id") == self.want:
            self._inside, self.action = True, given.get("action", "")
        if given.get("name") == "csrf_token" and not self.csrf:
            self.csrf = given.get("value", "")
        if tag in ("input", "textarea") and self._inside and given.get("name"):
            self._input(given)
        if tag == "button" and given.get("name") and (self._inside or given.get("form") == self.want):
            self.buttons.append((given["name"], given.get("value", "")))
        if tag == "h1" or "notice" in given.get("class", "").split() or "field-error" in given.get("class", "").split():
            self._text = "h1" if tag == "h1" else "notice"

    def _input(self, given: dict[str, str]) -> None:
        name = given["name"]
        kind = given.get("type", "text")
        if kind == "radio":
            self.choices.setdefault(name, []).append(given.get("value", ""))
            if "checked" in given:
                self.fields[name] = given.get("value", "")
        elif kind == "checkbox":
            self.choices[name] = [given.get("value", "yes")]
        else:
            self.fields[name] = given.get("value", "")
            self.keyboards[name] = "hidden" if kind == "hidden" else given.get("data-keyboard", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag in ("h1", "p", "div"):
            self._text = ""

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if text and self._text == "h1" and not self.heading:
            self.heading = text
        elif text and self._text == "notice":
            self.warnings.append(text)


class Stuck(Exception):
    """The customer cannot go on; the page says why."""


class Customer:
    """Walks one case after the other at a running kiosk."""

    def __init__(self, base: str) -> None:
        self.web = httpx.Client(base_url=base, follow_redirects=True, timeout=60, trust_env=False)
        self.steps: list[dict[str, Any]] = []
        self.page = PageForm()
        self.path = ""
        self.persona: dict[str, str] = {}

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
        """One movement on the bench."""
        self.read("/bench/state")
        answer = self.web.post(f"/bench/{device}/{verb}", json=body, headers={"X-CSRFToken": self.page.csrf})
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        if done.get("error"):
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

    def walk(self, scheme: str, service: str, kind: str, years: int, token: str = "") -> dict[str, Any]:
        """The whole case; the report says how it ended."""
        self.steps, began = [], time.perf_counter()
        report: dict[str, Any] = {"scheme": scheme, "service": service, "kind": kind, "years": years}
        try:
            self.start(scheme, service, kind, token)
            self.go_on(str(years))
            self.papers()
            report["outcome"] = "done" if self.path == "/done" else "stuck"
        except (Stuck, httpx.HTTPError) as error:
            report |= {"outcome": "stuck", "error": str(error)[:300], "page": self.path, "said": self.page.warnings}
        report |= self.result()
        report |= {"ms": round((time.perf_counter() - began) * 1000), "steps": self.steps}
        return report

    def prepare(self, service: str, kind: str, token: str) -> None:
        """Come with the right card and UKey."""
        state = self.bench()["states"]
        hands, tokens = state["hands"], state["ukeys"]["tokens"]
        for name in state["ukeys"]["inserted"]:
            self.hand("ukeys", "remove", name=name)
        self.hand("id_reader", "lift")
        blank = service == "new"
        fitting = [t for t in tokens if (not t.get("owner") if blank else t.get("kind") == kind)]
        chosen = next((t for t in tokens if t["name"] == token), None) or (fitting[0] if fitting else None)
        if chosen is None:
            raise Stuck("the drawer has no fitting UKey")
        people = {one["key"]: one for one in hands["people"]}
        units = {one["key"]: one for one in hands["units"]}
        if kind == "unit":
            unit = units[chosen.get("owner") or "new"]
            person = people[unit["agent"]]
            self.persona = {
                "unit_name": unit["name"], "uscc": unit["uscc"], "legal_name": people[unit["legal"]]["name"],
                "legal_id": people[unit["legal"]]["card"]["number"],
                "legal_mobile": people[unit["legal"]]["mobile"],
                "landline": unit["phone"], "address": unit["address"], "email": unit["email"],
                "social_insurance_no": unit["social_number"], "role": "agent",
            }  # fmt: skip
        else:
            person = people[chosen.get("owner") or "wang"]
            self.persona = {"role": "self", "address": person["card"]["address"], "email": "someone@example.com"}
        self.persona |= {
            "person": person["key"],
            "name": person["name"],
            "mobile": person["mobile"],
            "token": chosen["name"],
        }
        self.persona |= {
            "number": person["card"]["number"],
            "pin": chosen.get("pin") or PIN,
            "blank": "yes" if blank else "",
        }

    def start(self, scheme: str, service: str, kind: str, token: str = "") -> None:
        """Come with card and UKey, and tap the service."""
        self.get("/")
        self.prepare(service, kind, token)
        self.post(f"/s/{scheme}/{service}/{kind}", {})

    def go_on(self, years: str = "1", until: str = "") -> None:
        """Step after step, as the pages come; up to the page whose last word is ``until``."""
        seen = 0
        while self.path != "/done" and not (until and self.path.endswith(f"/{until}")):
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
            self.hand("ukeys", "insert", name=self.persona["token"])
            self.device("token")
        elif code == "pin":
            self.post(self.page.action, {"pin": self.persona["pin"]})
            self.settled("pin")
            self.post(self.page.action, {"action": "next"})
        elif code == "new_pin":
            self.post(self.page.action, {"pin": NEW_PIN, "again": NEW_PIN})
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
            if "pin" in self.page.fields:
                self.post("/work", {"pin": NEW_PIN if self.persona["blank"] else self.persona["pin"]})
            self.read("/work/wait", **{"HX-Request": "true"})
            time.sleep(0.2)
            answer = self.read("/o")
            self.page = PageForm()
            self.page.feed(answer.text)
            self.path = answer.url.path

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


def page_for(material: str, unit: bool) -> str:
    """Which page of the simulated customer proves a material."""
    if material == "seal":
        return "seal" if unit else "signature"
    for part, page in (("licence", "licence"), ("letter", "letter"), ("form", "form"), ("responsibility", "form")):
        if part in material:
            return page
    if "id" in material.replace("-", "_").split("_"):
        return "id_back" if material.endswith("-2") else "id_front"
    return "permit"
