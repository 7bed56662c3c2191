"""Review, rejection and mending, query by card and by SMS, going on after leaving, several applicants."""

from __future__ import annotations

import sqlite3

import pytest

from kiosk.walk import Customer, Stuck
from kiosk.walk_persona import NEW_PIN, persona
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
    customer.post(customer.page.action, {"mobile": "13812345678", "action": "send"})
    assert "请等一分钟再发送" in customer.text
    customer.get("/o/sms")
    for _ in range(5):
        customer.post(customer.page.action, {"code": "000000", "action": "check"})
    assert "验证码输错太多次" in " ".join(customer.page.warnings)
    assert customer.web.get("/o/history").url.path == "/o/sms"
    assert kiosk.control("sms")["count"] == before
    stored = b"".join(kiosk.settings.home.joinpath(name).read_bytes() for name in ("kiosk.sqlite",))
    assert b"13812345678" not in stored


def weak(customer: Customer, pin: str, again: str = "") -> str:
    customer.post("/o/new_pin", {"pin": pin, "again": again or pin})
    assert customer.path == "/o/new_pin"
    return " ".join(customer.page.warnings)


def days_pass(kiosk: Running, number: str) -> None:
    """As if the order had been left six days ago."""
    with sqlite3.connect(kiosk.settings.home / "kiosk.sqlite", timeout=20) as raw:
        ((order,),) = raw.execute('SELECT id FROM "order" WHERE number = ?', (number,)).fetchall()
        for table, column in (("order", "id"), ("effect", "order_id")):
            earlier = "strftime('%Y-%m-%d %H:%M:%f000', {}, '-6 days')"
            sets = ", ".join(f"{name} = {earlier.format(name)}" for name in ("created_at", "updated_at"))
            raw.execute(f'UPDATE "{table}" SET {sets} WHERE {column} = ?', (order,))


def test_two_applicants_one_order_one_payment_two_ukeys(kiosk: Running, customer: Customer) -> None:
    """The first UKey is written; the second waits, days if need be, until its owner comes back with another."""
    customer.start("realestate", "new", "personal", who="zeng")
    customer.persona["more_applicants"] = "罗假设 430702199512129994"
    customer.go_on(until="new_pin")
    birthday = customer.persona["number"][6:14]
    assert "太简单" in weak(customer, "111111")
    assert "太简单" in weak(customer, "123456")
    assert "6 到 16 位" in weak(customer, "12345")
    assert "生日或证件号码" in weak(customer, birthday)
    assert "两次输入的密码不一样" in weak(customer, NEW_PIN, "975310")
    go_away = customer.next_token
    customer.next_token = lambda: (_ for _ in ()).throw(Stuck("no second UKey at hand"))  # type: ignore[method-assign]
    with pytest.raises(Stuck, match="no second UKey"):
        customer.go_on()
    waiting = customer.result()
    first, second = waiting["certificates"]
    assert first["serial"]
    assert (second["serial"], second["token"]) == (None, None)
    customer.leave()
    days_pass(kiosk, waiting["order"])

    customer.next_token = go_away  # type: ignore[method-assign]
    query(customer, "zeng", "card")
    customer.post("/query/continue", {"number": waiting["order"]})
    customer.go_on()
    customer.papers()
    result = customer.result()
    assert result["certificates"][0] == first, "what was done is not done again"
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


def test_one_unit_certificate_for_one_enterprise(kiosk: Running, customer: Customer) -> None:
    """Company B has one already: before it pays it is told so, and nothing was charged."""
    customer.start("realestate", "new", "unit", who="b")
    legal = persona(customer.bench()["states"]["hands"], "personal", "zhou")
    customer.persona |= {"role": "self", **{key: legal[key] for key in ("person", "name", "number")}}
    customer.go_on(until="pay")
    with pytest.raises(Stuck, match="每家企业只能有一张"):
        customer.pay()
    number = customer.result()["order"]
    count = 'SELECT count(*) FROM payment p JOIN "order" o ON o.id = p.order_id WHERE o.number = ?'
    assert kiosk.rows(count, number) == [(0,)]
