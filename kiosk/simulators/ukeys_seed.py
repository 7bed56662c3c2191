"""Fills the drawer with demonstration UKeys as a CA's window would: key on the UKey, request, certificate."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from kiosk.ca.subject import Subject
from kiosk.hardware.child import Child
from kiosk.simulators import people
from kiosk.simulators.ukeys_drawer import Drawer

Issue = Callable[[bytes, Subject, str, datetime, datetime], bytes]
"""(request DER, subject, kind "unit" | "personal", not_before, not_after) → certificate DER."""

PIN: Final = "135246"
"""The PIN of every demonstration UKey that carries a certificate."""
BLANK_PIN: Final = "12345678"
"""The factory PIN of blank UKeys."""
SO_PIN: Final = "87654321"
PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """One UKey to make: its name in the drawer, its owner and the days its certificate has left (negative: expired)."""

    name: str
    owner: people.Company | people.Person
    days_left: int
    note: str

    @property
    def kind(self) -> str:
        return "unit" if isinstance(self.owner, people.Company) else "personal"

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        """One year that ends ``days_left`` days (and one hour) from now; never in the future."""
        end = (now + timedelta(days=self.days_left, hours=1)).replace(microsecond=0)
        return end - timedelta(days=365), end


PLANS: Final = (
    Plan("unit-a", people.COMPANY_A, 30, "单位证书，剩 30 天，可以延期"),
    Plan("unit-b", people.COMPANY_B, 200, "单位证书，剩 200 天，还不能延期"),
    Plan("unit-c", people.COMPANY_C, -30, "单位证书，过期 30 天，可以延期"),
    Plan("unit-d", people.COMPANY_D, -400, "单位证书，过期 400 天，不能延期"),
    Plan("unit-other", people.COMPANY_OTHER, 45, "另一家单位的证书，剩 45 天"),
    Plan("personal-a", people.TANG, 20, "个人证书，剩 20 天，可以延期"),
    Plan("personal-other", people.DENG, 60, "另一个人的证书，剩 60 天"),
)
BLANKS: Final = ("blank-1", "blank-2", "blank-3")


def seed(home: Path, issue: Issue, now: datetime | None = None) -> list[dict[str, Any]]:
    """Make what is missing of the demonstration UKeys in ``home`` and return them all; calling again changes nothing.

    What an interrupted run left in the making is thrown away.
    """
    drawer = Drawer(home)
    drawer.clear_making()
    there = {token["name"] for token in drawer.tokens()}
    moment = now or datetime.now(UTC)
    options = drawer.maker_options()
    with (
        Child("ukey-maker", "kiosk.simulators.ukeys_maker:TokenMaker", options) as maker,
        Child("ukey-seed", "kiosk.hardware.ukey:UKeyReader", options) as reader,
    ):
        for plan in PLANS:
            if plan.name not in there:
                _personalised(drawer, maker, reader, plan, issue, moment)
        for number, name in enumerate(BLANKS, 1):
            if name not in there:
                label = f"BLANK UKEY {number}"
                serial = maker.call("make", deadline=PATIENCE, label=label, pin=BLANK_PIN, so_pin=SO_PIN)
                about = {"label": label, "pin": BLANK_PIN, "so_pin": SO_PIN, "note": "空白 UKey"}
                drawer.keep(name, serial, {**about, "owner": None})
    return drawer.tokens()


def _personalised(drawer: Drawer, maker: Child, reader: Child, plan: Plan, issue: Issue, now: datetime) -> None:
    label = plan.name.upper()
    serial = maker.call("make", deadline=PATIENCE, label=label, pin=PIN, so_pin=SO_PIN)
    subject, key_id = plan.owner.subject(), secrets.token_hex(10)
    on = {"serial": serial, "pin": PIN, "key_id": key_id}
    reader.call("generate", deadline=PATIENCE, **on)
    request = reader.call("request", deadline=PATIENCE, subject=subject.attributes(), **on)
    certificate = issue(request, subject, plan.kind, *plan.validity(now))
    reader.call("write_certificate", deadline=PATIENCE, cert_der=certificate, **on)
    reader.call("prove_key", deadline=PATIENCE, cert_der=certificate, **on)
    about = {"label": label, "pin": PIN, "so_pin": SO_PIN, "note": plan.note}
    drawer.keep(plan.name, serial, {**about, "owner": plan.owner.key, "kind": plan.kind, "holder": plan.owner.name})
