"""Requests out, numbers back, and what a refund after an invoice asks for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from sqlalchemy import select

from kiosk.db import db, now, write
from kiosk.orders import desk_acts, journey
from kiosk.orders.models import Order, Task, Visit
from kiosk.orders.money_models import Invoice
from kiosk.orders.states import State
from tests.money.conftest import Till

CARD = "430101199001011239"
FORM = {"invoice": "yes", "invoice_title": "测试公司", "email": "a@example.com", "unit_name": "测试公司"}


def finished(till: Till, form: dict[str, str]) -> Order:
    """An order of the scheme whose buyers may ask for an invoice, paid and done."""
    with write() as session:
        order = till.house.open_order(session, "szca", "new", "unit")
        till.house.put_data(order, {"form": form, "card": {"kind": "resident", "name": "测试", "number": CARD}})
        order.years, order.amount = 1, 35000
        till.house.move(session, order, State.PAYING)
    payment = till.pay(order, "wechat")
    till.work("money", rounds=2)
    till.ask("gateways", "pay", code=payment.out_trade_no)
    till.work("money")
    with write() as session:
        found = session.get(Order, order.id)
        assert found is not None
        till.house.move(session, found, State.WRITING)
        till.house.move(session, found, State.DONE)
        for task in session.scalars(select(Task).where(Task.order_id == found.id)):
            task.closed_at, task.closed_by = now(), "reviewer"
        return found


def test_requests_out_and_numbers_back(till: Till, tmp_path: Path) -> None:
    wanted, other = finished(till, FORM), finished(till, {**FORM, "invoice": "no"})
    runner = till.app.test_cli_runner()
    out = tmp_path / "requests.csv"
    assert runner.invoke(args=["invoice", "export", str(out)]).output == "1 requests\n"
    (row,) = csv.DictReader(io.StringIO(out.read_text("utf-8-sig")))
    assert row["业务单号"].strip() == wanted.number
    assert (row["购买方名称"], row["含税金额（元）"]) == ("测试公司", "350.00")
    assert out.stat().st_mode & 0o077 == 0
    back = tmp_path / "back.csv"
    back.write_text(
        f"业务单号,状态,发票号码,开票日期,说明\n{wanted.number},已开具,26112000000000000001,2026-11-21,\nNONE1,已开具,12345678,,\n",
        "utf-8-sig",
    )
    assert runner.invoke(args=["invoice", "import", str(back)]).output == "1 taken, unknown: NONE1\n"
    db.session.rollback()
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.order_id, invoice.state, invoice.number) == (wanted.id, "issued", "26112000000000000001")
    assert runner.invoke(args=["invoice", "export", str(tmp_path / "r.json")]).output == "0 requests\n"
    assert json.loads((tmp_path / "r.json").read_bytes()) in ([], {"requests": []})
    assert other.number not in out.read_text("utf-8-sig")


def test_a_broken_answer_changes_nothing(till: Till, tmp_path: Path) -> None:
    wanted = finished(till, FORM)
    back = tmp_path / "back.csv"
    back.write_text(f"业务单号,状态,发票号码\n{wanted.number},已开具,=1+1\n", "utf-8-sig")
    result = till.app.test_cli_runner().invoke(args=["invoice", "import", str(back)])
    assert result.exit_code == 1
    assert db.session.scalars(select(Invoice)).all() == []


def answered(till: Till, tmp_path: Path, *lines: str) -> None:
    back = tmp_path / "back.csv"
    back.write_text("业务单号,状态,发票号码,开票日期,说明\n" + "\n".join(lines) + "\n", "utf-8-sig")
    result = till.app.test_cli_runner().invoke(args=["invoice", "import", str(back)])
    assert result.exit_code == 0, result.output
    db.session.rollback()


def given_back(till: Till, order: Order) -> None:
    """Two clerks have the money of a finished order given back."""
    with write() as session:
        desk_acts.give_back(session, till.house, session.merge(order), None, {})
    till.work("ca", "money")
    db.session.rollback()
    found = db.session.get(Order, order.id, populate_existing=True)
    assert found is not None
    assert found.state == State.REFUNDED


def test_a_refund_after_the_invoice_is_finances_task(till: Till, tmp_path: Path) -> None:
    order = finished(till, FORM)
    answered(till, tmp_path, f"{order.number},已开具,26112000000000000001,2026-11-21,")
    assert till.tasks(order) == []
    given_back(till, order)
    assert till.tasks(order) == ["refund_after_invoice"]


def test_an_invoice_after_the_refund_is_finances_task(till: Till, tmp_path: Path) -> None:
    order = finished(till, FORM)
    given_back(till, order)
    runner = till.app.test_cli_runner()
    assert runner.invoke(args=["invoice", "export", str(tmp_path / "r.csv")]).output == "0 requests\n"
    answered(till, tmp_path, f"{order.number},已开具,26112000000000000002,2026-11-21,")
    assert till.tasks(order) == ["refund_after_invoice"]


def test_number_and_state_are_shown_in_the_query(till: Till, tmp_path: Path) -> None:
    order = finished(till, FORM)
    client = till.app.test_client()
    with write() as session:
        query = till.house.open_order(session, "shared", "query", "unit")
        till.house.put_data(query, {"way": "card", "card": {"kind": "resident", "name": "测试", "number": CARD}})
        for step in journey.steps(till.house, query, till.house.data(query)):
            till.house.mark(session, query, step.code)
        session.add(Visit(token="a-visit", order_id=query.id))
    with client.session_transaction() as cookie:
        cookie["visit"] = "a-visit"

    def seen() -> str:
        db.session.rollback()
        db.session.expire_all()
        return client.get("/o/history").get_data(as_text=True)

    assert "开具后发到您填写的邮箱或手机" in seen()
    answered(till, tmp_path, f"{order.number},已开具,26112000000000000003,2026-11-21,")
    assert "发票号码 26112000000000000003" in seen()
    answered(till, tmp_path, f"{order.number},已红冲,26112000000000000003,2026-11-22,")
    assert "已红冲" in seen()
    given_back(till, order)
    assert "已退款" in seen()
