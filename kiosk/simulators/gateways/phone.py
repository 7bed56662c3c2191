"""The buyers' phones: scan a code, press 支付 or go away; late, twice, or through the page that a person can use."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from sqlite3 import Row
from typing import Any
from urllib.parse import quote

from kiosk.simulators.gateways.ledger import Ledger

PAID = ("SUCCESS", "REFUND", "TRADE_SUCCESS")
CLOSED = ("CLOSED", "TRADE_CLOSED")
BRANDS = {"wechat": ("微信支付", "#07c160"), "alipay": ("支付宝", "#1677ff")}


class Phone:
    """Every act answers ``{"result": "paid"|"scanned"|"refused", "reason": …, "out_trade_no": …}``."""

    def __init__(self, ledger: Ledger, notify: Callable[[Row], None]) -> None:
        self._ledger = ledger
        self._notify = notify

    def find(self, code: str) -> Row | None:
        """The trade of a code, or of a bare out_trade_no (the newest, should both gateways know it)."""
        rows = self._ledger.rows(
            "SELECT trade.* FROM trade JOIN code USING(gateway, out_trade_no) WHERE code.code=?"
            " UNION ALL SELECT * FROM (SELECT * FROM trade WHERE out_trade_no=? ORDER BY rowid DESC)",
            (code, code),
        )
        return rows[0] if rows else None

    def scan(self, code: str, late: bool = False) -> dict[str, Any]:
        """Open the payment; Alipay only now makes a trade."""
        with self._ledger.transaction() as db:
            trade = self.find(code)
            refusal = self._refusal(trade, code, late)
            if trade is None or refusal:
                return _said("refused", trade, refusal)
            state = "WAIT_BUYER_PAY" if trade["gateway"] == "alipay" else trade["state"]
            db.execute(
                "UPDATE trade SET scanned=1, state=? WHERE gateway=? AND out_trade_no=?",
                (state, trade["gateway"], trade["out_trade_no"]),
            )
        return _said("scanned", trade)

    def pay(self, code: str, late: bool = False) -> dict[str, Any]:
        """Scan and confirm. ``late``: the buyer began before the expiry and confirms after it."""
        scanned = self.scan(code, late)
        return scanned if scanned["result"] == "refused" else self.confirm(code, late)

    def confirm(self, code: str, late: bool = False) -> dict[str, Any]:
        """The password is entered: the one moment in which money moves."""
        with self._ledger.transaction() as db:
            trade = self.find(code)
            refusal = self._refusal(trade, code, late)
            if trade is None or refusal:
                return _said("refused", trade, refusal)
            state = "SUCCESS" if trade["gateway"] == "wechat" else "TRADE_SUCCESS"
            prefix = "4200" if trade["gateway"] == "wechat" else "2026"
            self._ledger.capture(db, trade, f"{prefix}{secrets.randbelow(10**24):024d}", state)
            paid = self.find(trade["out_trade_no"])
        assert paid is not None
        self._notify(paid)
        return _said("paid", paid)

    def pay_late(self, code: str, seconds: float) -> dict[str, Any]:
        """Scan now, confirm after ``seconds``, whatever has happened meanwhile."""
        scanned = self.scan(code)
        if scanned["result"] == "scanned":
            timer = threading.Timer(seconds, self.confirm, (code, True))
            timer.daemon = True
            timer.start()
        return scanned

    def pay_twice(self, code: str) -> dict[str, Any]:
        """Two phones confirm the same code at the same moment: one of them must be refused."""
        with ThreadPoolExecutor(2) as both:
            acts = list(both.map(self.pay, [code, code]))
        return {"results": acts, "paid": sum(act["result"] == "paid" for act in acts)}

    def _refusal(self, trade: Row | None, code: str, late: bool) -> str:
        if trade is None:
            return "no_such_code"
        if trade["state"] in PAID:
            return "already_paid"
        if trade["state"] in CLOSED:
            return "closed"
        if code not in (trade["code"], trade["out_trade_no"]):
            return "dead_code"
        if not late and trade["expires"] <= self._ledger.now():
            return "expired"
        return ""

    def page(self, code: str, done: dict[str, Any] | None = None) -> str:
        """The screen of the phone for one code, or the list of all codes that can be paid."""
        if not code:
            return self._list()
        trade = self.find(code)
        if trade is None:
            return _html("手机", "#666", "<p class=big>二维码无效</p>")
        brand, colour = BRANDS[trade["gateway"]]
        refusal = self._refusal(trade, code, late=False)
        sums = f"<p>收款方：自助服务终端（模拟商户）<br>{escape(trade['subject'])}</p>"
        sums += f"<p class=big>¥ {trade['amount'] / 100:.2f}</p><p class=no>{escape(trade['out_trade_no'])}</p>"
        if done is not None and done["result"] == "left":
            sums += "<p>已取消，未付款。可以重新扫码。</p>"
        elif refusal:
            texts = {"already_paid": "✓ 支付成功", "closed": "订单已关闭", "expired": "二维码已过期"}
            sums += f"<p class=big>{texts.get(refusal, '二维码已失效，请扫描新的二维码')}</p>"
        else:
            sums += (
                f'<form method=post action=/phone><input type=hidden name=code value="{escape(code)}">'
                "<button name=act value=pay>支付</button><button name=act value=cancel class=plain>取消</button></form>"
            )
        return _html(brand, colour, sums)

    def _list(self) -> str:
        now = self._ledger.now()
        rows = self._ledger.rows(
            "SELECT * FROM trade WHERE state IN ('NOTPAY','CODE','WAIT_BUYER_PAY') AND expires>? ORDER BY rowid DESC",
            (now,),
        )
        items = "".join(
            f'<li><a href="/phone?code={quote(row["code"], safe="")}">{BRANDS[row["gateway"]][0]} '
            f"¥{row['amount'] / 100:.2f} {escape(row['subject'])}</a></li>"
            for row in rows[:50]
        )
        return _html("手机", "#444", f"<ul>{items}</ul>" if items else "<p class=big>没有可以支付的二维码</p>")


def _said(result: str, trade: Row | None, reason: str = "") -> dict[str, Any]:
    said: dict[str, Any] = {"result": result, "reason": reason}
    if trade is not None:
        said |= {name: trade[name] for name in ("gateway", "out_trade_no", "transaction_id", "amount")}
    return said


def _html(title: str, colour: str, body: str) -> str:
    return (
        f"<!doctype html><html lang=zh-CN><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}（模拟）</title><style>body{{font:18px/1.6 sans-serif;margin:0;text-align:center;color:#222}}"
        f"h1{{background:{colour};color:#fff;margin:0;padding:.6em;font-size:1.2em}}.big{{font-size:2em;margin:.4em}}"
        f".no{{color:#666;font-size:.8em}}button{{font-size:1.2em;padding:.6em 0;width:80%;margin:.4em;border:0;"
        f"border-radius:.4em;background:{colour};color:#fff}}.plain{{background:#eee;color:#222}}"
        f"li{{margin:1em;text-align:left}}</style><h1>{title}</h1>{body}</html>"
    )
