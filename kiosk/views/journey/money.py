"""Paying: preflight, choice of channel, the code and its countdown, cancelling. Every page reads the local
database only.
"""

from __future__ import annotations

import io
from typing import Any

import segno
from flask import g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.db import db, now, write
from kiosk.orders import effects, fulfil
from kiosk.orders.models import Order, Payment
from kiosk.orders.states import PaymentState, State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey.context import where, with_order
from kiosk.views.journey.routes import blueprint, go_to_page
from kiosk.views.language import gettext as _
from kiosk.views.messages import message

CHANNELS = {"wechat": "微信支付", "alipay": "支付宝"}


def _status(session: Session, order: Order) -> dict[str, Any]:
    """What the pay page shows now; ``status`` says which of its faces."""
    base: dict[str, Any] = {"order": order, "amount": order.amount, "message": message(order.note), "payment": None}
    if effects.live(session, order, "preflight") is not None:
        return {**base, "status": "preflight"}
    look = effects.last(session, order, "preflight")
    found = look.facts if look and look.state == "done" else {"faults": [look.note or "device_failed"] if look else []}
    faults = [message(code) for code in found.get("faults", [])]
    payment = fulfil.open_payment_of(session, order)
    if payment is None:
        if faults:
            return {**base, "status": "faults", "faults": faults}
        return {**base, "status": "choose", "channels": [(c, _(CHANNELS[c])) for c in found.get("channels", [])]}
    return {**base, **_open(session, order, payment)}


def _open(session: Session, order: Order, payment: Payment) -> dict[str, Any]:
    watch = effects.last(session, order, "pay.watch", payment.out_trade_no)
    opening = effects.live(session, order, "pay.open", payment.out_trade_no)
    left = max(int((payment.expires_at - now()).total_seconds()), 0)
    note = (watch.note if watch else None) or (opening.note if opening else None)
    if payment.state == PaymentState.CLOSING or left == 0:
        status = "closing"
    elif payment.code_url is None:
        status = "opening"
    else:
        status = "unknown" if note == "gateway_unknown" else "scanned" if note == "scanned" else "code"
    said = message("gateway_unknown") if note == "gateway_unknown" else None
    return {
        "payment": payment,
        "status": status,
        "left": left,
        "total": house().settings.qr_seconds,
        "channel": _(CHANNELS.get(payment.channel, payment.channel)),
        "message": said,
    }


@blueprint.get("/pay")
@with_order(State.PAYING)
def pay() -> str:
    order = visit.order()
    assert order is not None
    return render_template("journey/pay.html", **_status(db.session(), order))


@blueprint.get("/pay/wait")
@with_order()
def pay_wait() -> str | Response:
    order = visit.order()
    assert order is not None
    if order.state != State.PAYING:
        return go_to_page(where(order))
    status = _status(db.session(), order)
    if status["status"] != request.args.get("status"):
        return go_to_page(url_for("journey.pay"))
    return render_template("journey/_pay_waiting.html", **status)


@blueprint.post("/pay")
@with_order(State.PAYING)
def pay_act() -> Response:
    """Look again, choose a channel, cancel, or go back to the answers."""
    action, channel = request.form.get("action"), request.form.get("channel")
    with write() as session:
        order = session.get(Order, g.visit_order_id)
        assert order is not None
        if action == "again":
            effects.enqueue(session, order, "preflight")
        elif action == "cancel":
            fulfil.cancel_payment(session, house(), order)
        elif action == "back":
            fulfil.reopen(session, house(), order)
        elif channel in CHANNELS and _may_pay(session, order, channel):
            fulfil.start_payment(session, house(), order, channel)
        elif not order.amount and action == "go" and _may_pay(session, order, None):
            house().move(session, order, State.PAID)
            fulfil.accepted(session, house(), order)
    visit.nudge()
    return redirect(url_for("journey.resume"), 303)


def _may_pay(session: Session, order: Order, channel: str | None) -> bool:
    """Nobody pays for what cannot be delivered: the last look found nothing wrong and this channel open."""
    look = effects.last(session, order, "preflight")
    if look is None or look.state != "done" or look.facts.get("faults"):
        return False
    return channel is None or channel in look.facts.get("channels", [])


@blueprint.get("/pay/code.svg")
@with_order(State.PAYING)
def pay_code() -> Response:
    """The open attempt's code as SVG."""
    query = select(Payment).where(Payment.order_id == g.visit_order_id, Payment.state == PaymentState.PENDING)
    payment = db.session.scalars(query).first()
    if payment is None or not payment.code_url:
        return Response(status=404)
    out = io.BytesIO()
    segno.make(payment.code_url, error="m").save(out, kind="svg", scale=8, border=2, xmldecl=False)
    return Response(out.getvalue(), mimetype="image/svg+xml")
