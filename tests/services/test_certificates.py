"""Services about a certificate that is there: freeze, unfreeze, unlock, replace, revoke, and what they refuse."""

from __future__ import annotations

import json

import pytest

from kiosk.walk import Customer
from kiosk.walk_persona import NEW_PIN
from tests.running import Running
from tests.services.conftest import Reasons, ended

pytestmark = [pytest.mark.xdist_group("services-certificates"), pytest.mark.timeout(400)]


def walk(customer: Customer, service: str, who: str, token: str = "", scheme: str = "realestate") -> dict[str, object]:
    """A personal case to its end."""
    report = customer.walk(scheme, service, "personal", 1, token, who)
    assert report["outcome"] == "done", {**report, "steps": []}
    return report


def test_freeze_holds_and_unfreeze_releases(customer: Customer, crl: Reasons) -> None:
    frozen = ended(walk(customer, "freeze", "deng"))
    assert crl()[frozen] == "Certificate Hold"
    customer.leave()
    customer.start("realestate", "freeze", "personal", who="deng")
    with pytest.raises(Exception, match="没有可以办理本业务的证书"):
        customer.go_on()
    customer.leave()
    assert ended(walk(customer, "unfreeze", "deng")) == frozen
    assert frozen not in crl()


def test_unlock_sets_a_new_pin_and_keeps_the_certificate(kiosk: Running, customer: Customer) -> None:
    report = walk(customer, "unlock", "tang", "personal-a")
    serial = report["token"]
    assert report["certificate"] is None
    kiosk.control("ukeys", "insert", name="personal-a")
    shown = kiosk.flask("ukey", "show", str(serial), "--json")
    assert len(json.loads(shown.stdout)) == 1
    customer.leave()
    assert customer.pins["personal-a"] == NEW_PIN
    renewed = customer.walk("yiyang", "renew", "personal", 1, "personal-a", "tang")  # proves the new PIN on the old key
    assert renewed["outcome"] == "done", renewed.get("error")
    codes = kiosk.rows("SELECT body FROM event WHERE kind = 'effect.ended' AND body LIKE '%token.unlock%'")
    assert codes
    assert all("87654321" not in body for (body,) in kiosk.rows("SELECT body FROM event"))


def test_unlock_refuses_the_ukey_of_another_person(customer: Customer) -> None:
    customer.start("realestate", "unlock", "personal", "personal-other", "tang")
    with pytest.raises(Exception, match="UKey 不是本人的"):
        customer.go_on()


def test_replacing_a_lost_one_ends_the_old_for_key_compromise(kiosk: Running, customer: Customer, crl: Reasons) -> None:
    report = walk(customer, "replace", "deng", scheme="yiyang")
    old = ended(report)
    assert report["amount"] == 10000
    assert crl()[old] == "Key Compromise"
    ended_first = kiosk.rows(
        "SELECT kind FROM effect WHERE kind IN ('write.certificate', 'ca.confirm') ORDER BY id DESC LIMIT 2"
    )
    assert ended_first == [("ca.confirm",), ("write.certificate",)]


def test_revoking_asks_twice_and_is_for_ever(customer: Customer, crl: Reasons) -> None:
    customer.start("realestate", "revoke", "personal", who="deng")
    customer.go_on(until="check")
    assert "again" in customer.page.choices
    customer.post(customer.page.action, {})
    assert "废除后不能恢复" in " ".join(customer.page.warnings)
    assert customer.path == "/o/check"
    customer.go_on()
    customer.papers()
    assert crl()[ended(customer.result())] in ("Key Compromise", "Cessation Of Operation")
    customer.leave()
    customer.start("realestate", "unfreeze", "personal", who="deng")
    with pytest.raises(Exception, match="没有可以办理本业务的证书"):
        customer.go_on()
