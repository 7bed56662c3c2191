"""The day's books: a made day of 1,000 orders with 12 injected differences, and real bills through the command."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import insert, select

from kiosk.db import BEIJING, db, write
from kiosk.orders import fulfil, reconciliation
from kiosk.orders.book import House
from kiosk.orders.models import Order, Payment, Refund, Task
from kiosk.orders.money_models import Reconciled
from kiosk.orders.states import PaymentState, RefundState, State
from kiosk.payments.channel import BillLine, LineKind, refund_no
from tests.money.conftest import Till

DAY = dt.date(2026, 11, 20)
ORDERS = 1000


def made_day(house: House, count: int = ORDERS) -> list[BillLine]:
    """Paid orders over three channels, every 25th refunded; returns the bills that agree with them."""
    chance = random.Random(5)
    orders, payments, refunds, bill = [], [], [], []
    for index in range(1, count + 1):
        channel = ("wechat", "alipay", "pos")[index % 3]
        at = dt.datetime.combine(DAY, dt.time(9), BEIJING) + dt.timedelta(seconds=chance.randrange(8 * 3600))
        number, amount = f"K001x26112000{index:04d}x1", chance.choice((10000, 20000, 40000))
        kept = {"scheme": "yiyang", "service": "renew", "kind": "unit", "catalogue_version": "1", "progress": {}}
        orders.append(
            {"id": index, "number": f"K00126112000{index:04d}", "state": State.DONE, "amount": amount, **kept}
        )
        slip = f"RRN{index:09d}"
        payments.append(
            {
                "id": index, "order_id": index, "attempt": 1, "out_trade_no": number, "channel": channel,
                "state": PaymentState.SUCCEEDED, "amount": amount, "transaction_id": slip, "paid_at": at,
                "expires_at": at, "created_at": at,
            }
        )  # fmt: skip
        shown = slip if channel == "pos" else number
        bill.append(BillLine(channel, LineKind.PAYMENT, shown, amount, amount * 6 // 1000, at))
        if index % 25 == 0:
            later = at + dt.timedelta(minutes=5)
            back = {"payment_id": index, "out_refund_no": refund_no(number), "amount": amount, "reason": "token_full"}
            back |= {"state": RefundState.SUCCEEDED, "refund_id": f"V{slip}", "at": at, "done_at": later}
            refunds.append(back)
            name = f"V{slip}" if channel == "pos" else refund_no(number)
            bill.append(BillLine(channel, LineKind.REFUND, shown, amount, -(amount * 6 // 1000), later, name))
    with write() as session:
        session.execute(insert(Order), orders)
        session.execute(insert(Payment), payments)
        session.execute(insert(Refund), refunds)
    return bill


def with_differences(bill: list[BillLine]) -> list[BillLine]:
    """Twelve: three lines gone, three strange, three of another amount, two that we call closed, one twice."""
    paid = [line for line in bill if line.kind is LineKind.PAYMENT]
    refunds = [line for line in bill if line.kind is LineKind.REFUND]
    gone = {id(line) for line in (paid[3], paid[100], refunds[2])}
    other = {id(line) for line in (paid[7], paid[200], refunds[5])}
    out = []
    for line in bill:
        if id(line) in gone:
            continue
        out.append(dataclasses.replace(line, amount_fen=line.amount_fen + 100) if id(line) in other else line)
    at = paid[0].at
    out += [BillLine("wechat", LineKind.PAYMENT, f"STRANGE{i}", 5000, 30, at) for i in range(2)]
    out.append(BillLine("alipay", LineKind.REFUND, paid[1].number, 5000, 0, at, "STRANGEREFUND"))
    out.append(paid[11])
    with write() as session:
        for index in (300, 301):
            payment = session.get(Payment, index)
            assert payment is not None
            payment.state = PaymentState.CLOSED
    return out


def test_exactly_the_twelve_injected_differences(core: Flask, house: House) -> None:
    bill = with_differences(made_day(house))
    with write() as session:
        result = reconciliation.make(session, house, DAY, bill)
    assert len(result.exceptions) == 12
    counts = Counter(str(finding.verdict) for finding in result.exceptions)
    assert counts == {"shortage": 3, "surplus": 4, "amount_differs": 3, "state_differs": 2}
    tasks = db.session.scalars(select(Task).where(Task.kind == "reconciliation")).all()
    assert len(tasks) == 12
    assert {task.facts["owner"] for task in tasks} == {"finance"}


def test_an_agreeing_day_is_balanced_and_signed_once(core: Flask, house: House) -> None:
    bill = made_day(house)
    with write() as session:
        assert reconciliation.make(session, house, DAY, bill).exceptions == ()
        reconciliation.sign(session, house, DAY, "王会计")
    row = db.session.get(Reconciled, DAY)
    assert row is not None
    assert sum(line["count"] for line in row.report) == ORDERS
    assert sum(line["gross_fen"] for line in row.report) == sum(
        line.amount_fen for line in bill if line.kind is LineKind.PAYMENT
    )
    with pytest.raises(reconciliation.Signed), write() as session:
        reconciliation.make(session, house, DAY, bill)


def test_a_line_at_midnight_is_found_on_the_next_day(core: Flask, house: House) -> None:
    late = dt.datetime.combine(DAY, dt.time(23, 58), BEIJING)
    bill = made_day(house, 50)
    with write() as session:
        payment = session.get(Payment, 1)
        assert payment is not None
        payment.paid_at = late
        number, channel, amount = payment.out_trade_no, payment.channel, payment.amount
    rest = [line for line in bill if line.number != number]
    with write() as session:
        first = reconciliation.make(session, house, DAY, rest)
    assert [str(finding.verdict) for finding in first.exceptions] == ["cross_day"]
    line = BillLine(channel, LineKind.PAYMENT, number, amount, 60, late + dt.timedelta(minutes=5))
    with write() as session:
        second = reconciliation.make(session, house, DAY + dt.timedelta(days=1), [line])
    assert [str(finding.verdict) for finding in second.findings] == ["cross_day"]
    with write() as session:
        missing = reconciliation.make(session, house, DAY + dt.timedelta(days=1), [])
    assert [str(finding.verdict) for finding in missing.exceptions] == ["shortage"]


def test_a_bill_that_is_not_made_yet_is_no_shortage(lone_till: Till) -> None:
    """Alipay says the same of an empty day and of a bill that is still to come."""
    payment = lone_till.pay(lone_till.order(), "alipay")
    lone_till.work("money", rounds=2)
    lone_till.ask("gateways", "pay", code=payment.out_trade_no)
    lone_till.work("money")
    lone_till.ask("gateways", "bills", early=False)
    today = dt.datetime.now(BEIJING).date().isoformat()
    result = lone_till.app.test_cli_runner().invoke(args=["reconcile", today, "--without", "wechat"])
    assert result.exit_code == 1
    assert "alipay has not made the bill" in result.output
    assert db.session.get(Reconciled, dt.date.fromisoformat(today)) is None


def test_the_command_with_true_bills(lone_till: Till, tmp_path: Path) -> None:
    orders = [lone_till.order() for _ in range(4)]
    for order, channel in zip(orders, ("wechat", "alipay", "pos", "wechat"), strict=True):
        payment = lone_till.pay(order, channel)
        lone_till.work("money", "pos", rounds=2)
        if channel != "pos":
            lone_till.ask("gateways", "pay", code=payment.out_trade_no)
        lone_till.work("money", "pos")
    with write() as session:
        fulfil.give_back(session, lone_till.house, session.merge(orders[3]), "token_full")
    lone_till.work("money")
    lone_till.ask("gateways", "stray", gateway="wechat", out_trade_no="STRAY1", amount_fen=777)
    today = dt.datetime.now(BEIJING).date().isoformat()
    slips = lone_till.home / "sim" / "pos" / lone_till.ask("pos", "settlement", date=today)["file"]
    report = tmp_path / "day.csv"
    runner = lone_till.app.test_cli_runner()
    words = ["reconcile", today, "--json", "--csv", str(report), "--pos", str(slips)]
    data = json.loads(runner.invoke(args=words).output)
    assert data["counts"] == {"balanced": 5, "surplus": 1}
    (found,) = data["exceptions"]
    assert (found["number"], found["bill_fen"], found["owner"]) == ("STRAY1", 777, "finance")
    by_channel = {line["channel"]: line for line in data["report"] if line["hall"]}
    assert by_channel["wechat"]["refund_count"] == 1
    assert by_channel["pos"]["gross_fen"] == 20000
    assert report.read_bytes().startswith(b"\xef\xbb\xbf")
    signed = runner.invoke(args=["reconcile", today, "--pos", str(slips), "--sign", "王会计"]).output
    assert "长款 1" in signed
    assert "signed off by 王会计" in signed
    assert "signed off" in runner.invoke(args=["reconcile", today, "--sign", "李会计"]).output
