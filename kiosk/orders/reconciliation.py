"""Day-end reconciliation (日终对账) by orders: our payments and refunds of a Beijing date against the bills.

Whoever calls brings the bills; the result is kept, each exception becomes a task of finance, and somebody signs it off
by name. A transfer has no bill of ours: its clerk has compared it with the bank statement.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kiosk.db import BEIJING, now
from kiosk.fleet.wire import kiosk_of
from kiosk.orders.book import House
from kiosk.orders.models import Order, Payment, Refund
from kiosk.orders.money_models import Reconciled
from kiosk.orders.states import PaymentState, RefundState
from kiosk.payments.channel import BillLine, LineKind
from kiosk.payments.reconcile import Finding, LedgerLine, Reconciliation, report
from kiosk.payments.reconcile import reconcile as match

OWNER = "finance"
SLIPS = {"pos": "pos", "pos_manual": "pos"}
"""Channels whose payments stand in the acquirer's settlement, under the slip's reference number."""


class Signed(Exception):
    """This day was signed off; it is not reckoned again."""


def make(session: Session, house: House, day: dt.date, bills: Iterable[BillLine]) -> Reconciliation:
    """Match ``day``, keep the result and open a task for each exception. Raises :class:`Signed`."""
    kept = session.get(Reconciled, day)
    if kept is not None and kept.signed_by:
        raise Signed(day.isoformat())
    ours = records(session, house, day)
    before = session.get(Reconciled, day - dt.timedelta(days=1))
    carry, early = (set(before.carry), set(before.early)) if before else (set(), set())
    carried = [line for line in ours if _key(line) in carry]
    taken = [line for line in ours if _key(line) in early]
    result = match(day, ours, bills, carried, taken)
    row = kept or Reconciled(day=day)
    row.counts, row.made_at = result.counts(), now()
    row.report = [asdict(line) for line in report(result)]
    row.exceptions = [describe(finding) for finding in result.exceptions]
    row.carry, row.early = [_key(line) for line in result.carry], [_key(line) for line in result.early]
    session.add(row)
    for finding in result.exceptions:
        _task(session, house, day, finding)
    house.log(session, "reconciled", {"day": day.isoformat(), **result.counts()})
    return result


def sign(session: Session, house: House, day: dt.date, name: str) -> Reconciled:
    """Somebody answers for this day with his name. Raises KeyError for a day not reckoned, :class:`Signed`."""
    row = session.get(Reconciled, day)
    if row is None:
        raise KeyError(day.isoformat())
    if row.signed_by:
        raise Signed(day.isoformat())
    row.signed_by, row.signed_at = name[:40], now()
    house.log(session, "reconciliation.signed", {"day": day.isoformat(), "by": row.signed_by})
    return row


def records(session: Session, house: House, day: dt.date) -> list[LedgerLine]:
    """All our payments and refunds of ``day`` and of the days beside it."""
    begin = dt.datetime.combine(day - dt.timedelta(days=1), dt.time(), BEIJING)
    end = begin + dt.timedelta(days=3)
    moved = Payment.paid_at.between(begin, end)
    begun = Payment.created_at.between(begin, end)
    payments = session.scalars(select(Payment).where(or_(moved, begun), Payment.channel != "transfer"))
    own = house.settings.kiosk_id  # an order that came from another kiosk was paid there: it stands in that one's books
    lines = [_payment(house, payment) for payment in payments if kiosk_of(payment.order.number) == own]
    done = or_(Refund.done_at.between(begin, end), Refund.at.between(begin, end))
    refunds = session.scalars(select(Refund).join(Refund.payment).where(done, Payment.channel != "transfer"))
    return lines + [_refund(house, refund) for refund in refunds]


def _payment(house: House, payment: Payment) -> LedgerLine:
    order = payment.order
    slip = SLIPS.get(payment.channel)
    return LedgerLine(
        channel=slip or payment.channel,
        kind=LineKind.PAYMENT,
        number=(payment.transaction_id if slip else None) or payment.out_trade_no,
        amount_fen=payment.amount,
        settled=payment.state == PaymentState.SUCCEEDED,
        at=payment.paid_at or payment.created_at,
        hall=house.settings.hall,
        kiosk=house.settings.kiosk_id,
        service=f"{order.scheme}/{order.service}/{order.kind}",
        order=order.number,
    )


def _refund(house: House, refund: Refund) -> LedgerLine:
    paid = _payment(house, refund.payment)
    by_slip = refund.payment.channel in SLIPS
    return LedgerLine(
        channel=paid.channel,
        kind=LineKind.REFUND,
        number=paid.number,
        amount_fen=refund.amount,
        settled=refund.state == RefundState.SUCCEEDED,
        at=refund.done_at or refund.at,
        hall=paid.hall,
        kiosk=paid.kiosk,
        service=paid.service,
        order=paid.order,
        refund_number=(refund.refund_id if by_slip else None) or refund.out_refund_no,
    )


def describe(finding: Finding) -> dict[str, object]:
    """One exception as plain facts; amounts in fen."""
    line = finding.bill or finding.ours
    return {
        "verdict": str(finding.verdict),
        "channel": line.channel if line else "",
        "kind": str(line.kind) if line else "",
        "number": finding.number,
        "refund_number": line.refund_number if line else "",
        "order": finding.ours.order if finding.ours else "",
        "ours_fen": finding.ours.amount_fen if finding.ours else None,
        "bill_fen": finding.bill.amount_fen if finding.bill else None,
        "effect_fen": finding.effect_fen,
        "owner": OWNER,
    }


def _task(session: Session, house: House, day: dt.date, finding: Finding) -> None:
    facts = describe(finding)
    number = str(facts["order"])
    order = session.scalars(select(Order).where(Order.number == number)).first() if number else None
    subject = f"{day:%Y%m%d}:{facts['channel']}:{facts['refund_number'] or facts['number']}"[:60]
    house.task(session, "reconciliation", {"day": day.isoformat(), **facts}, order, subject)


def _key(line: LedgerLine) -> str:
    return "|".join((line.channel, str(line.kind), line.number, line.refund_number))
