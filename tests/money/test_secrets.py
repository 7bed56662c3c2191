"""Unique secrets go down every path of a kiosk; none may stand in a log, a URL, a command line or the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.walk import Customer
from kiosk.walk_persona import NEW_PIN
from tests.running import Running, eventually

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


def paid_and_gone(kiosk: Running, customer: Customer) -> str:
    """Somebody pays, the gateway's answers are lost, and he walks away; the number of his order."""
    customer.start("yiyang", "new", "personal")
    customer.go_on("1", until="pay")
    customer.wait(lambda: any(name == "channel" for name, _ in customer.page.buttons), "the choice")
    customer.post("/pay", {"channel": "wechat"})
    customer.wait(lambda: bool(customer.bench()["payment"]), "the code to pay")
    kiosk.control("gateways", "fault", kind="drop_after", match="wechat.query", times=-1)
    customer.hand("gateways", "pay")
    number = str(customer.result()["order"])
    customer.leave()
    kiosk.control("gateways", "calm")
    eventually(lambda: kiosk.rows('SELECT 1 FROM "order" WHERE number = ? AND state = ?', number, "writing"), 60)
    return number


def back_by_card(customer: Customer, number: str) -> None:
    """He lays his ID card, finds the order, puts the same UKey in, and all is finished."""
    token, pin = customer.persona["token"], customer.persona["pin"]
    customer.get("/")
    customer.prepare("query", "personal", "", customer.persona["who"])
    customer.persona |= {"way": "card"}
    customer.post("/query/personal", {"scheme": "yiyang"})
    customer.go_on()
    assert number in customer.web.get("/o/history").text
    customer.post("/query/continue", {"number": number})
    customer.persona |= {"token": token, "pin": pin}
    customer.hand("ukeys", "insert", name=token)
    customer.go_on()
    customer.papers()
    assert (customer.path, customer.result()["order"]) == ("/done", number)


def test_who_left_after_paying_finds_his_order_and_no_secret_is_written_down(
    kiosk: Running, customer: Customer
) -> None:
    addresses: list[str] = []
    customer.web.event_hooks["request"].append(lambda request: addresses.append(str(request.url)))
    number = paid_and_gone(kiosk, customer)
    back_by_card(customer, number)
    (trade,) = kiosk.control("gateways", "judge", prefix=f"{number[:4]}x{number[4:]}x")["trades"]
    assert (trade["captured_fen"], trade["refunded_fen"]) == (20000, 0)
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
