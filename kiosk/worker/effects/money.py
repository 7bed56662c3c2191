"""Effects with the payment gateways. CLOSED and PAID are only ever the gateway's word."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from kiosk.db import now
from kiosk.orders import effects, fulfil, money, money_back
from kiosk.orders.models import Payment, Refund
from kiosk.orders.states import REFUND_MOVES, PaymentState, RefundState, State, check
from kiosk.payments.channel import (
    GatewayRefused,
    GatewayUnreachable,
    GatewayUntrusted,
    QrChannel,
    RefundOutcome,
    Trade,
)
from kiosk.payments.channel import Outcome as Known
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

POLL = 1.0  # seconds between two questions about an open trade


@dataclass(frozen=True)
class Attempt:
    """What the outside has to know of one attempt to pay."""

    number: str
    channel: str
    amount: int
    description: str
    expires_at: dt.datetime
    closing: bool
    shown: bool


def _payment(job: Job) -> Payment:
    return job.session.scalars(select(Payment).where(Payment.out_trade_no == job.effect.subject)).one()


def _attempt(job: Job) -> Attempt:
    payment = _payment(job)
    _, service, _ = job.house.offer(job.order)
    return Attempt(
        number=payment.out_trade_no,
        channel=payment.channel,
        amount=payment.amount,
        description=f"CA证书{service.name} {job.order.number}",
        expires_at=payment.expires_at,
        closing=payment.state in (PaymentState.CLOSING, PaymentState.CLOSED),
        shown=payment.code_url is not None,
    )


class PayOpen(Handler):
    """Open the trade at the gateway and get the code the buyer scans."""

    kind, lane, tries = "pay.open", "money", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        attempt = _attempt(job)
        return {"number": attempt.number, "channel": attempt.channel, "amount": attempt.amount}, attempt

    def perform(self, world: World, pins: Pins, inputs: Attempt) -> Outcome:
        if inputs.closing or now() >= inputs.expires_at:
            return Done({"late": True})
        try:
            code = world.channel(inputs.channel).create(
                inputs.number, inputs.amount, inputs.description, inputs.expires_at
            )
        except GatewayRefused as error:
            return Failed("gateway_refused", {"answer": error.code})
        except (GatewayUnreachable, GatewayUntrusted) as error:
            return Unknown("gateway_unknown", {"answer": error.code})
        return Done(private=code)

    def conclude(self, job: Job, done: Done) -> None:
        payment = _payment(job)
        if done.private:
            payment.code_url = done.private
        if payment.state == PaymentState.CREATED:
            target = PaymentState.CLOSING if done.facts.get("late") else PaymentState.PENDING
            job.house.move_payment(job.session, payment, target)
        effects.enqueue(job.session, job.order, "pay.watch", payment.out_trade_no)

    def failed(self, job: Job, failed: Failed) -> None:
        """Refused now; an earlier call whose answer was lost may have made the trade all the same: the gateway says."""
        payment = _payment(job)
        if payment.state in (PaymentState.CREATED, PaymentState.PENDING):
            job.house.move_payment(job.session, payment, PaymentState.CLOSING)
        effects.enqueue(job.session, job.order, "pay.watch", payment.out_trade_no)


class PayWatch(Handler):
    """Ask the gateway until the trade is paid or closed."""

    kind, lane = "pay.watch", "money"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        attempt = _attempt(job)
        return {"number": attempt.number}, attempt

    def perform(self, world: World, pins: Pins, inputs: Attempt) -> Outcome:
        channel = world.channel(inputs.channel)
        trade = channel.query(inputs.number)
        late = now() >= inputs.expires_at
        if trade.outcome in (Known.OPEN, Known.NONE) and (inputs.closing or late):
            trade = channel.close(inputs.number)
            if trade.outcome == Known.NONE:
                if not self._dead(channel, inputs):
                    return Again(POLL, "closing")
                trade = Trade(Known.CLOSED, inputs.number)
        if trade.outcome in (Known.PAID, Known.CLOSED):
            wrong = self._wrong(world, trade, inputs) if trade.outcome == Known.PAID else []
            return Done({"trade": trade.outcome.value, "wrong": wrong}, private=(trade, inputs))
        if trade.outcome == Known.UNKNOWN:
            return Again(POLL, "gateway_unknown", {"answer": trade.reason or ""})
        return Again(POLL, "closing" if inputs.closing else ("scanned" if trade.scanned else None))

    @staticmethod
    def _dead(channel: QrChannel, inputs: Attempt) -> bool:
        """Whether a number the gateway does not know can no longer be paid."""
        if channel.unseen_grace is not None:  # its trades begin with the scan: the code itself has to die
            return now() >= inputs.expires_at + channel.unseen_grace
        return not inputs.shown or now() >= inputs.expires_at

    @staticmethod
    def _wrong(world: World, trade: Trade, inputs: Attempt) -> list[str]:
        """What of a paid trade is not as ordered."""
        merchant, app_id = world.account(inputs.channel)
        pairs = (
            ("amount", inputs.amount, trade.amount_fen),
            ("merchant", merchant, trade.merchant or merchant),
            ("app_id", app_id, trade.app_id or app_id),
        )
        return [name for name, ours, theirs in pairs if ours is not None and ours != theirs]

    def conclude(self, job: Job, done: Done) -> None:
        trade, attempt = done.private
        payment = _payment(job)
        if payment.state in (PaymentState.SUCCEEDED, PaymentState.MISMATCH):
            return
        if trade.outcome == Known.CLOSED:
            if payment.state != PaymentState.CLOSED:
                job.house.move_payment(job.session, payment, PaymentState.CLOSED)
                money.ended(job.session, job.house, job.order, self._why(attempt))
        elif done.facts["wrong"]:
            payment.transaction_id = trade.transaction_id
            job.house.move_payment(job.session, payment, PaymentState.MISMATCH)
            if job.order.state == State.PAYING:
                job.house.move(job.session, job.order, State.CLERK, "payment_mismatch")
            job.house.task(job.session, "payment_mismatch", done.facts, job.order, payment.out_trade_no)
        else:
            fulfil.settle(job.session, job.house, payment, trade.transaction_id, trade.paid_at)

    @staticmethod
    def _why(attempt: Attempt) -> str:
        if not attempt.shown:
            return "gateway_refused"
        return "payment_cancelled" if attempt.closing else "qr_expired"


class RefundPayment(Handler):
    """Give the money of one payment back; the refund number never changes, so asking twice refunds once."""

    kind, lane, tries = "refund", "money", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        refund = self._refund(job)
        payment = refund.payment
        inputs = (
            payment.channel,
            refund.out_refund_no,
            payment.out_trade_no,
            refund.amount,
            payment.amount,
            refund.reason,
        )
        return {"number": refund.out_refund_no, "amount": refund.amount}, inputs

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        channel, number, trade, amount, total, reason = inputs
        known = world.channel(channel).query_refund(number, trade)
        if known.outcome in (RefundOutcome.NONE, RefundOutcome.FAILED):
            known = world.channel(channel).refund(number, trade, amount, total, reason)
        if known.outcome == RefundOutcome.SUCCEEDED:
            return Done({"refund": number}, private=known)
        if known.outcome == RefundOutcome.FAILED:
            return Failed("refund_failed", {"answer": known.reason or ""})
        if known.outcome == RefundOutcome.UNKNOWN:
            return Unknown("gateway_unknown", {"answer": known.reason or ""})
        return Again(3.0, "refund_processing")

    def conclude(self, job: Job, done: Done) -> None:
        refund = self._refund(job)
        refund.refund_id = done.private.refund_id
        self._to(refund, RefundState.SUCCEEDED)
        refund.done_at = done.private.succeeded_at or now()
        money_back.arrived(job.session, job.house, refund)

    def failed(self, job: Job, failed: Failed) -> None:
        refund = self._refund(job)
        self._to(refund, RefundState.FAILED)
        if job.order.state == State.REFUNDING:
            job.house.move(job.session, job.order, State.CLERK, "refund_failed")
        job.house.task(job.session, "refund_failed", failed.facts, job.order, refund.out_refund_no)

    @staticmethod
    def _to(refund: Refund, new: RefundState) -> None:
        check("refund", REFUND_MOVES, RefundState(refund.state), new)
        refund.state = new

    @staticmethod
    def _refund(job: Job) -> Refund:
        return job.session.scalars(select(Refund).where(Refund.out_refund_no == job.effect.subject)).one()
