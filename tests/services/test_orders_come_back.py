"""Review, rejection and mending, query by card and by SMS, going on after leaving, several applicants."""

from __future__ import annotations

import pytest

from kiosk.walk import Customer
from tests.running import Running, eventually

pytestmark = [pytest.mark.xdist_group("services-orders"), pytest.mark.timeout(400)]


def messages(kiosk: Running) -> list[str]:
    return [message["text"] for message in kiosk.control("sms")["messages"]]


def submit(customer: Customer, who: str) -> str:
    """A new personal certificate of the scheme with two levels of review, paid and handed in."""
    customer.reviewed = lambda number: None  # type: ignore[method-assign]  # nobody decides by himself here
    customer.start("realestate", "new", "personal", who=who)
    customer.go_on(until="pay")
    customer.pay()
    eventually(lambda: customer.result()["state"] == "paid")
    return str(customer.result()["order"])


def query(customer: Customer, who: str, way: str, mobile: str = "") -> None:
    customer.get("/")
    customer.prepare("query", "personal", "", who)
    customer.persona |= {"way": way, "mobile": mobile or customer.persona["mobile"]}
    customer.post("/query/personal", {"scheme": "realestate"})
    customer.go_on()


def test_rejected_mended_approved_written(kiosk: Running, customer: Customer) -> None:
    number = submit(customer, "peng")
    token, mobile = customer.persona["token"], customer.persona["mobile"]
    customer.leave()
    scans = kiosk.rows("SELECT count(*) FROM material")[0][0]
    said = kiosk.flask("review", "reject", number, "applicant_id-1", "复印件不清晰")
    assert said.returncode == 0, said.stderr
    eventually(lambda: any("复印件不清晰" in text and number in text for text in messages(kiosk)))

    query(customer, "peng", "sms", mobile)
    page = customer.web.get("/o/history").text
    assert number in page
    assert "复印件不清晰" in page
    customer.post("/query/continue", {"number": number})
    assert customer.path == "/o/material-applicant_id-1"
    assert "复印件不清晰" in " ".join(customer.page.warnings)
    customer.persona["token"] = token
    customer.go_on(until="work")
    assert kiosk.rows("SELECT count(*) FROM material")[0][0] == scans + 1, "only the named material is done again"
    assert kiosk.rows(
        'SELECT count(*) FROM payment WHERE order_id = (SELECT id FROM "order" WHERE number = ?)', number
    ) == [(1,)]
    assert kiosk.flask("review", "approve", number).returncode == 0
    assert customer.result()["state"] == "paid", "one of two levels"
    customer.leave()
    assert kiosk.flask("review", "approve", number).returncode == 0
    eventually(lambda: any("已审核通过" in text for text in messages(kiosk)))
    assert kiosk.rows("SELECT count(*) FROM certificate WHERE request_id LIKE ?", f"{number}%") == [(0,)], (
        "nobody is there"
    )

    query(customer, "peng", "card")
    customer.post("/query/continue", {"number": number})
    customer.persona["token"] = token
    customer.hand(
        "ukeys",
        "insert",
        name=next(t["name"] for t in customer.bench()["states"]["ukeys"]["tokens"] if t["name"] == token),
    )
    customer.go_on()
    assert customer.path == "/done"


def test_a_stranger_with_the_number_alone_sees_nothing(kiosk: Running, customer: Customer) -> None:
    before = kiosk.control("sms")["count"]
    customer.get("/")
    customer.prepare("query", "personal", "", "peng")
    customer.persona |= {"way": "sms", "mobile": "13812345678"}
    customer.post("/query/personal", {"scheme": "realestate"})
    customer.go_on(until="sms")
    customer.post(customer.page.action, {"mobile": "13812345678", "action": "send"})
    assert "code" in customer.page.fields, "the page looks the same"
    for _ in range(5):
        customer.post(customer.page.action, {"code": "000000", "action": "check"})
    assert "验证码输错太多次" in " ".join(customer.page.warnings)
    assert customer.web.get("/o/history").url.path == "/o/sms"
    assert kiosk.control("sms")["count"] == before
    stored = b"".join(kiosk.settings.home.joinpath(name).read_bytes() for name in ("kiosk.sqlite",))
    assert b"13812345678" not in stored


def test_two_applicants_one_order_one_payment_two_ukeys(kiosk: Running, customer: Customer) -> None:
    customer.start("realestate", "new", "personal", who="zeng")
    customer.persona["more_applicants"] = "罗假设 430702199512129994"
    customer.go_on()
    customer.papers()
    result = customer.result()
    assert result["amount"] == 2 * 20000
    first, second = result["certificates"]
    assert first["token"] != second["token"]
    assert first["serial"] != second["serial"]
    assert kiosk.rows(
        'SELECT count(*) FROM payment p JOIN "order" o ON o.id = p.order_id WHERE o.number = ?', result["order"]
    ) == [(1,)]


def test_a_second_service_in_one_visit_knows_the_unit(kiosk: Running, customer: Customer) -> None:
    report = customer.walk("realestate", "freeze", "unit", 1, "", "a")
    assert report["outcome"] == "done", {**report, "steps": []}
    known = dict(customer.persona)
    customer.post("/again", {})
    assert customer.path == "/"
    customer.persona["mobile"] = "13912345670"  # two codes to one number are a minute apart
    customer.post("/s/realestate/unfreeze/unit", {})
    customer.go_on(until="number")
    assert customer.page.fields["uscc"] == known["uscc"]
    customer.go_on(until="form-contact")
    assert (customer.page.fields["landline"], customer.page.fields["email"]) == (known["landline"], known["email"])
    customer.go_on()
    assert customer.path == "/done"
    customer.post("/again", {})  # somebody else's card: he is told nothing of the unit before
    customer.prepare("freeze", "unit", "", "other")
    customer.post("/s/realestate/freeze/unit", {})
    customer.go_on(until="number")
    assert customer.page.fields["uscc"] == ""
