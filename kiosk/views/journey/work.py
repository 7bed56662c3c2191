"""While the machine works, and when it is done."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.catalogue import Operation
from kiosk.db import BEIJING, db, write
from kiosk.ime.pinpad import pads
from kiosk.orders import effects
from kiosk.orders.models import Effect, Order
from kiosk.orders.states import LIVE, State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey.context import where, with_order
from kiosk.views.journey.routes import blueprint, go_to_page
from kiosk.views.language import gettext as _
from kiosk.views.messages import message

TITLES = {
    "token.adopt": "设置 UKey 密码",
    "write.key": "在 UKey 里生成新密钥",
    "ca.issue": "证书机构签发证书",
    "write.certificate": "写入证书并核对",
    "ca.confirm": "启用新证书",
}
ASK_PIN = ("pin_needed", "pin_incorrect")
WORKING = (State.PAID, State.WRITING, State.CLERK, State.REFUNDING)


def _status(session: Session, order: Order) -> dict[str, Any]:
    query = select(Effect).where(Effect.order_id == order.id, Effect.kind.in_(TITLES)).order_by(Effect.id)
    newest = {effect.kind: effect for effect in session.scalars(query)}
    current = next((effect for effect in newest.values() if effect.state in LIVE), None)
    note = current.note if current else None
    service = house().offer(order)[1]
    kinds = [kind for kind in TITLES if kind != "token.adopt" or service.operation == Operation.new]
    steps = [(_(TITLES[kind]), _step_state(newest.get(kind)), "") for kind in kinds]
    review = order.state == State.PAID and bool(service.review)
    return {
        "order": order,
        "steps": steps,
        "review": review,
        "message": message(note or order.note, current.facts if current else None),
        "ask_pin": note in ASK_PIN,
        "status": f"{order.state}-{note or ''}-{'.'.join(state for _title, state, _n in steps)}",
        "stopped": order.state in (State.CLERK, State.REFUNDING),
    }


def _step_state(effect: Effect | None) -> str:
    if effect is None:
        return "waiting"
    if effect.state in LIVE:
        return "running"
    return "done" if effect.state == "done" else "failed"


@blueprint.get("/work")
@with_order(*WORKING)
def work() -> str:
    order = visit.order()
    assert order is not None
    return render_template("journey/work.html", **_status(db.session(), order))


@blueprint.get("/work/wait")
@with_order()
def work_wait() -> str | Response:
    """The polled fragment; a PIN that a restarted worker has lost is given to it again from memory."""
    order = visit.order()
    assert order is not None
    if order.state not in WORKING:
        return go_to_page(where(order))
    status = _status(db.session(), order)
    if status["ask_pin"] and status["message"]["code"] == "pin_needed" and visit.send_pin_again(order.id):
        status["ask_pin"], status["message"] = False, None
    elif status["ask_pin"]:
        return go_to_page(url_for("journey.work"))
    return render_template("journey/_working.html", **status)


@blueprint.post("/work")
@with_order(*WORKING)
def work_pin() -> Response:
    """The PIN once more, when neither process has it any longer."""
    pin = pads.typed(request.form.get("pin", ""))
    if 4 <= len(pin) <= 32 and g.visit_order_id is not None:
        visit.send_pin(g.visit_order_id, pin)
        with write() as session:
            order = session.get(Order, g.visit_order_id)
            assert order is not None
            for kind in TITLES:
                for certificate in order.certificates:
                    effects.hurry(session, order, kind, str(certificate.position))
        visit.nudge()
    return redirect(url_for("journey.work"), 303)


@blueprint.get("/done")
@with_order(State.DONE, State.REFUNDED)
def done() -> str:
    order = visit.order()
    assert order is not None
    service = house().offer(order)[1]
    rows = [(_("业务单号"), order.number)]
    for certificate in order.certificates:
        rows.append((_("UKey 编号"), certificate.token_serial or ""))
        rows.append((_("证书序列号"), (certificate.serial or "").upper()))
        if certificate.not_after:
            rows.append((_("有效期至"), certificate.not_after.astimezone(BEIJING).date().isoformat()))
    if order.amount:
        rows.append((_("已付金额"), _("%(amount)s 元", amount=f"{order.amount / 100:.2f}")))
    papers = [{"code": paper.code, "printed": paper.printed} for paper in order.papers]
    printing = effects.live(db.session(), order, "print.receipt", "receipt")
    return render_template(
        "journey/done.html",
        order=order,
        rows=rows,
        papers=papers,
        refunded=order.state == State.REFUNDED,
        message=message(printing.note) if printing else message(order.note) if order.state == State.REFUNDED else None,
        service=service,
    )
