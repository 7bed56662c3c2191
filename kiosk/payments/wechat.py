"""WeChat Pay Native (API v3): the buyer scans our code with WeChat.

Endpoints and states: WeChat Pay merchant documentation, products "Native payment", "refund" and "trade bill".
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlsplit

from kiosk.payments.bills import parse_wechat_bill
from kiosk.payments.channel import (
    BillLine,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    GatewayUntrusted,
    Outcome,
    RefundOutcome,
    RefundState,
    Trade,
    beijing,
)
from kiosk.payments.fields import Fields
from kiosk.payments.gateway import PROBE_NUMBER, Gateway
from kiosk.payments.http import MAX_BILL, HttpReply
from kiosk.payments.wechat_wire import WechatSettings, WechatWire

NOT_THERE = {"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "ORDERNOTEXIST"}
_STATES = {
    "SUCCESS": Outcome.PAID,
    "REFUND": Outcome.PAID,
    "NOTPAY": Outcome.OPEN,
    "USERPAYING": Outcome.OPEN,
    "ACCEPT": Outcome.OPEN,
    "PAYERROR": Outcome.OPEN,
    "CLOSED": Outcome.CLOSED,
    "REVOKED": Outcome.CLOSED,
}
_REFUNDS = {
    "SUCCESS": RefundOutcome.SUCCEEDED,
    "PROCESSING": RefundOutcome.PROCESSING,
    "CLOSED": RefundOutcome.FAILED,
    "ABNORMAL": RefundOutcome.FAILED,
}


def trade_from(fields: Fields, out_trade_no: str) -> Trade:
    """A trade as query and notification describe it; it must speak of ``out_trade_no``. Raises GatewayUntrusted."""
    if fields.text("out_trade_no") != out_trade_no:
        raise GatewayUntrusted("wrong_subject")
    state = fields.code("trade_state")
    outcome = _STATES.get(state, Outcome.UNKNOWN)
    paid = outcome is Outcome.PAID
    amount = fields.child("amount") if paid or fields.has("amount") else None
    if paid and amount is not None and amount.optional("currency") not in (None, "CNY"):
        raise GatewayUntrusted("wrong_currency")
    return Trade(
        outcome,
        out_trade_no,
        amount_fen=amount.fen("total") if amount else None,
        transaction_id=fields.text("transaction_id") if paid else fields.optional("transaction_id"),
        paid_at=fields.rfc3339("success_time") if paid else None,
        merchant=fields.text("mchid"),
        app_id=fields.text("appid"),
        scanned=state == "USERPAYING",
        refunded=state == "REFUND",
        reason=None if outcome is not Outcome.UNKNOWN else f"state_{state}",
    )


class WechatChannel(Gateway):
    """A :class:`~kiosk.payments.channel.QrChannel`."""

    name = "wechat"
    unseen_grace: timedelta | None = None

    def __init__(self, settings: WechatSettings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._wire = WechatWire(settings, now)
        super().__init__(self._wire.http, now)

    def create(self, out_trade_no: str, amount_fen: int, description: str, expires_at: datetime) -> str:
        """Order a code; the same number with the same arguments may be ordered again and then gives a newer code.

        ``description`` is what the buyer reads (at most 127 characters). Returns the ``weixin://…`` text of the QR
        code.
        """
        body = {
            "appid": self.settings.app_id,
            "mchid": self.settings.mchid,
            "description": description[:127],
            "out_trade_no": out_trade_no,
            "time_expire": beijing(expires_at).isoformat(timespec="seconds"),
            "notify_url": self.settings.notify_url,
            "amount": {"total": amount_fen, "currency": "CNY"},
        }
        fields = self._wire.call(f"create {out_trade_no}", "POST", "/v3/pay/transactions/native", body)
        code_url = fields.text("code_url", 512)
        if not code_url.startswith(("weixin://", "https://")):
            raise GatewayUntrusted("malformed_reply", "code_url")
        return code_url

    def query(self, out_trade_no: str) -> Trade:
        """Ask for the state of a number. Never raises a GatewayError: what cannot be known is UNKNOWN."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(out_trade_no, safe='')}?mchid={self.settings.mchid}"
        try:
            return trade_from(self._wire.call(f"query {out_trade_no}", "GET", path), out_trade_no)
        except GatewayRefused as error:
            outcome = Outcome.NONE if error.code in NOT_THERE else Outcome.UNKNOWN
            return Trade(outcome, out_trade_no, reason=error.code)
        except GatewayError as error:
            return Trade(Outcome.UNKNOWN, out_trade_no, reason=error.code)

    def close(self, out_trade_no: str) -> Trade:
        """End a number that is not paid. PAID when the buyer was faster, CLOSED only on WeChat's word. Never raises."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(out_trade_no, safe='')}/close"
        try:
            self._wire.call(f"close {out_trade_no}", "POST", path, {"mchid": self.settings.mchid})
        except GatewayRefused as error:
            if error.code in NOT_THERE:
                return Trade(Outcome.NONE, out_trade_no, reason=error.code)
            return self.query(out_trade_no)
        except GatewayError as error:
            return Trade(Outcome.UNKNOWN, out_trade_no, reason=error.code)
        return Trade(Outcome.CLOSED, out_trade_no)

    def refund(
        self, out_refund_no: str, out_trade_no: str, amount_fen: int, total_fen: int, reason: str
    ) -> RefundState:
        """Give money back; the same ``out_refund_no`` with the same arguments stays one refund. Never raises.

        A FAILED with reason ``NOT_ENOUGH`` (merchant balance) may be asked for again later under the same number.
        """
        body = {
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "reason": reason[:80],
            "amount": {"refund": amount_fen, "total": total_fen, "currency": "CNY"},
        }
        try:
            fields = self._wire.call(f"refund {out_refund_no}", "POST", "/v3/refund/domestic/refunds", body)
            return self._refund_from(fields, out_refund_no, out_trade_no)
        except GatewayRefused as error:
            return RefundState(RefundOutcome.FAILED, out_refund_no, reason=error.code)
        except GatewayError as error:
            return RefundState(RefundOutcome.UNKNOWN, out_refund_no, reason=error.code)

    def query_refund(self, out_refund_no: str, out_trade_no: str) -> RefundState:
        """Ask for the state of a refund. Never raises."""
        path = f"/v3/refund/domestic/refunds/{quote(out_refund_no, safe='')}"
        try:
            fields = self._wire.call(f"query refund {out_refund_no}", "GET", path)
            return self._refund_from(fields, out_refund_no, out_trade_no)
        except GatewayRefused as error:
            outcome = RefundOutcome.NONE if error.code in NOT_THERE else RefundOutcome.UNKNOWN
            return RefundState(outcome, out_refund_no, reason=error.code)
        except GatewayError as error:
            return RefundState(RefundOutcome.UNKNOWN, out_refund_no, reason=error.code)

    def bill(self, day: date) -> list[BillLine]:
        """All payments and refunds of a Beijing date, to be had from 10:00 of the next day.

        Raises GatewayRefused (``NO_STATEMENT_EXIST`` is an empty day and gives ``[]``), GatewayUnreachable or
        GatewayUntrusted (also for a file that is not the one its signed hash names).
        """
        path = f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL"
        try:
            fields = self._wire.call(f"bill {day}", "GET", path)
        except GatewayRefused as error:
            if error.code == "NO_STATEMENT_EXIST":
                return []
            raise
        return parse_wechat_bill(self._download(fields), self.name)

    def _download(self, fields: Fields) -> bytes:
        url = urlsplit(fields.text("download_url", 2048))
        if (url.scheme, url.hostname or "", url.port) != self._wire.http.origin:
            raise GatewayUntrusted("foreign_download")
        reply = self._wire.raw("GET", f"{url.path}?{url.query}" if url.query else url.path, limit=MAX_BILL)
        if reply.status != 200:
            raise GatewayUnreachable(f"http_{reply.status}")
        digest = hashlib.sha1(reply.body, usedforsecurity=False).hexdigest()
        if fields.text("hash_type") != "SHA1" or not hmac.compare_digest(digest, fields.text("hash_value").lower()):
            raise GatewayUntrusted("wrong_hash")
        return reply.body

    def _ask_nothing(self) -> HttpReply:
        path = f"/v3/pay/transactions/out-trade-no/{PROBE_NUMBER}?mchid={self.settings.mchid}"
        return self._wire.raw("GET", path)

    def _believe(self, reply: HttpReply) -> None:
        if reply.status >= 500:
            raise GatewayUnreachable(f"http_{reply.status}")
        if reply.status == 401:
            raise GatewayUntrusted("request_not_accepted")
        self._wire.platform.check(reply.headers, reply.body)

    def _refund_from(self, fields: Fields, out_refund_no: str, out_trade_no: str) -> RefundState:
        if fields.text("out_refund_no") != out_refund_no or fields.text("out_trade_no") != out_trade_no:
            raise GatewayUntrusted("wrong_subject")
        status = fields.code("status")
        outcome = _REFUNDS.get(status, RefundOutcome.UNKNOWN)
        decided = outcome in (RefundOutcome.SUCCEEDED, RefundOutcome.PROCESSING)
        return RefundState(
            outcome,
            out_refund_no,
            amount_fen=fields.child("amount").fen("refund"),
            refund_id=fields.optional("refund_id"),
            succeeded_at=fields.rfc3339("success_time") if fields.has("success_time") else None,
            reason=None if decided else status,
        )
