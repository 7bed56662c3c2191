"""Unique secrets go down every path of a kiosk; none may stand in a log, a URL, a command line or the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.walk import Customer
from kiosk.walk_persona import NEW_PIN
from tests.running import Running

NOTE = "NOTICE-SECRET-7391"
FIELD = "FIELD-SECRET-5520"


def written(kiosk: Running) -> dict[str, bytes]:
    """Everything that the kiosk's own processes have put on the disk in the clear, and their command lines."""
    home = kiosk.settings.home
    found = {str(path): path.read_bytes() for path in (home / "log").glob("w*.log")}
    found |= {str(path): path.read_bytes() for path in home.glob("kiosk.sqlite*")}
    found |= {str(path): path.read_bytes() for path in (home / "run").iterdir() if path.is_file()}
    for part in (kiosk.worker, kiosk.web):
        assert part is not None
        assert part.process is not None
        group = os.getpgid(part.process.pid)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(process.name)) == group:
                    found[f"argv {process.name}"] = (process / "cmdline").read_bytes()
            except OSError:
                continue
    return found


def keys_of(merchant: Path) -> list[str]:
    """A line from the middle of each private key, and the APIv3 key."""
    lines = [path.read_text().splitlines()[5] for path in merchant.glob("*_key.pem")]
    return [*lines, (merchant / "wechat_apiv3.key").read_text().strip()]


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    made = kiosk.customer()
    with made.web:
        yield made


def test_no_secret_is_written_down(kiosk: Running, customer: Customer) -> None:
    addresses: list[str] = []
    customer.web.event_hooks["request"].append(lambda request: addresses.append(str(request.url)))
    report = customer.walk("yiyang", "new", "personal", 1)
    assert report["outcome"] == "done", report
    headers = {"Wechatpay-Signature": NOTE, "Wechatpay-Serial": NOTE, "Authorization": NOTE}
    for channel in ("wechat", "alipay"):
        url = f"{kiosk.base}/notify/{channel}"
        answer = httpx.post(url, content=f'{{"id":"{NOTE}"}}', headers=headers, trust_env=False)
        assert answer.status_code == 401
    customer.post("/pay", {"channel": FIELD, "amount": FIELD, "auth_code": FIELD, "action": FIELD})
    customer.post("/work", {"pin": FIELD})
    person = customer.persona
    secrets = [NEW_PIN, NOTE, FIELD, person["number"], person["name"], person["mobile"]]
    secrets += keys_of(kiosk.settings.home / "sim" / "gateways" / "merchant")
    assert len(secrets) >= 9
    for place, content in {**written(kiosk), "addresses": "\n".join(addresses).encode()}.items():
        for secret in secrets:
            assert secret.encode() not in content, f"{secret[:6]}… in {place}"


def test_no_form_field_carries_money(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on("1", until="pay")
    customer.wait(lambda: any(name == "channel" for name, _ in customer.page.buttons), "the choice")
    assert set(customer.page.fields) <= {"csrf_token"}
    ways = [value for name, value in customer.page.buttons if name == "channel"]
    assert ways == ["wechat", "alipay", "pos"]
    customer.post("/pay", {"channel": "wechat", "amount": "1", "total": "1", "price": "0"})
    customer.wait(lambda: kiosk.rows("SELECT code_url FROM payment WHERE code_url IS NOT NULL"), "the code")
    assert set(customer.page.fields) <= {"csrf_token"}
    (amount,) = kiosk.rows("SELECT amount FROM payment ORDER BY id DESC LIMIT 1")[0]
    (price,) = kiosk.rows('SELECT amount FROM "order" ORDER BY id DESC LIMIT 1')[0]
    assert amount == price > 100
    customer.post("/pay", {"action": "cancel"})
    customer.wait(lambda: any(name == "channel" for name, _ in customer.page.buttons), "the choice again")
    kiosk.control("pos", "auto", on=True)
    customer.post("/pay", {"channel": "pos"})
    customer.wait(lambda: customer.path == "/work", "the card")
    states = kiosk.rows("SELECT channel, state FROM payment ORDER BY id DESC LIMIT 2")
    assert states == [("pos", "succeeded"), ("wechat", "closed")]
