"""WeChat Pay API v3 as the merchant sees it: Native orders, queries, closing, refunds and trade bills."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime
from sqlite3 import Row
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kiosk.payments.keys import sign, verify
from kiosk.simulators.gateways.bills import wechat_bill
from kiosk.simulators.gateways.faults import Fault
from kiosk.simulators.gateways.keys import MCHID, WECHAT_APP, Home
from kiosk.simulators.gateways.ledger import Ledger, beijing

SCHEME = "WECHATPAY2-SHA256-RSA2048"
_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_TRADE = re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)(/close)?")
_REFUND = re.compile(r"/v3/refund/domestic/refunds/([^/]+)")
_AUTH = re.compile(r'(\w+)="([^"]*)"')


class Refusal(Exception):
    """An error reply of the gateway."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass
class Request:
    """One exchange as it came in; ``target`` is path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def label(method: str, path: str) -> str:
    """The exchange's name for fault injection."""
    if path.startswith("/v3/pay/"):
        return "wechat.close" if path.endswith("/close") else "wechat.query" if method == "GET" else "wechat.create"
    if path.startswith("/v3/refund/"):
        return "wechat.refund" if method == "POST" else "wechat.query_refund"
    return "wechat.bill"


class Wechat:
    """The gateway. ``early_bills`` also gives out the bill of the running day."""

    def __init__(self, home: Home, ledger: Ledger, early_bills: bool = False) -> None:
        self._home = home
        self._ledger = ledger
        self.early_bills = early_bills
        self._files: dict[str, bytes] = {}

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        """Judge the signature, do the work, sign the answer (wrongly, where a fault wants it)."""
        path = urlsplit(request.target).path
        try:
            self._authorize(request)
            if fault and fault.kind == "error_before":
                raise Refusal(500, "SYSTEM_ERROR", "系统错误")
            value = self._route(request, path)
            if fault and fault.kind == "error_after":
                raise Refusal(500, "SYSTEM_ERROR", "系统错误")
        except Refusal as error:
            body = json.dumps({"code": error.code, "message": error.message}, ensure_ascii=False).encode()
            reply = Reply(error.status, body)
            return reply if error.status in (401, 500) else self.signed(reply, fault)
        if isinstance(value, bytes):
            return Reply(200, value, {"Content-Type": "text/plain"})
        if value is None:
            return self.signed(Reply(204, b""), fault)
        return self.signed(Reply(200, json.dumps(value, ensure_ascii=False).encode()), fault)

    def signed(self, reply: Reply, fault: Fault | None = None) -> Reply:
        """Add the four headers over exactly these bytes."""
        kind = fault.kind if fault else ""
        stamp = str(int(self._ledger.now()) - (600 if kind == "stale" else 0))
        nonce = secrets.token_hex(16)
        key = self._home.wechat.foreign if kind == "foreign_signature" else self._home.wechat.private
        signature = sign(key, f"{stamp}\n{nonce}\n".encode() + reply.body + b"\n")
        if kind == "bad_signature":
            signature = ("B" if signature[0] == "A" else "A") + signature[1:]
        if kind == "tampered" and reply.body:
            reply.body = reply.body.replace(b"NOTPAY", b"SUCCESS").replace(b"{", b"{ ", 1)
        elif kind == "tampered":
            nonce = secrets.token_hex(16)
        reply.headers |= {
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": self._home.wechat.key_id,
            "Wechatpay-Signature-Type": SCHEME,
        }
        return reply

    def _authorize(self, request: Request) -> None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(_AUTH.findall(rest))
        names = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}
        if scheme != SCHEME or set(parts) != names or not parts["timestamp"].isdigit():
            raise Refusal(401, "SIGN_ERROR", "Authorization 格式错误")
        message = f"{request.method}\n{request.target}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode()
        if parts["mchid"] != MCHID or parts["serial_no"] != self._home.wechat.merchant_serial:
            raise Refusal(401, "SIGN_ERROR", "商户号与证书序列号不符")
        if abs(int(parts["timestamp"]) - self._ledger.now()) > 300:
            raise Refusal(401, "SIGN_ERROR", "Authorization 时间戳已过期")
        if not verify(self._home.wechat.merchant, parts["signature"], message + request.body + b"\n"):
            raise Refusal(401, "SIGN_ERROR", "签名错误")
        if not self._ledger.fresh_nonce(parts["nonce_str"]):
            raise Refusal(401, "SIGN_ERROR", "请求重放")

    def _route(self, request: Request, path: str) -> dict[str, Any] | bytes | None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        trade, refund = _TRADE.fullmatch(path), _REFUND.fullmatch(path)
        if (request.method, path) == ("POST", "/v3/pay/transactions/native"):
            return self._create(_object(request.body))
        if trade and trade[2] and request.method == "POST":
            self._close(trade[1], _object(request.body))
            return None
        if trade and not trade[2] and request.method == "GET":
            _own(query.get("mchid"))
            return self.describe(self._trade(trade[1]))
        if (request.method, path) == ("POST", "/v3/refund/domestic/refunds"):
            return self._refund(_object(request.body))
        if refund and request.method == "GET":
            return self._query_refund(refund[1])
        if (request.method, path) == ("GET", "/v3/bill/tradebill"):
            return self._bill(query, request.headers.get("host", "127.0.0.1"))
        if (request.method, path) == ("GET", "/v3/billdownload/file"):
            return self._file(query.get("token", ""))
        raise Refusal(404, "RESOURCE_NOT_EXISTS", "无此接口")

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        number, amount, expires = _order(body)
        # The expiry is not part of the comparison: the gateway lets a repeated order bring a newer one.
        params = json.dumps({key: body.get(key) for key in ("description", "amount", "notify_url")}, sort_keys=True)
        known = self._ledger.trade("wechat", number)
        if known is not None:
            if known["state"] in ("SUCCESS", "REFUND"):
                raise Refusal(400, "ORDERPAID", "该订单已支付")
            if known["state"] == "CLOSED":
                raise Refusal(400, "ORDER_CLOSED", "订单已关闭")
            if known["params"] != params:
                raise Refusal(400, "INVALID_REQUEST", "请求重入时,参数与首次请求时不一致")
        if expires <= self._ledger.now():
            raise Refusal(400, "PARAM_ERROR", "time_expire 已过")
        code = f"weixin://wxpay/bizpayurl?pr={secrets.token_urlsafe(7)}zz"
        with self._ledger.transaction() as db:
            db.execute(
                "INSERT INTO trade(gateway, out_trade_no, amount, subject, params, state, code, expires, notify_url)"
                " VALUES('wechat',?,?,?,?,'NOTPAY',?,?,?)"
                " ON CONFLICT DO UPDATE SET code=excluded.code, expires=excluded.expires",
                (number, amount, body["description"], params, code, expires, body["notify_url"]),
            )
            db.execute("INSERT INTO code VALUES(?, 'wechat', ?)", (code, number))
        return {"code_url": code}

    def _trade(self, number: str) -> Row:
        trade = self._ledger.trade("wechat", number)
        if trade is None:
            raise Refusal(404, "ORDER_NOT_EXIST", "订单不存在")
        return trade

    def describe(self, trade: Row) -> dict[str, Any]:
        """A trade as query and notification show it."""
        names = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "订单发生过退款"}
        value: dict[str, Any] = {
            "appid": WECHAT_APP,
            "mchid": MCHID,
            "out_trade_no": trade["out_trade_no"],
            "promotion_detail": [],
            "trade_state": trade["state"],
            "trade_state_desc": names[trade["state"]],
            "amount": {"total": trade["amount"], "currency": "CNY"},
        }
        if trade["paid_at"] is not None:
            value |= {
                "transaction_id": trade["transaction_id"],
                "trade_type": "NATIVE",
                "bank_type": "OTHERS",
                "attach": "",
                "success_time": beijing(trade["paid_at"]).isoformat(timespec="seconds"),
                "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            }
            value["amount"] |= {"payer_total": trade["amount"], "payer_currency": "CNY"}
        return value

    def _close(self, number: str, body: dict[str, Any]) -> None:
        _own(body.get("mchid"))
        with self._ledger.transaction() as db:
            trade = self._trade(number)
            if trade["state"] in ("SUCCESS", "REFUND"):
                raise Refusal(400, "ORDERPAID", "该订单已支付")
            db.execute("UPDATE trade SET state='CLOSED' WHERE gateway='wechat' AND out_trade_no=?", (number,))

    def _refund(self, body: dict[str, Any]) -> dict[str, Any]:
        number, original = str(body.get("out_refund_no", "")), str(body.get("out_trade_no", ""))
        amount = body.get("amount") or {}
        if not 1 <= len(number) <= 64 or type(amount.get("refund")) is not int or amount["refund"] < 1:
            raise Refusal(400, "PARAM_ERROR", "参数错误")
        with self._ledger.transaction() as db:
            trade = self._ledger.trade("wechat", original)
            if trade is None or trade["paid_at"] is None:
                raise Refusal(404, "RESOURCE_NOT_EXISTS", "订单不存在")
            if amount.get("total") != trade["amount"] or amount.get("currency") != "CNY":
                raise Refusal(400, "INVALID_REQUEST", "订单金额与原订单不一致")
            known = self._ledger.rows("SELECT * FROM refund WHERE gateway='wechat' AND out_refund_no=?", (number,))
            if known and (known[0]["amount"] != amount["refund"] or known[0]["out_trade_no"] != original):
                raise Refusal(400, "INVALID_REQUEST", "请求重入时,参数与首次请求时不一致")
            if not known:
                if self._ledger.refunded("wechat", original) + amount["refund"] > trade["amount"]:
                    raise Refusal(400, "INVALID_REQUEST", "退款金额超过可退金额")
                self._ledger.give_back(db, trade, number, f"5030{secrets.randbelow(10**24):024d}", amount["refund"])
                db.execute("UPDATE trade SET state='REFUND' WHERE gateway='wechat' AND out_trade_no=?", (original,))
        return self._query_refund(number, first=not known)

    def _query_refund(self, number: str, first: bool = False) -> dict[str, Any]:
        known = self._ledger.rows("SELECT * FROM refund WHERE gateway='wechat' AND out_refund_no=?", (number,))
        if not known:
            raise Refusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        row = known[0]
        trade = self._trade(row["out_trade_no"])
        value: dict[str, Any] = {
            "refund_id": row["refund_id"],
            "out_refund_no": number,
            "transaction_id": trade["transaction_id"],
            "out_trade_no": row["out_trade_no"],
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": beijing(row["at"]).isoformat(timespec="seconds"),
            "status": "PROCESSING" if first else row["state"],
            "amount": {"total": trade["amount"], "refund": row["amount"], "currency": "CNY"},
        }
        if not first:
            value["success_time"] = value["create_time"]
        return value

    def _bill(self, query: dict[str, str], host: str) -> dict[str, Any]:
        try:
            day = date.fromisoformat(query.get("bill_date", ""))
        except ValueError:
            raise Refusal(400, "PARAM_ERROR", "bill_date 格式错误") from None
        today = beijing(self._ledger.now()).date()
        if day > today or (day == today and not self.early_bills):
            raise Refusal(400, "STATEMENT_CREATING", "账单生成中")
        entries = self._ledger.day("wechat", day.isoformat())
        if not entries:
            raise Refusal(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        body = wechat_bill(entries, MCHID, WECHAT_APP)
        token = secrets.token_urlsafe(24)
        self._files[token] = gzip.compress(body) if query.get("tar_type") == "GZIP" else body
        digest = hashlib.sha1(body, usedforsecurity=False).hexdigest()
        url = f"http://{host}/v3/billdownload/file?token={token}"
        return {"hash_type": "SHA1", "hash_value": digest, "download_url": url}

    def _file(self, token: str) -> bytes:
        if token not in self._files:
            raise Refusal(400, "PARAM_ERROR", "token 无效")
        return self._files[token]


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, "PARAM_ERROR", "报文不是 JSON 对象")
    return value


def _own(mchid: object) -> None:
    if mchid != MCHID:
        raise Refusal(403, "NO_AUTH", "商户号不符")


def _order(body: dict[str, Any]) -> tuple[str, int, float]:
    """Number, fen and expiry of a Native order, or a refusal."""
    _own(body.get("mchid"))
    if body.get("appid") != WECHAT_APP:
        raise Refusal(400, "APPID_MCHID_NOT_MATCH", "appid 与 mchid 不匹配")
    number, amount, description = body.get("out_trade_no"), body.get("amount"), body.get("description")
    notify = body.get("notify_url")
    total = amount.get("total") if isinstance(amount, dict) and amount.get("currency", "CNY") == "CNY" else None
    good = isinstance(number, str) and _NUMBER.fullmatch(number) and type(total) is int and 1 <= total <= 10**10
    if not good or not isinstance(description, str) or not 1 <= len(description) <= 127:
        raise Refusal(400, "PARAM_ERROR", "参数错误")
    if not isinstance(notify, str) or not notify.startswith(("https://", "http://127.0.0.1:")) or "?" in notify:
        raise Refusal(400, "PARAM_ERROR", "notify_url 错误")
    expires = body.get("time_expire")
    try:
        moment = datetime.fromisoformat(expires) if expires else None
    except (TypeError, ValueError):
        raise Refusal(400, "PARAM_ERROR", "time_expire 格式错误") from None
    assert isinstance(number, str)
    assert isinstance(total, int)
    return number, total, moment.timestamp() if moment else float("inf")
