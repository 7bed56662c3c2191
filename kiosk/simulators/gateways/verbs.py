"""The verbs of the control port (``POST /<verb>`` with a JSON object; ``code`` is a QR code's text or an out_trade_no).

=============  ===========================================================================================
``pay``        {code} scan and confirm; {code, late: true} also after the expiry
``scan``       {code} open the payment only; ``confirm`` {code} enters the password
``pay_late``   {code, seconds} scan now, confirm after that time whatever happened meanwhile
``pay_twice``  {code} two phones at the same moment
``stray``      {gateway, out_trade_no, amount_fen} a payment that no kiosk has asked for
``fault``      {kind, match, times, seconds} the next exchanges go wrong (kinds and labels: ``faults``)
``chaos``      {rate, seed, kinds} a share of all exchanges goes wrong; ``calm`` {} ends faults, chaos and down
``down``       {down: bool} hang up on every merchant
``clock``      {offset} seconds between the gateways' clock and the machine's
``bills``      {early: bool} also give out the running day's bill
``notify``     {code, url} send one notification now (127.0.0.1 only)
``judge``      {prefix} what every trade number came to; ``ledger`` {after} the ledger's rows
=============  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.simulators.control import Refused, Verb
from kiosk.simulators.gateways.faults import KINDS, Fault, Faults
from kiosk.simulators.gateways.ledger import Ledger
from kiosk.simulators.gateways.notify import Notifier
from kiosk.simulators.gateways.phone import Phone
from kiosk.simulators.gateways.server import GatewayServer


class Verbs:
    """What the control port can do."""

    def __init__(self, ledger: Ledger, server: GatewayServer, phone: Phone, notifier: Notifier, faults: Faults) -> None:
        self._ledger, self._server, self._phone = ledger, server, phone
        self._notifier, self._faults = notifier, faults

    def all(self) -> Mapping[str, Verb]:
        """Name → verb."""
        names = "pay scan confirm pay_late pay_twice stray fault chaos calm down clock bills notify judge ledger"
        return {name: getattr(self, name) for name in names.split()}

    def state(self) -> dict[str, Any]:
        """Counts, open codes and faults."""
        trades = self._ledger.judge()
        return {
            "port": self._server.port,
            "served": self._server.served,
            "down": self._server.down,
            "clock_offset": self._ledger.offset,
            "trades": len(trades),
            "captured_fen": sum(trade["captured_fen"] for trade in trades),
            "refunded_fen": sum(trade["refunded_fen"] for trade in trades),
            "payable": [trade for trade in trades if trade["payable"]],
            "faults": self._faults.state(),
        }

    def pay(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._phone.pay(str(body["code"]), bool(body.get("late")))

    def scan(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._phone.scan(str(body["code"]))

    def confirm(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._phone.confirm(str(body["code"]), bool(body.get("late")))

    def pay_late(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._phone.pay_late(str(body["code"]), float(body["seconds"]))

    def pay_twice(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._phone.pay_twice(str(body["code"]))

    def stray(self, body: dict[str, Any]) -> dict[str, Any]:
        gateway, number, amount = str(body["gateway"]), str(body["out_trade_no"]), int(body["amount_fen"])
        if gateway not in ("wechat", "alipay") or self._ledger.trade(gateway, number) is not None or amount < 1:
            raise Refused("a known gateway, a new number and an amount are wanted")
        values = (gateway, number, amount, "未知订单", "{}", "NOTPAY", "stray:" + number, self._ledger.now() + 60, "")
        with self._ledger.transaction() as db:
            db.execute(
                "INSERT INTO trade(gateway, out_trade_no, amount, subject, params, state, code, expires, notify_url)"
                " VALUES(?,?,?,?,?,?,?,?,?)",
                values,
            )
        return self._phone.pay(number)

    def fault(self, body: dict[str, Any]) -> dict[str, Any]:
        times, seconds = int(body.get("times", 1)), float(body.get("seconds", 0.5))
        self._faults.add(Fault(str(body["kind"]), str(body.get("match", "")), times, seconds))
        return self._faults.state()

    def chaos(self, body: dict[str, Any]) -> dict[str, Any]:
        self._faults.chaos(float(body["rate"]), int(body.get("seed", 0)), list(body.get("kinds", KINDS)))
        return self._faults.state()

    def calm(self, body: dict[str, Any]) -> dict[str, Any]:
        self._faults.clear()
        self._server.down = False
        return self._faults.state()

    def down(self, body: dict[str, Any]) -> dict[str, Any]:
        self._server.down = bool(body.get("down", True))
        return {"down": self._server.down}

    def clock(self, body: dict[str, Any]) -> dict[str, Any]:
        self._ledger.offset = float(body["offset"])
        return {"offset": self._ledger.offset}

    def bills(self, body: dict[str, Any]) -> dict[str, Any]:
        early = bool(body.get("early", True))
        self._server.wechat.early_bills = self._server.alipay.early_bills = early
        return {"early": early}

    def notify(self, body: dict[str, Any]) -> dict[str, Any]:
        trade = self._phone.find(str(body["code"]))
        if trade is None:
            raise Refused("no such trade")
        return self._notifier.send(trade, str(body.get("url") or trade["notify_url"]))

    def judge(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"trades": self._ledger.judge(str(body.get("prefix", "")))}

    def ledger(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = self._ledger.rows("SELECT * FROM entry WHERE id>? ORDER BY id LIMIT 5000", (int(body.get("after", 0)),))
        return {"entries": [dict(row) for row in rows]}
