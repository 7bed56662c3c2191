"""Alipay "precreate": the buyer scans our code with Alipay.

Endpoints and states: Alipay open platform, product "face-to-face payment". A trade comes into being only when the buyer
scans; a fully refunded trade is ``TRADE_CLOSED`` with a payment date.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from kiosk.payments.alipay_wire import AlipaySettings, AlipayWire
from kiosk.payments.bills import parse_alipay_bill
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
    beijing_text,
    yuan,
)
from kiosk.payments.fields import Fields
from kiosk.payments.gateway import PROBE_NUMBER, Gateway
from kiosk.payments.http import MAX_BILL, Http, HttpReply

__all__ = ["AlipayChannel", "AlipaySettings"]
NOT_THERE = "ACQ.TRADE_NOT_EXIST"
_STATES = {
    "WAIT_BUYER_PAY": Outcome.OPEN,
    "TRADE_SUCCESS": Outcome.PAID,
    "TRADE_FINISHED": Outcome.PAID,
    "TRADE_CLOSED": Outcome.CLOSED,
}


class AlipayChannel(Gateway):
    """A :class:`~kiosk.payments.channel.QrChannel`."""

    name = "alipay"
    unseen_grace: timedelta | None = timedelta(minutes=2)

    def __init__(self, settings: AlipaySettings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._wire = AlipayWire(settings, now)
        super().__init__(self._wire.http, now)

    def create(self, out_trade_no: str, amount_fen: int, description: str, expires_at: datetime) -> str:
        """Order a code; the same number with the same arguments may be ordered again and then gives a newer code.

        ``description`` is what the buyer reads (at most 256 characters). Returns the ``https://…`` text of the QR code.
        """
        content = {
            "out_trade_no": out_trade_no,
            "total_amount": yuan(amount_fen),
            "subject": description[:256],
            "time_expire": beijing_text(expires_at),
        }
        fields = self._wire.call(f"create {out_trade_no}", "alipay.trade.precreate", content)
        _same(fields, out_trade_no)
        code_url = fields.text("qr_code", 1024)
        if not code_url.startswith("https://"):
            raise GatewayUntrusted("malformed_reply", "qr_code")
        return code_url

    def query(self, out_trade_no: str) -> Trade:
        """Ask for the state of a number; NONE before the scan. Never raises: what cannot be known is UNKNOWN."""
        try:
            content = {"out_trade_no": out_trade_no}
            fields = self._wire.call(f"query {out_trade_no}", "alipay.trade.query", content)
            return self._trade_from(fields, out_trade_no)
        except GatewayRefused as error:
            outcome = Outcome.NONE if error.code == NOT_THERE else Outcome.UNKNOWN
            return Trade(outcome, out_trade_no, reason=error.code)
        except GatewayError as error:
            return Trade(Outcome.UNKNOWN, out_trade_no, reason=error.code)

    def close(self, out_trade_no: str) -> Trade:
        """End a trade that is not paid: CLOSED on Alipay's word, PAID when the buyer was faster. Never raises.

        NONE: nobody has scanned the code, there is nothing to close, and it can still be paid until ``unseen_grace``
        after its expiry.
        """
        try:
            content = {"out_trade_no": out_trade_no}
            _same(self._wire.call(f"close {out_trade_no}", "alipay.trade.close", content), out_trade_no)
        except GatewayRefused as error:
            if error.code == NOT_THERE:
                return Trade(Outcome.NONE, out_trade_no, reason=error.code)
            return self.query(out_trade_no)
        except GatewayError as error:
            return Trade(Outcome.UNKNOWN, out_trade_no, reason=error.code)
        return Trade(Outcome.CLOSED, out_trade_no)

    def cancel(self, out_trade_no: str) -> str | None:
        """Alipay's reversal, for a clerk: ends an open trade (``close``), *refunds* a paid one (``refund``), else None.

        Raises any GatewayError. The journey uses :meth:`close` and :meth:`refund`, which say what they do.
        """
        fields = self._wire.call(f"cancel {out_trade_no}", "alipay.trade.cancel", {"out_trade_no": out_trade_no})
        _same(fields, out_trade_no)
        return fields.optional("action")

    def refund(
        self, out_refund_no: str, out_trade_no: str, amount_fen: int, total_fen: int, reason: str
    ) -> RefundState:
        """Give money back; the same ``out_refund_no`` with the same amount stays one refund. Never raises."""
        content = {
            "out_trade_no": out_trade_no,
            "refund_amount": yuan(amount_fen),
            "out_request_no": out_refund_no,
            "refund_reason": reason[:256],
        }
        try:
            fields = self._wire.call(f"refund {out_refund_no}", "alipay.trade.refund", content)
            _same(fields, out_trade_no)
            if fields.optional("fund_change") != "Y":
                return self.query_refund(out_refund_no, out_trade_no)
            return RefundState(RefundOutcome.SUCCEEDED, out_refund_no, amount_fen)
        except GatewayRefused as error:
            return RefundState(RefundOutcome.FAILED, out_refund_no, reason=error.code)
        except GatewayError as error:
            return RefundState(RefundOutcome.UNKNOWN, out_refund_no, reason=error.code)

    def query_refund(self, out_refund_no: str, out_trade_no: str) -> RefundState:
        """Ask for the state of a refund. Never raises. A node without ``refund_status`` means no such refund
        (vendor).
        """
        content = {
            "out_trade_no": out_trade_no,
            "out_request_no": out_refund_no,
            "query_options": ["gmt_refund_pay"],
        }
        try:
            fields = self._wire.call(f"query refund {out_refund_no}", "alipay.trade.fastpay.refund.query", content)
            if not fields.has("refund_status"):
                return RefundState(RefundOutcome.NONE, out_refund_no)
            _same(fields, out_trade_no)
            if fields.text("out_request_no") != out_refund_no:
                raise GatewayUntrusted("wrong_subject")
            done = fields.code("refund_status") == "REFUND_SUCCESS"
            return RefundState(
                RefundOutcome.SUCCEEDED if done else RefundOutcome.UNKNOWN,
                out_refund_no,
                amount_fen=fields.yuan("refund_amount"),
                succeeded_at=fields.beijing("gmt_refund_pay") if fields.has("gmt_refund_pay") else None,
                reason=None if done else fields.code("refund_status"),
            )
        except GatewayRefused as error:
            outcome = RefundOutcome.NONE if error.code == NOT_THERE else RefundOutcome.UNKNOWN
            return RefundState(outcome, out_refund_no, reason=error.code)
        except GatewayError as error:
            return RefundState(RefundOutcome.UNKNOWN, out_refund_no, reason=error.code)

    def bill(self, day: date) -> list[BillLine]:
        """All payments and refunds of a Beijing date, to be had from the next morning.

        Raises any GatewayError; an empty day (``isp.bill_not_exist``) gives ``[]``. Alipay says the same of a bill that
        is not made yet: ask after 10:00 of the next day.
        """
        content = {"bill_type": "trade", "bill_date": day.isoformat()}
        try:
            fields = self._wire.call(f"bill {day}", "alipay.data.dataservice.bill.downloadurl.query", content)
        except GatewayRefused as error:
            if error.code == "isp.bill_not_exist":
                return []
            raise
        return parse_alipay_bill(self._download(fields.text("bill_download_url", 4096)), self.name)

    def _download(self, address: str) -> bytes:
        """The file behind a signed address: from the gateway itself, or by https from one of the bill hosts."""
        url = urlsplit(address)
        target = f"{url.path}?{url.query}" if url.query else url.path
        if (url.scheme, url.hostname or "", url.port) == self._wire.http.origin:
            reply = self._wire.http.send("GET", target, {}, limit=MAX_BILL)
        elif url.hostname in self.settings.bill_hosts and url.port in (None, 80, 443):
            with Http(f"https://{url.hostname}", self.settings.timeout) as http:
                reply = http.send("GET", target, {}, limit=MAX_BILL)
        else:
            raise GatewayUntrusted("foreign_download")
        if reply.status != 200:
            raise GatewayUnreachable(f"http_{reply.status}")
        return reply.body

    def _ask_nothing(self) -> HttpReply:
        return self._wire.raw("alipay.trade.query", {"out_trade_no": PROBE_NUMBER})

    def _believe(self, reply: HttpReply) -> None:
        self._wire.judge(reply, "alipay.trade.query")

    def _trade_from(self, fields: Fields, out_trade_no: str) -> Trade:
        _same(fields, out_trade_no)
        state = fields.code("trade_status")
        outcome = _STATES.get(state, Outcome.UNKNOWN)
        refunded = outcome is Outcome.CLOSED and fields.has("send_pay_date")
        paid = refunded or outcome is Outcome.PAID
        return Trade(
            Outcome.PAID if refunded else outcome,
            out_trade_no,
            amount_fen=fields.yuan("total_amount"),
            transaction_id=fields.text("trade_no") if paid else fields.optional("trade_no"),
            paid_at=fields.beijing("send_pay_date") if paid else None,
            # The query answers our signed application only and names neither: these are the ones it was asked as.
            merchant=self.settings.seller_id,
            app_id=self.settings.app_id,
            scanned=state == "WAIT_BUYER_PAY",
            refunded=refunded,
            reason=None if outcome is not Outcome.UNKNOWN else f"state_{state}",
        )


def _same(fields: Fields, out_trade_no: str) -> None:
    if fields.text("out_trade_no") != out_trade_no:
        raise GatewayUntrusted("wrong_subject")
