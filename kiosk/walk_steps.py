"""What the scripted customer does at each step of the journey: lays a card, puts a UKey in, types, scans."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from kiosk.walk_browser import TIMEOUT, Browser, Stuck
from kiosk.walk_persona import BLANK, NEW_PIN, page_for, signature


class Steps(Browser):
    """A visitor with a card, a phone and UKeys (``persona``: what he carries and knows)."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.persona: dict[str, str] = {}
        self.wishes: dict[str, str] = {}  # choices he makes; of the others the first
        self.codes: set[str] = set()  # messages whose code was typed
        self.used: set[str] = set()  # blank UKeys that are blank no longer
        self.pins: dict[str, str] = {}  # PINs this customer has set, by UKey
        self.checked: list[tuple[str, str]] = []  # what the check page of the last case said, label and value

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
            if code == "check":
                self.checked = self.page.rows
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
            self.see(self.read(f"/o/{code}"))

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

    def blank_token(self) -> dict[str, Any]:
        """A new UKey from the stock."""
        return self.hand("ukeys", "create", name=f"stock-{secrets.token_hex(4)}", **BLANK)

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
            "person": self.persona["legal_name" if material.startswith("legal") else "name"],
            "number": self.persona["legal_id" if material.startswith("legal") else "number"],
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
        if "signature_png" in out:
            out["signature_png"] = signature()
        for name, options in self.page.choices.items():
            if name == "years":
                out[name] = years
            elif name == "seal_type":
                out[name] = next((code for code in options if code in ("template", "none")), options[0])
            else:
                out[name] = self.wishes.get(name) or out.get(name) or self.persona.get(name) or options[0]
        for name, keyboard in self.page.keyboards.items():
            if keyboard != "hidden" and not out.get(name):
                out[name] = self.value(name)
        return out

    def value(self, name: str) -> str:
        for known, value in self.persona.items():
            if name == known or name.endswith(f"_{known}"):
                return value
        return ""
