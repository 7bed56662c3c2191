"""Invoice requests (开票申请): what finance has to issue, and what it gave back. The kiosk issues no invoice."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.orders.book import House
from kiosk.orders.models import Order, Payment
from kiosk.orders.money_models import Invoice
from kiosk.orders.prefill import answers
from kiosk.orders.states import PaymentState, State
from kiosk.payments.invoice import InvoiceRequest, InvoiceResult, InvoiceState
from kiosk.privacy.vault import Shredded


def waiting(session: Session, house: House) -> list[InvoiceRequest]:
    """Finished orders whose buyer wants an invoice that was not issued yet; an order that was shredded is left out."""
    issued = select(Invoice.order_id).where(Invoice.state.in_((InvoiceState.ISSUED, InvoiceState.RED)))
    query = select(Order).where(Order.state == State.DONE, Order.amount > 0, Order.id.not_in(issued)).order_by(Order.id)
    found = (_request(house, order) for order in session.scalars(query))
    return [request for request in found if request is not None]


def _request(house: House, order: Order) -> InvoiceRequest | None:
    try:
        given = answers(house, order, house.data(order))
    except Shredded:
        return None
    paid = _paid(order)
    if given.get("invoice") != "yes" or paid is None or paid.paid_at is None:
        return None
    _, service, _ = house.offer(order)
    title = given.get("invoice_title") or given.get("unit_name") or given.get("name") or ""
    return InvoiceRequest(
        order=order.number,
        title=title,
        tax_number=given.get("tax_number", ""),
        amount_fen=paid.amount,
        content=f"数字证书服务（{service.name}）",
        paid_at=paid.paid_at,
        email=given.get("email", ""),
        mobile=given.get("mobile", ""),
    )


def _paid(order: Order) -> Payment | None:
    kept = [p for p in order.payments if p.state == PaymentState.SUCCEEDED and p.refund is None]
    return kept[0] if kept else None


def exported(session: Session, house: House, requests: Iterable[InvoiceRequest]) -> None:
    """Finance has been given these requests."""
    for request in requests:
        order = session.scalars(select(Order).where(Order.number == request.order)).one()
        row = _row(session, order)
        if row.state != InvoiceState.REQUESTED or row.id is None:
            row.state, row.reason = InvoiceState.REQUESTED, None
            session.add(row)
            house.log(session, "invoice.requested", {"amount": request.amount_fen}, order)


def of(session: Session, order: Order) -> Invoice | None:
    """What became of an order's request; None before it was handed to finance."""
    return session.scalars(select(Invoice).where(Invoice.order_id == order.id)).first()


def imported(session: Session, house: House, results: Iterable[InvoiceResult]) -> tuple[int, list[str]]:
    """Take finance's answers: how many were taken, and the order numbers nobody here knows.

    An invoice of an order whose money went back has to be reversed: a task (红字).
    """
    taken, unknown = 0, []
    for result in results:
        order = session.scalars(select(Order).where(Order.number == result.order)).first()
        if order is None:
            unknown.append(result.order)
            continue
        row = _row(session, order)
        row.state, row.number = str(result.state), result.number or None
        row.issued_on, row.reason = result.issued_on, result.reason or None
        session.add(row)
        body = {"state": row.state, "number": row.number}
        house.log(session, "invoice.answered", body, order)
        if result.state == InvoiceState.ISSUED:
            house.mark(session, order, "invoiced")
            if any(payment.refund for payment in order.payments):
                house.task(session, "refund_after_invoice", body, order)
        taken += 1
    return taken, unknown


def _row(session: Session, order: Order) -> Invoice:
    return of(session, order) or Invoice(order_id=order.id, state=InvoiceState.REQUESTED)
