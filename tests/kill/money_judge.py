"""The judge: what the gateways' ledgers, the terminal's ledger, the CA and the UKeys say, against our orders.

I1 captured minus refunded is 0 or the price. I2 every number in a ledger was in our database. I3 one open attempt at
most. I4 who paid got his certificate, his money, or a clerk's open task. I5 done: paid, and the certificate is alive
and on the UKey. I5b refunded: no living certificate. I5c one living certificate at most. I6 no refund beyond its
payment. I7 never "paid" before the ledger. I8 nothing can be paid any more. I9 amounts as in the tariff. I10 the day's
reconciliation finds nothing. I11 no secret in log, journal or effects.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from kiosk import journal
from kiosk.ca.connector import State as Alive
from kiosk.ca.embedded import EmbeddedCa
from kiosk.db import db
from kiosk.journal import Event
from kiosk.orders.models import Effect, Order, Payment, Refund, Task
from kiosk.orders.states import OPEN_PAYMENTS, PaymentState, State
from tests.kill.money_drill import PIN, Drill, id_number


class Judge:
    """Reads every side once; :meth:`violations` says what does not fit."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        db.session.rollback()
        db.session.expire_all()
        self.orders = list(db.session.scalars(select(Order).where(Order.note != "not needed", Order.amount > 0)))
        self.orders += list(db.session.scalars(select(Order).where(Order.note.is_(None), Order.amount > 0)))
        self.trades = {row["out_trade_no"]: row for row in self._wait_dead()}
        self.entries = drill.ask("gateways", "ledger")["entries"]
        self.slips = drill.ask("pos", "ledger")["entries"]
        with EmbeddedCa(drill.home / "ca") as ca:
            self.certificates: dict[str, list[Any]] = defaultdict(list)
            for record in ca.everything(5000):
                self.certificates[record.name].append(record)
        self.on_token = drill.contents()
        self.found: list[str] = []

    def _wait_dead(self) -> list[dict[str, Any]]:
        """The trades, after the last code has had the time to die."""
        time.sleep(1)
        trades: list[dict[str, Any]] = self.drill.ask("gateways", "judge")["trades"]
        return trades

    def violations(self) -> list[str]:
        self._numbers()
        for order in self.orders:
            self._order(order)
        self._payments()
        self._secrets()
        whole, broken = journal.verify(db.session())
        self._must(broken is None, "journal", f"broken after {whole}")
        return self.found

    def _must(self, holds: bool, name: str, about: object) -> None:
        if not holds:
            self.found.append(f"{name}: {about}")

    def _numbers(self) -> None:
        ours = set(db.session.scalars(select(Payment.out_trade_no)))
        refunds = set(db.session.scalars(select(Refund.out_refund_no)))
        for entry in self.entries:
            self._must(entry["out_trade_no"] in ours, "I2", entry["out_trade_no"])
            known = entry["kind"] != "refund" or entry["out_refund_no"] in refunds
            self._must(known, "I2", entry["out_refund_no"])
        for slip in self.slips:
            self._must(slip["orders"] in ours, "I2", slip["orders"])
        for number, trade in self.trades.items():
            self._must(trade["refunded_fen"] <= trade["captured_fen"], "I6", number)
            self._must(not trade["payable"], "I8", number)

    def net(self, order: Order) -> int:
        """Fen that stayed with us, by the outside's ledgers."""
        numbers = {payment.out_trade_no for payment in order.payments}
        total = sum(self.trades[n]["captured_fen"] - self.trades[n]["refunded_fen"] for n in numbers & set(self.trades))
        for slip in self.slips:
            if slip["orders"] in numbers:
                total += slip["amount"] if slip["kind"] == "sale" else -slip["amount"]
        return int(total)

    def _order(self, order: Order) -> None:
        about = f"order {order.id} way {(order.id - 1) % 20} {order.state} {order.note}"
        net, price = self.net(order), order.amount
        tasks = [t for t in db.session.scalars(select(Task).where(Task.order_id == order.id)) if t.closed_at is None]
        living = [c for c in self.certificates.get(f"测试{order.id}", []) if c.state == Alive.ACTIVE]
        self._must(net in (0, price), "I1", f"{about}: {net}")
        self._must(len(living) <= 1, "I5c", about)
        if net:
            self._must(order.state == State.DONE or bool(tasks), "I4", f"{about}: {net}")
        if order.state == State.DONE:
            self._must(net == price, "I5", f"{about}: {net}")
            serials = {c.serial_hex for c in living}
            token = order.certificates[0].token_serial or ""
            fits = serials == {order.certificates[0].serial} and serials <= self.on_token.get(token, set())
            self._must(fits, "I5", f"{about}: certificate")
        if order.state in (State.REFUNDED, State.VOID):
            self._must(net == 0, "I4", f"{about}: {net}")
            self._must(not living or bool(tasks), "I5b", about)
        ended = order.state in (State.DONE, State.REFUNDED, State.VOID) or bool(tasks)
        self._must(ended, "I4", about)

    def _payments(self) -> None:
        said = {
            event.body["number"]: event.at
            for event in db.session.scalars(select(Event).where(Event.kind == "payment.moved"))
            if event.body["to"] == PaymentState.SUCCEEDED
        }
        captured = {entry["out_trade_no"]: entry["at"] for entry in self.entries if entry["kind"] == "capture"}
        opened: dict[int, int] = defaultdict(int)
        for payment in db.session.scalars(select(Payment)):
            number = payment.out_trade_no
            opened[payment.order_id] += payment.state in OPEN_PAYMENTS
            trade = self.trades.get(number)
            if trade:
                self._must(trade["amount_fen"] == payment.order.amount, "I9", number)
                agree = (payment.state == PaymentState.SUCCEEDED) == bool(trade["captured_fen"])
                self._must(agree, "I4", f"{number} {payment.state} {trade['state']}")
            if number in said and payment.channel != "pos":
                before = captured.get(number)
                told = before is not None and datetime.fromtimestamp(before, UTC) <= said[number]
                self._must(told, "I7", number)
        for order_id, count in opened.items():
            self._must(not count, "I3", f"order {order_id}: {count} open")

    def _secrets(self) -> None:
        secrets = [PIN, (self.drill.merchant / "wechat_apiv3.key").read_text().strip(), "PRIVATE KEY"]
        secrets += [id_number(order.id) for order in self.orders[:20]]
        places = {"log": self.drill.log.read_text(errors="replace")}
        places["events"] = json.dumps([event.body for event in db.session.scalars(select(Event))], default=str)
        places["effects"] = json.dumps([[e.note, e.facts] for e in db.session.scalars(select(Effect))], default=str)
        for secret in secrets:
            for place, text in places.items():
                self._must(secret not in text, "I11", f"{secret[:4]}… in {place}")
