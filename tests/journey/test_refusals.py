"""What the kiosk refuses: a clear Chinese sentence, and nothing changed outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk.walk import Customer
from tests.running import LINE, Running, eventually

pytestmark = [pytest.mark.xdist_group("refusals"), pytest.mark.timeout(240)]


def tidy(kiosk: Running) -> None:
    """Whatever the one before left lying about is put away, and every device works."""
    for name in kiosk.control("ukeys")["inserted"]:
        kiosk.control("ukeys", "remove", name=name)
    kiosk.control("id_reader", "lift")
    kiosk.control("id_reader", "fault", kind="none")
    kiosk.control("receipt_printer", "paper", level="ok")
    kiosk.control("gateways", "down", down=False)
    kiosk.control("pos", "plug")
    eventually(lambda: "收不了款" not in LINE.get(kiosk.base).text)


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    """Somebody who has just come."""
    tidy(kiosk)
    somebody = kiosk.customer()
    yield somebody
    somebody.close()


@pytest.fixture(scope="module")
def patient(kiosk: Running) -> Customer:
    """Somebody who stands there for all the tests that want everything read and filled in."""
    return kiosk.customer()


@pytest.fixture
def ready(kiosk: Running, patient: Customer) -> Customer:
    """The patient one, at the last page before paying, with his UKey in."""
    tidy(kiosk)
    patient.get("/pay")
    if ("action", "back") in patient.page.buttons:
        patient.post("/pay", {"action": "back"})
        patient.get("/o/check")
    if patient.path == "/o/check":
        kiosk.control("ukeys", "insert", name="unit-a")
    else:
        patient.start("yiyang", "renew", "unit", "unit-a")
        patient.go_on(until="check")
    return patient


def said(customer: Customer, path: str = "") -> str:
    """What the page says now."""
    return customer.web.get(path or customer.path).text


def says(customer: Customer, text: str) -> None:
    eventually(lambda: text in said(customer))


def untouched(kiosk: Running) -> None:
    """No payment begun, nothing asked of the CA, no key made for this order."""
    number = kiosk.rows('SELECT number FROM "order" ORDER BY id DESC LIMIT 1')[0][0]
    kinds = [
        row[0]
        for row in kiosk.rows(
            'SELECT e.kind FROM effect e JOIN "order" o ON o.id = e.order_id WHERE o.number = ?', number
        )
    ]
    assert not {"pay.open", "write.key", "ca.issue", "write.certificate"} & set(kinds)


def test_no_ukey(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="token")
    says(customer, "请插入 UKey")
    untouched(kiosk)


def test_two_ukeys(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="token")
    kiosk.control("ukeys", "insert", name="unit-a")
    kiosk.control("ukeys", "insert", name="unit-c")

    def told() -> bool:
        text = said(customer)
        if any(
            words in text for words in ("开始读取", "再试一次", "读取成功")
        ):  # the first may be read before both are in
            customer.post("/o/token", {"action": "start"})
        return "插了不止一个 UKey" in text

    eventually(told)
    untouched(kiosk)


@pytest.mark.parametrize(
    ("kind", "token", "sentence"),
    [
        ("unit", "unit-b", "还不能延期"),
        ("unit", "unit-d", "过期太久，不能延期"),
        ("personal", "personal-other", "UKey 不是本人的"),
        ("unit", "personal-a", "UKey 里的证书类型不对"),
        ("unit", "blank-1", "UKey 里没有证书"),
    ],
)
def test_the_wrong_ukey(kiosk: Running, customer: Customer, kind: str, token: str, sentence: str) -> None:
    customer.start("yiyang", "renew", kind)
    customer.go_on(until="token")
    kiosk.control("ukeys", "insert", name=token)
    says(customer, sentence)
    untouched(kiosk)


def test_a_wrong_pin(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="pin")
    customer.post("/o/pin", {"pin": "999999"})
    says(customer, "UKey 密码不对")
    untouched(kiosk)
    customer.get("/o/pin")
    customer.post("/o/pin", {"pin": "135246"})
    says(customer, "密码正确")


def lay(kiosk: Running, **changes: object) -> None:
    person = next(one for one in kiosk.control("hands")["people"] if one["key"] == "lin")
    kiosk.control("id_reader", "lay", **{**person["card"], **changes})


def test_an_id_number_with_a_wrong_check_digit(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="id_card")
    lay(kiosk, number="430102199005059983")
    says(customer, "身份证号码校验不通过")
    untouched(kiosk)


def test_an_expired_card(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="id_card")
    lay(kiosk, valid_from="2010-01-01", valid_to="2020-01-01")
    says(customer, "身份证已过有效期")
    untouched(kiosk)


def test_the_card_lifted_while_it_is_read(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="id_card")
    kiosk.control("id_reader", "fault", kind="lift_mid_read")
    lay(kiosk)
    says(customer, "身份证拿开得太早")
    untouched(kiosk)
    lay(kiosk)
    customer.get("/o/id_card")
    customer.post("/o/id_card", {"action": "start"})
    says(customer, "读取成功")


def test_a_card_is_never_read_for_somebody_who_is_gone(kiosk: Running, customer: Customer) -> None:
    """A visit nobody ended (the screen was started anew) still waits for its card when the next person lays his."""
    gone = kiosk.customer()
    gone.start("yiyang", "renew", "unit")
    gone.go_on(until="id_card")
    customer.start("yiyang", "renew", "unit")
    customer.go_on(until="id_card")
    lay(kiosk)
    says(customer, "读取成功")
    assert "读取成功" not in said(gone)
    gone.close()


def test_paper_out_before_paying(kiosk: Running, ready: Customer) -> None:
    kiosk.control("receipt_printer", "paper", level="out")
    ready.post("/o/check", {})
    says(ready, "打印机缺纸")
    untouched(kiosk)
    kiosk.control("receipt_printer", "paper", level="ok")
    ready.post("/pay", {"action": "again"})
    says(ready, "请选择付款方式")


def test_gateway_down_before_paying(kiosk: Running, ready: Customer) -> None:
    kiosk.control("gateways", "down", down=True)
    kiosk.control("pos", "unplug")
    ready.post("/o/check", {})
    says(ready, "支付系统连接不上")
    untouched(kiosk)


def test_ukey_exchanged_before_paying(kiosk: Running, ready: Customer) -> None:
    kiosk.control("ukeys", "remove", name="unit-a")
    kiosk.control("ukeys", "insert", name="unit-c")
    ready.post("/o/check", {})
    says(ready, "不是同一个 UKey")
    untouched(kiosk)


def test_a_second_tap_does_nothing_twice(kiosk: Running, ready: Customer) -> None:
    token = ready.page.csrf
    for _ in range(2):
        ready.web.post("/o/check", data={"csrf_token": token})
    says(ready, "请选择付款方式")
    for _ in range(3):
        ready.web.post("/pay", data={"csrf_token": token, "channel": "wechat"})
    order = kiosk.rows('SELECT id FROM "order" ORDER BY id DESC LIMIT 1')[0][0]
    assert kiosk.rows("SELECT count(*) FROM payment WHERE order_id = ?", order)[0][0] == 1
    ready.post("/pay", {"action": "cancel"})
    says(ready, "已取消付款")


def test_payment_cancelled_and_begun_again(kiosk: Running, ready: Customer) -> None:
    ready.post("/o/check", {})
    says(ready, "请选择付款方式")
    ready.post("/pay", {"channel": "wechat"})
    says(ready, "微信支付扫码付款")
    ready.post("/pay", {"action": "cancel"})
    says(ready, "已取消付款")
    number = kiosk.rows("SELECT out_trade_no, state FROM payment ORDER BY id DESC LIMIT 1")[0]
    assert number[1] == "closed"
    judged = {trade["out_trade_no"]: trade for trade in kiosk.control("gateways", "judge", prefix="")["trades"]}
    assert judged[number[0]]["captured_fen"] == 0
    ready.post("/pay", {"channel": "wechat"})
    says(ready, "微信支付扫码付款")
    ready.post("/leave", {})
    eventually(lambda: kiosk.rows('SELECT state FROM "order" ORDER BY id DESC LIMIT 1')[0][0] == "void")


def test_leaving_wipes_and_back_shows_nothing(kiosk: Running, customer: Customer) -> None:
    customer.start("yiyang", "renew", "unit", "unit-a")
    customer.go_on(until="pin")
    assert "益阳示范建设有限公司" in customer.web.get("/o/token").text
    customer.post("/leave", {})
    answer = customer.web.get("/o/token")
    assert "益阳示范建设有限公司" not in answer.text
    assert answer.url.path == "/"
    assert answer.headers["Cache-Control"] == "no-store"
