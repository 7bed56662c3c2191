"""What a person sees while he pays: every face of the page, with the real gateway or terminal behind it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from sqlalchemy import select

from kiosk.db import db, now, write
from kiosk.orders import effects
from kiosk.orders.models import Material, Order, Payment, Visit
from kiosk.orders.money_desk import VOUCHER
from kiosk.orders.states import PaymentState, State
from kiosk.walk_page import PageForm
from tests.money.conftest import Till, fault

TOKEN = "a-visit-of-the-test"
PRICE = "200.00"


class Person:
    """Stands at the screen with an order that is to be paid."""

    def __init__(self, till: Till, scheme: str = "yiyang", service: str = "new", kind: str = "personal") -> None:
        self.till, self.client = till, till.app.test_client()
        self.order = till.order(scheme, service, kind, preflight=True)
        with write() as session:
            session.add(Visit(token=TOKEN, order_id=self.order.id))
        with self.client.session_transaction() as cookie:
            cookie["visit"] = TOKEN
        self.offer("wechat", "alipay", "pos")

    def offer(self, *ways: str) -> None:
        """The preflight has found nothing wrong and these ways to pay."""
        with write() as session:
            effect = effects.last(session, session.merge(self.order), "preflight")
            assert effect is not None
            effect.state, effect.facts = "done", {"faults": [], "channels": list(ways), "closed": []}

    def sees(self, path: str = "/pay") -> str:
        """The page, to be read by eye; where it leads when the order has gone on."""
        db.session.rollback()
        db.session.expire_all()
        answer = self.client.get(path)
        self.page = PageForm()
        html = answer.get_data(as_text=True)
        self.page.feed(html)
        return re.sub(r"\s+", " ", html) if answer.status_code == 200 else str(answer.location)

    def does(self, **fields: str) -> None:
        self.sees()
        self.client.post("/pay", data={"csrf_token": self.page.csrf, **fields})

    def works(self, rounds: int = 2) -> None:
        self.till.work("money", "pos", rounds=rounds)

    def payments(self) -> list[Payment]:
        db.session.rollback()
        query = select(Payment).where(Payment.order_id == self.order.id).order_by(Payment.attempt)
        return list(db.session.scalars(query.execution_options(populate_existing=True)))


@pytest.fixture
def person(till: Till) -> Person:
    return Person(till)


def test_amount_payee_and_three_minutes(person: Person) -> None:
    assert f"应付 {PRICE} 元" in person.sees()
    assert {value for name, value in person.page.buttons if name == "channel"} == {"wechat", "alipay", "pos"}
    person.does(channel="wechat")
    assert "正在取得付款码" in person.sees()
    person.works()
    page = person.sees()
    for words in ("微信支付扫码付款", PRICE, "收款方：益阳市公共资源交易中心", person.order.number, "换一种支付方式"):
        assert words in page
    left = int(re.search(r'data-countdown="(\d+)"', page)[1])  # type: ignore[index]
    assert 120 < left <= 180
    (payment,) = person.payments()
    assert abs((payment.expires_at - payment.created_at).total_seconds() - 180) < 2
    (trade,) = person.till.trades()
    assert abs(trade["expires"] - payment.expires_at.timestamp()) <= 1, "the gateway lets the code die at that time too"
    assert person.client.get("/pay/code.svg").mimetype == "image/svg+xml"


def test_another_way_only_on_the_gateways_word(person: Person) -> None:
    person.does(channel="wechat")
    person.works()
    person.till.ask("gateways", "down", down=True)
    person.does(action="cancel")
    assert "正在取消" in person.sees()
    person.works(4)
    assert "正在取消" in person.sees(), "without the gateway's word it stays so"
    person.does(channel="alipay")
    assert len(person.payments()) == 1, "nothing else can be begun meanwhile"
    person.till.ask("gateways", "down", down=False)
    person.works(30)
    assert "已取消付款" in person.sees()
    person.does(channel="alipay")
    first, second = person.payments()
    assert (first.state, second.state) == (PaymentState.CLOSED, PaymentState.CREATED)
    assert first.out_trade_no != second.out_trade_no


def test_what_nobody_knows_is_not_to_be_paid_again(person: Person) -> None:
    person.does(channel="wechat")
    person.works()
    person.till.ask("gateways", "pay", code=person.payments()[0].code_url)
    fault(person.till, kind="error_before", match="wechat.query", times=1)
    person.works(1)
    assert "结果确认中，请勿重复付款" in person.sees()
    person.does(channel="alipay")
    assert len(person.payments()) == 1
    person.works(4)
    assert person.sees() == "/work", "the gateway has answered: paid"
    assert sum(trade["captured_fen"] for trade in person.till.trades()) == person.payments()[0].amount


def test_an_expired_code(person: Person) -> None:
    person.does(channel="wechat")
    person.works()
    with write() as session:
        payment = session.merge(person.payments()[0])
        payment.expires_at = now() - dt.timedelta(seconds=1)
    assert "正在取消" in person.sees(), "the code is taken off the screen"
    person.works(4)
    assert "二维码已过期" in person.sees()


def test_a_scanned_code(person: Person) -> None:
    person.does(channel="alipay")
    person.works()
    person.till.ask("gateways", "scan", code=person.payments()[0].code_url)
    person.works()
    assert "已扫码，请在手机上完成付款" in person.sees()


def test_the_card_terminal(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.worker.effects.pos.DEADLINE", 1.0)
    person.till.ask("pos", "auto", on=False)
    person.does(channel="pos")
    assert f"请在刷卡机上付 {PRICE} 元" in person.sees()
    person.till.ask("pos", "lost_result")
    person.works(1)
    person.works(1)
    assert "结果确认中，请勿重复付款" in person.sees()
    assert "action" not in dict(person.page.buttons), "nothing to tap: the terminal is asked"
    person.works(30)
    assert person.sees() == "/work"
    assert len(person.till.slips()) == 1


def test_the_terminal_at_the_window(person: Person) -> None:
    person.offer("pos_manual")
    person.does(channel="pos_manual")
    page = person.sees()
    assert f"请到窗口刷卡付 {PRICE} 元" in page
    assert person.order.number in page
    assert person.till.tasks(person.order) == ["confirm_payment"]


def test_a_company_transfer_wants_its_voucher(till: Till) -> None:
    person = Person(till, "szca", "new", "unit")
    person.offer("wechat", "transfer")
    person.does(channel="transfer")
    assert "请把汇款凭证放在玻璃上" in person.sees()
    with write() as session:
        session.add(Material(order_id=person.order.id, code=VOUCHER, state="good", verdict=[], picture="0" * 64))
    assert "用这张" in person.sees()
    person.does(action="voucher_keep")
    assert "等待工作人员确认到账" in person.sees()
    assert till.tasks(person.order) == ["confirm_payment"]


def test_no_form_field_carries_money(person: Person) -> None:
    person.sees()
    assert set(person.page.fields) <= {"csrf_token"}
    person.does(channel="wechat", amount="1", total="1", price="0")
    person.works()
    person.sees()
    assert set(person.page.fields) <= {"csrf_token"}
    (trade,) = person.till.trades()
    assert trade["amount_fen"] == db.session.get(Order, person.order.id).amount == 20000  # type: ignore[union-attr]


def test_a_way_that_was_not_offered_is_not_taken(person: Person) -> None:
    person.offer("wechat")
    for channel in ("alipay", "transfer", "cash", "../x"):
        person.does(channel=channel)
    assert person.payments() == []


def test_who_leaves_while_nobody_knows_keeps_his_money(person: Person) -> None:
    """He paid, the answer was lost, he walked away: the order goes on and waits for him."""
    person.does(channel="wechat")
    person.works()
    person.till.ask("gateways", "pay", code=person.payments()[0].code_url)
    fault(person.till, kind="drop_after", match="wechat.query", times=2)
    person.works(1)
    person.sees()
    person.client.post("/leave", data={"csrf_token": person.page.csrf})
    person.works(30)
    db.session.rollback()
    order = db.session.get(Order, person.order.id, populate_existing=True)
    assert order is not None
    assert order.state == State.WRITING
    assert person.payments()[0].refund is None
