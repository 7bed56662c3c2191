"""Paying: preflight, choice of the way, the code and its countdown, the card terminal, cancelling. Every page reads
the local database only, and no form field carries money.
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
from kiosk.orders import effects, fulfil, money
from kiosk.orders.models import Order, Payment
from kiosk.orders.states import PaymentState, State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey import voucher
from kiosk.views.journey.context import beyond, where, with_order
from kiosk.views.journey.routes import blueprint, go_to_page
from kiosk.views.language import gettext as _
from kiosk.views.language import lazy_gettext as _l
from kiosk.views.messages import message

WAYS: dict[str, tuple[Any, Any, str]] = {
    "wechat": (_l("微信支付"), _l("用手机扫屏幕上的码"), "qr-code"),
    "alipay": (_l("支付宝"), _l("用手机扫屏幕上的码"), "qr-code"),
    "pos": (_l("银行卡"), _l("在本机的刷卡机上插卡或挥卡"), "credit-card"),
    "pos_manual": (_l("窗口刷卡"), _l("到窗口刷卡，由工作人员确认"), "credit-card"),
    "transfer": (_l("对公转账"), _l("扫描汇款凭证，由工作人员确认到账"), "file-text"),
}
OTHER = (_l("扫码支付"), _l("用手机扫屏幕上的码"), "qr-code")
ENDING = ("code", "scanned", "opening", "unknown", "voucher", "hand")
"""Faces of the page on which the person may still choose another way."""


def name_of(channel: str) -> str:
    return str(WAYS.get(channel, OTHER)[0])


def _status(session: Session, order: Order) -> dict[str, Any]:
    """What the pay page shows now; ``status`` says which of its faces."""
    said = message(order.note)
    base: dict[str, Any] = {"order": order, "amount": order.amount, "message": said, "payment": None, "may_end": False}
    if effects.live(session, order, "preflight") is not None:
        return {**base, "status": "preflight"}
    payment = fulfil.open_payment_of(session, order)
    if payment is not None:
        return {**base, **_open(session, order, payment)}
    look = effects.last(session, order, "preflight")
    found = look.facts if look and look.state == "done" else {"faults": [look.note or "device_failed"] if look else []}
    faults = [message(code) for code in found.get("faults", [])]
    if faults:
        return {**base, "status": "faults", "faults": faults}
    return {**base, "status": "choose", "channels": [_card(name) for name in found.get("channels", [])]} | {
        "closed": [_card(name, _("暂停使用")) for name in found.get("closed", [])]
    }


def _card(channel: str, reason: str = "") -> dict[str, Any]:
    """One way to pay as a card of the page; ``reason``: why it cannot be chosen."""
    title, how, sign = WAYS.get(channel, OTHER)
    return {"name": "channel", "value": channel, "title": title, "lines": [str(how)], "icon": sign, "reason": reason}


def _open(session: Session, order: Order, payment: Payment) -> dict[str, Any]:
    left = max(int((payment.expires_at - now()).total_seconds()), 0)
    note = _note(session, order, payment)
    status = _face(payment, left, note)
    shown = {
        "payment": payment,
        "status": status,
        "may_end": status in ENDING and payment.channel != money.CARD,  # the terminal has a cancel key of its own
        "left": left,
        "total": house().settings.qr_seconds,
        "channel": name_of(payment.channel),
        "message": message("gateway_unknown") if note in ("gateway_unknown", "pos_unknown") else None,
    }
    return {**shown, **voucher.context(session, order)} if status == "voucher" else shown


def _note(session: Session, order: Order, payment: Payment) -> str | None:
    """What the worker last said of this attempt."""
    for kind in ("pay.watch", "pay.open", "pos.charge", "pos.begin"):
        effect = effects.last(session, order, kind, payment.out_trade_no)
        if effect is not None and effect.note:
            return effect.note
    return None


def _face(payment: Payment, left: int, note: str | None) -> str:
    if payment.state == PaymentState.CLOSING:
        return "closing"
    if payment.channel == "transfer":
        return "voucher" if payment.state == PaymentState.CREATED else "checking"
    if payment.channel == "pos_manual":
        return "hand"
    if payment.channel == money.CARD:
        return "unknown" if note in ("pos_unknown", "pos_busy", "device_timeout") else "card"
    if note == "gateway_unknown":
        return "unknown"
    if left == 0:
        return "closing"
    if payment.code_url is None:
        return "opening"
    return "scanned" if note == "scanned" else "code"


@blueprint.get("/pay")
@with_order(State.PAYING)
def pay() -> str:
    order = visit.order()
    assert order is not None
    return render_template("journey/pay.html", progress=beyond(order, 1), **_status(db.session(), order))


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
    """Look again, choose a way to pay, cancel, scan a voucher, or go back to the answers."""
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
        elif action in voucher.ACTIONS:
            voucher.act(session, order, action)
        elif channel and _may_pay(session, order, channel):
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
