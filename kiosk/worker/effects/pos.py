"""Effects at the card terminal: get a mark, charge once by that mark, give back by a void.

The mark is in the journal before anything is charged, so a lost result is asked for by it and never charged again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from kiosk.db import BEIJING, now, today
from kiosk.hardware.errors import DeviceError, PosDeclined, PosUnknown
from kiosk.orders import effects, fulfil, money, money_back
from kiosk.orders.models import Payment, Refund
from kiosk.orders.states import OPEN_PAYMENTS, REFUND_MOVES, PaymentState, RefundState, State, check
from kiosk.worker.outcomes import Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

DEADLINE = 120.0  # seconds of one call: longer than the terminal waits for its customer


def payment_of(job: Job) -> Payment:
    return job.session.scalars(select(Payment).where(Payment.out_trade_no == job.effect.subject)).one()


def refund_of(job: Job) -> Refund | None:
    return job.session.scalars(select(Refund).where(Refund.out_refund_no == job.effect.subject)).first()


class PosBegin(Handler):
    """Ask the idle terminal where it stands. Nothing can be charged by this."""

    kind, lane, tries = "pos.begin", "pos", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        refund = refund_of(job)
        if refund is not None:
            payment = refund.payment
            same_day = payment.paid_at is not None and payment.paid_at.astimezone(BEIJING).date() == today()
            voids = payment.trace or 0
            possible = same_day and voids > 0
            return {"number": refund.out_refund_no}, (refund.amount, payment.out_trade_no, voids, possible)
        payment = payment_of(job)
        wanted = payment.state == PaymentState.CREATED
        return {"number": payment.out_trade_no}, (payment.amount, payment.out_trade_no, 0, wanted)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        amount, number, voids, possible = inputs
        if not possible:
            return Done({"begun": False})
        mark = world.pos.call("begin", deadline=20, amount_fen=amount, order=number, voids=voids)
        return Done({"begun": True}, private=mark)

    def conclude(self, job: Job, done: Done) -> None:
        refund = refund_of(job)
        if refund is not None:
            if done.facts["begun"]:
                refund.mark = done.private
                effects.enqueue(job.session, job.order, "pos.void", refund.out_refund_no)
            elif refund.state != RefundState.SUCCEEDED:
                money_back.by_hand(job.session, job.house, refund)  # the terminal voids on the same day only
            return
        payment = payment_of(job)
        if payment.state == PaymentState.CREATED and done.private:
            payment.mark = done.private
            job.house.move_payment(job.session, payment, PaymentState.PENDING)
            effects.enqueue(job.session, job.order, "pos.charge", payment.out_trade_no)
        elif payment.state in OPEN_PAYMENTS:  # called off before the terminal was asked for any money
            job.house.move_payment(job.session, payment, PaymentState.CLOSED)
            money.ended(job.session, job.house, job.order, "payment_cancelled")

    def failed(self, job: Job, failed: Failed) -> None:
        refund = refund_of(job)
        if refund is not None:
            money_back.by_hand(job.session, job.house, refund)
            return
        payment = payment_of(job)
        if payment.state in OPEN_PAYMENTS:
            job.house.move_payment(job.session, payment, PaymentState.CLOSED)
            money.ended(job.session, job.house, job.order, "pos_failed")


class _Marked(Handler):
    """Carry a mark out once; afterwards, and after every doubt, only ask what became of it."""

    lane, tries = "pos", 1

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        mark, called_off = inputs
        if called_off:
            return self.ask(world, pins, inputs)
        try:
            slip = world.pos.call("charge", deadline=DEADLINE, mark=mark)
        except PosDeclined as error:
            return Done({"charged": False, "response": str(error.facts.get("response", ""))[:4]})
        except DeviceError as error:  # also where it says that nothing was charged: the terminal's own word decides
            return Unknown("pos_unknown", {"answer": error.code})
        return Done({"charged": True, "reference": slip.reference}, private=slip)

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        try:
            slip = world.pos.call("find", deadline=60, mark=inputs[0])
        except PosUnknown as error:
            return Unknown("pos_unknown", {"answer": error.code})
        except DeviceError as error:
            return Unknown("pos_busy" if error.code == "device_busy" else "pos_unknown", {"answer": error.code})
        if slip is None:
            return Done({"charged": False})
        return Done({"charged": True, "reference": slip.reference}, private=slip)


class PosCharge(_Marked):
    """Show the amount, wait for the customer, book the slip."""

    kind = "pos.charge"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        payment = payment_of(job)
        assert payment.mark is not None
        facts = {"number": payment.out_trade_no, "amount": payment.amount, "mark": payment.mark}
        return facts, (payment.mark, payment.state == PaymentState.CLOSING)

    def conclude(self, job: Job, done: Done) -> None:
        payment = payment_of(job)
        if payment.state not in OPEN_PAYMENTS:
            return
        if not done.facts["charged"]:
            job.house.move_payment(job.session, payment, PaymentState.CLOSED)
            money.ended(job.session, job.house, job.order, "card_declined" if "response" in done.facts else "pos_ended")
            return
        payment.trace = done.private.trace
        fulfil.settle(job.session, job.house, payment, done.private.reference, done.private.at or now())


class PosVoid(_Marked):
    """Take a sale of today back."""

    kind = "pos.void"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        refund = refund_of(job)
        assert refund is not None
        assert refund.mark is not None
        facts = {"number": refund.out_refund_no, "amount": refund.amount, "mark": refund.mark}
        return facts, (refund.mark, refund.state == RefundState.SUCCEEDED)

    def conclude(self, job: Job, done: Done) -> None:
        refund = refund_of(job)
        assert refund is not None
        if refund.state == RefundState.SUCCEEDED:
            return
        if not done.facts["charged"]:
            money_back.by_hand(job.session, job.house, refund)
            if job.order.state == State.REFUNDING:
                job.house.move(job.session, job.order, State.CLERK, "refund_failed")
            return
        refund.refund_id = done.private.reference
        refund.done_at = done.private.at or now()
        check("refund", REFUND_MOVES, RefundState(refund.state), RefundState.SUCCEEDED)
        refund.state = RefundState.SUCCEEDED
        money_back.arrived(job.session, job.house, refund)
