"""Alipay's ``gateway.do`` as the merchant sees it: precreate, query, close, cancel, refund, bills, notifications."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import date, datetime
from sqlite3 import Row
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from kiosk.payments.keys import sign, verify
from kiosk.simulators.gateways.bills import alipay_bill
from kiosk.simulators.gateways.faults import Fault
from kiosk.simulators.gateways.keys import ALIPAY_APP, SELLER, Home
from kiosk.simulators.gateways.ledger import BEIJING, Ledger, beijing
from kiosk.simulators.gateways.wechat import Reply, Request

_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}")
_AMOUNT = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
BUYER = "2088000000000999"


class Refusal(Exception):
    """A business or gateway error node."""

    def __init__(self, code: str, sub_code: str, message: str) -> None:
        super().__init__(sub_code)
        names = {"40004": "Business Failed", "40002": "Invalid Arguments", "20000": "Service Currently Unavailable"}
        self.node = {"code": code, "msg": names[code], "sub_code": sub_code, "sub_msg": message}


def parameters(request: Request) -> dict[str, str]:
    """The parameters of query and form together; Alipay takes both."""
    query = urlsplit(request.target).query
    pairs = parse_qsl(query, keep_blank_values=True)
    pairs += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs)


def label(request: Request) -> str:
    """The exchange's name for fault injection."""
    names = {
        "alipay.trade.precreate": "alipay.create",
        "alipay.trade.query": "alipay.query",
        "alipay.trade.close": "alipay.close",
        "alipay.trade.cancel": "alipay.cancel",
        "alipay.trade.refund": "alipay.refund",
        "alipay.trade.fastpay.refund.query": "alipay.query_refund",
    }
    return names.get(parameters(request).get("method", ""), "alipay.bill")


class Alipay:
    """The gateway. ``early_bills`` also gives out the bill of the running day."""

    def __init__(self, home: Home, ledger: Ledger, early_bills: bool = False) -> None:
        self._home = home
        self._ledger = ledger
        self.early_bills = early_bills
        self._files: dict[str, bytes] = {}
        self._methods: dict[str, Callable[[dict[str, Any], dict[str, str]], dict[str, Any]]] = {
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._query_refund,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
        }

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        """Judge the signature, do the work, sign the node's exact bytes (wrongly, where a fault wants it)."""
        path = urlsplit(request.target).path
        params = parameters(request)
        if path == "/billdownload" and params.get("token") in self._files:
            return Reply(200, self._files[params["token"]], {"Content-Type": "application/zip"})
        if path != "/gateway.do":
            return Reply(404, b"{}")
        name = params.get("method", "").replace(".", "_") + "_response"
        try:
            self._authorize(params)
            if fault and fault.kind == "error_before":
                raise Refusal("20000", "aop.unknow-error", "系统繁忙")
            params["host"] = request.headers.get("host", "127.0.0.1")
            node = {"code": "10000", "msg": "Success", **self._methods[params["method"]](_content(params), params)}
            if fault and fault.kind == "error_after":
                raise Refusal("20000", "aop.unknow-error", "系统繁忙")
        except Refusal as error:
            node = error.node
            if error.node["code"] == "40002":
                name = "error_response"
        return self._signed(name, node, fault)

    def _signed(self, name: str, node: dict[str, Any], fault: Fault | None) -> Reply:
        kind = fault.kind if fault else ""
        content = json.dumps(node, ensure_ascii=False, separators=(",", ":"))
        key = self._home.alipay.foreign if kind == "foreign_signature" else self._home.alipay.private
        signature = sign(key, content.encode())
        if kind == "bad_signature":
            signature = ("B" if signature[0] == "A" else "A") + signature[1:]
        if kind == "tampered":
            content = content.replace("WAIT_BUYER_PAY", "TRADE_SUCCESS").replace("{", "{ ", 1)
        if kind == "stale":
            # Alipay's answers carry no time: the nearest thing to an old answer is one that speaks of another trade.
            old = {**node, "out_trade_no": "OLD0000000"}
            content = json.dumps(old, ensure_ascii=False, separators=(",", ":"))
            signature = sign(key, content.encode())
        return Reply(200, f'{{"{name}":{content},"sign":"{signature}"}}'.encode())

    def _authorize(self, params: dict[str, str]) -> None:
        signed = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "sign" and value)
        try:
            moment = datetime.strptime(params.get("timestamp", ""), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        except ValueError:
            raise Refusal("40002", "isv.invalid-timestamp", "非法的时间戳参数") from None
        if params.get("app_id") != ALIPAY_APP:
            raise Refusal("40002", "isv.invalid-app-id", "无效的AppID参数")
        if params.get("sign_type") != "RSA2" or not verify(
            self._home.alipay.merchant, params.get("sign", ""), signed.encode()
        ):
            raise Refusal("40002", "isv.invalid-signature", "无效签名")
        if abs(moment.timestamp() - self._ledger.now()) > 300:
            raise Refusal("40002", "isv.invalid-timestamp", "非法的时间戳参数")
        if params.get("method") not in self._methods:
            raise Refusal("40002", "isv.invalid-method", "不存在的方法名")

    def _trade(self, content: dict[str, Any]) -> Row:
        """A trade exists from the scan on; an open one ends by itself at its expiry."""
        number = str(content.get("out_trade_no", ""))
        with self._ledger.transaction() as db:
            db.execute(
                "UPDATE trade SET state='TRADE_CLOSED' WHERE gateway='alipay' AND out_trade_no=?"
                " AND state='WAIT_BUYER_PAY' AND expires<?",
                (number, self._ledger.now()),
            )
        trade = self._ledger.trade("alipay", number)
        if trade is None or trade["state"] == "CODE":
            raise Refusal("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在")
        return trade

    def _precreate(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        number, amount, subject = content.get("out_trade_no"), _fen(content.get("total_amount")), content.get("subject")
        if not isinstance(number, str) or not _NUMBER.fullmatch(number) or not isinstance(subject, str) or not amount:
            raise Refusal("40004", "ACQ.INVALID_PARAMETER", "参数无效")
        expires = self._expiry(content.get("time_expire"))
        known = self._ledger.trade("alipay", number)
        if known is not None:
            if known["paid_at"] is not None:
                raise Refusal("40004", "ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
            if known["state"] == "TRADE_CLOSED":
                raise Refusal("40004", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
            if known["amount"] != amount or known["subject"] != subject:
                raise Refusal("40004", "ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
        code = f"https://qr.alipay.com/bax{secrets.token_hex(11)}"
        with self._ledger.transaction() as db:
            db.execute(
                "INSERT INTO trade(gateway, out_trade_no, amount, subject, params, state, code, expires, notify_url)"
                " VALUES('alipay',?,?,?,'','CODE',?,?,?)"
                " ON CONFLICT DO UPDATE SET code=excluded.code, expires=excluded.expires",
                (number, amount, subject, code, expires, params.get("notify_url", "")),
            )
            db.execute("INSERT INTO code VALUES(?, 'alipay', ?)", (code, number))
        return {"out_trade_no": number, "qr_code": code}

    def _expiry(self, text: object) -> float:
        if text is None:
            return self._ledger.now() + 7200
        try:
            moment = datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).timestamp()
        except ValueError:
            moment = 0.0
        if moment <= self._ledger.now():
            raise Refusal("40004", "ACQ.INVALID_PARAMETER", "time_expire 无效")
        return moment

    def _query(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        trade = self._trade(content)
        value: dict[str, Any] = {
            "buyer_logon_id": "138****0000",
            "buyer_user_id": BUYER,
            "out_trade_no": trade["out_trade_no"],
            "total_amount": _yuan(trade["amount"]),
            "trade_no": trade["transaction_id"] or f"2026{trade['out_trade_no']}",
            "trade_status": trade["state"],
        }
        if trade["paid_at"] is not None:
            value |= {
                "buyer_pay_amount": _yuan(trade["amount"]),
                "receipt_amount": _yuan(trade["amount"]),
                "fund_bill_list": [{"amount": _yuan(trade["amount"]), "fund_channel": "ALIPAYACCOUNT"}],
                "send_pay_date": _time(trade["paid_at"]),
            }
        return value

    def _close(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        with self._ledger.transaction() as db:
            trade = self._trade(content)
            if trade["state"] != "WAIT_BUYER_PAY":
                raise Refusal("40004", "ACQ.REASON_TRADE_STATUS_INVALID", "交易状态不合法")
            _set_state(db, trade, "TRADE_CLOSED")
        return {"out_trade_no": trade["out_trade_no"], "trade_no": f"2026{trade['out_trade_no']}"}

    def _cancel(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        """Ends an open trade, *refunds* a paid one; an unscanned code stays payable (nobody documents otherwise)."""
        number = str(content.get("out_trade_no", ""))
        value = {"out_trade_no": number, "retry_flag": "N"}
        with self._ledger.transaction() as db:
            trade = self._ledger.trade("alipay", number)
            if trade is None or trade["state"] in ("CODE", "TRADE_CLOSED"):
                return value
            if trade["state"] == "WAIT_BUYER_PAY":
                _set_state(db, trade, "TRADE_CLOSED")
                return {**value, "action": "close"}
            if self._ledger.refunded("alipay", number) == 0:
                self._ledger.give_back(db, trade, number, secrets.token_hex(8), trade["amount"])
                _set_state(db, trade, "TRADE_CLOSED")
        return {**value, "action": "refund"}

    def _refund(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        amount = _fen(content.get("refund_amount"))
        with self._ledger.transaction() as db:
            trade = self._trade(content)
            number = str(content.get("out_request_no") or trade["out_trade_no"])
            if trade["paid_at"] is None or not amount:
                raise Refusal("40004", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
            known = self._found(trade["out_trade_no"], number)
            if known is not None and known["amount"] != amount:
                raise Refusal("40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
            if known is None:
                refunded = self._ledger.refunded("alipay", trade["out_trade_no"]) + amount
                if refunded > trade["amount"]:
                    raise Refusal("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
                self._ledger.give_back(db, trade, number, secrets.token_hex(8), amount)
                if refunded == trade["amount"]:
                    _set_state(db, trade, "TRADE_CLOSED")
        return {
            "out_trade_no": trade["out_trade_no"],
            "trade_no": trade["transaction_id"],
            "buyer_logon_id": "138****0000",
            "fund_change": "Y" if known is None else "N",
            "refund_fee": _yuan(self._ledger.refunded("alipay", trade["out_trade_no"])),
        }

    def _found(self, number: str, request: str) -> Row | None:
        sql = "SELECT * FROM refund WHERE gateway='alipay' AND out_trade_no=? AND out_refund_no=?"
        rows = self._ledger.rows(sql, (number, request))
        return rows[0] if rows else None

    def _query_refund(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        """Without a refund under that number the node says success and nothing else."""
        trade = self._trade(content)
        known = self._found(trade["out_trade_no"], str(content.get("out_request_no", "")))
        if known is None:
            return {}
        return {
            "out_trade_no": trade["out_trade_no"],
            "trade_no": trade["transaction_id"],
            "out_request_no": known["out_refund_no"],
            "refund_amount": _yuan(known["amount"]),
            "total_amount": _yuan(trade["amount"]),
            "refund_status": "REFUND_SUCCESS",
            "gmt_refund_pay": _time(known["at"]),
        }

    def _bill(self, content: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        try:
            day = date.fromisoformat(str(content.get("bill_date")))
        except ValueError:
            raise Refusal("40004", "isp.param-error", "参数错误") from None
        today = beijing(self._ledger.now()).date()
        entries = self._ledger.day("alipay", day.isoformat())
        early = day > today or (day == today and not self.early_bills)
        if content.get("bill_type") != "trade" or early or not entries:
            raise Refusal("40004", "isp.bill_not_exist", "账单不存在")
        token = secrets.token_urlsafe(24)
        self._files[token] = alipay_bill(entries, SELLER, day.isoformat())
        return {"bill_download_url": f"http://{params['host']}/billdownload?token={token}"}

    def notification(self, trade: Row, fault: Fault | None) -> tuple[bytes, dict[str, str]]:
        """The form Alipay posts to ``notify_url``, signed over its sorted parameters but sign and sign_type."""
        params = {
            "notify_time": _time(self._ledger.now() - (600 if fault and fault.kind == "stale" else 0)),
            "notify_type": "trade_status_sync",
            "notify_id": secrets.token_hex(17),
            "charset": "utf-8",
            "version": "1.0",
            "app_id": ALIPAY_APP,
            "auth_app_id": ALIPAY_APP,
            "seller_id": SELLER,
            "out_trade_no": trade["out_trade_no"],
            "trade_no": trade["transaction_id"],
            "trade_status": trade["state"],
            "total_amount": _yuan(trade["amount"]),
            "receipt_amount": _yuan(trade["amount"]),
            "subject": trade["subject"],
        }
        if trade["paid_at"] is not None:
            params["gmt_payment"] = _time(trade["paid_at"])
        message = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        foreign = fault is not None and fault.kind == "foreign_signature"
        params["sign"] = sign(self._home.alipay.foreign if foreign else self._home.alipay.private, message.encode())
        params["sign_type"] = "RSA2"
        if fault and fault.kind in ("tampered", "bad_signature"):
            params["total_amount"] = "0.01"
        return urlencode(params).encode(), {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def _set_state(db: Any, trade: Row, state: str) -> None:
    db.execute("UPDATE trade SET state=? WHERE gateway='alipay' AND out_trade_no=?", (state, trade["out_trade_no"]))


def _content(params: dict[str, str]) -> dict[str, Any]:
    try:
        value = json.loads(params.get("biz_content", "{}"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal("40004", "ACQ.INVALID_PARAMETER", "参数无效")
    return value


def _fen(value: object) -> int:
    match = _AMOUNT.fullmatch(str(value))
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else 0


def _yuan(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def _time(moment: float) -> str:
    return beijing(moment).strftime("%Y-%m-%d %H:%M:%S")
