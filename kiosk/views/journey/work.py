"""While the machine works, and when it is done."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.db import BEIJING, db, write
from kiosk.ime.pinpad import pads
from kiosk.orders import effects, writing
from kiosk.orders.causes import work_of
from kiosk.orders.models import Certificate, Effect, Order
from kiosk.orders.states import LIVE, State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey import rate
from kiosk.views.journey.context import beyond, where, with_order
from kiosk.views.journey.fields import weak_pin
from kiosk.views.journey.routes import blueprint, go_to_page
from kiosk.views.language import gettext as _
from kiosk.views.messages import message

TITLES = {
    "token.next": "插入下一个新 UKey",
    "token.adopt": "设置 UKey 密码",
    "token.unlock": "取得授权并重设密码",
    "write.key": "在 UKey 里生成新密钥",
    "ca.issue": "证书机构签发证书",
    "write.certificate": "写入证书并核对",
    "seal.make": "制作电子签章",
    "write.seal": "写入电子签章",
    "ca.confirm": "启用新证书",
    "ca.act": "证书机构办理",
}
HEADINGS = {"new": "正在写入 UKey，请不要拔出", "same": "正在重设密码，请不要拔出 UKey", "none": "正在办理，请稍候"}
ASK_PIN = ("pin_needed", "pin_incorrect")
WORKING = (State.PAID, State.WRITING, State.CLERK, State.REFUNDING)


def _kinds(order: Order) -> list[str]:
    """The effects of this order's work, in their order."""
    service, offer = house().offer(order)[1:]
    kinds = list(dict.fromkeys(writing.CHAINS[work_of(service)].values()))
    if offer.seal is None:
        kinds = [kind for kind in kinds if kind not in ("seal.make", "write.seal")]
    if offer.token == "blank":  # noqa: S105
        kinds.insert(0, "token.adopt")
        if len(order.certificates) > 1:
            kinds.insert(0, "token.next")
    return kinds


def _current(order: Order) -> Certificate | None:
    """The certificate that is worked on: the first that is not at its end, else the last."""
    open_ones = [certificate for certificate in order.certificates if certificate.state not in writing.ENDS]
    return open_ones[0] if open_ones else order.certificates[-1] if order.certificates else None


def _status(session: Session, order: Order) -> dict[str, Any]:
    certificate = _current(order)
    subject = str(certificate.position) if certificate else "0"
    query = select(Effect).where(Effect.order_id == order.id, Effect.kind.in_(TITLES), Effect.subject == subject)
    newest = {effect.kind: effect for effect in session.scalars(query.order_by(Effect.id))}
    current = next((effect for effect in newest.values() if effect.state in LIVE), None)
    note = current.note if current else None
    service = house().offer(order)[1]
    steps = [(_(TITLES[kind]), _step_state(newest.get(kind)), "") for kind in _kinds(order)]
    many = len(order.certificates)
    of = _("第 %(n)s 个 UKey，共 %(m)s 个", n=int(subject) + 1, m=many) if many > 1 else ""
    return {
        "order": order,
        "steps": steps,
        "heading": _(HEADINGS.get(work_of(service), "正在办理，请稍候")),
        "of": of,
        "review": order.state == State.PAID and bool(service.review),
        "message": message(note or order.note, current.facts if current else None),
        "ask_pin": note in ASK_PIN,
        "ask_new": note in ASK_PIN and current is not None and current.kind in ("token.adopt", "token.unlock"),
        "position": int(subject),
        "status": f"{order.state}-{subject}-{note or ''}-{'.'.join(state for _title, state, _n in steps)}",
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
    return render_template("journey/work.html", progress=beyond(order, 2), **_status(db.session(), order))


@blueprint.get("/work/wait")
@with_order()
def work_wait() -> str | Response:
    """The polled fragment; a PIN that a restarted worker has lost is given to it again from memory."""
    order = visit.order()
    assert order is not None
    if order.state not in WORKING:
        return go_to_page(where(order))
    status = _status(db.session(), order)
    known = status["position"] == 0  # each further applicant chooses a PIN of his own
    if status["ask_pin"] and known and status["message"]["code"] == "pin_needed" and visit.send_pin_again(order.id):
        status["ask_pin"], status["message"] = False, None
    elif status["ask_pin"]:
        return go_to_page(url_for("journey.work"))
    return render_template("journey/_working.html", **status)


@blueprint.post("/work")
@with_order(*WORKING)
def work_pin() -> Response:
    """The PIN once more, when neither process has it any longer."""
    order = visit.order()
    assert order is not None
    pin = pads.typed(request.form.get("pin", ""))
    refused = None
    if _status(db.session(), order)["ask_new"]:
        refused = weak_pin(pin, house().data(order))
        if refused is None and pin != pads.typed(request.form.get("again", "")):
            refused = _("两次输入的密码不一样，请重新输入。")
    if refused:
        flash(refused)
    elif 4 <= len(pin) <= 32:
        visit.send_pin(order.id, pin)
        with write() as session:
            writing.hurry(session, session.get_one(Order, order.id))
        visit.nudge()
    return redirect(url_for("journey.work"), 303)


@blueprint.get("/done")
@with_order(State.DONE, State.REFUNDED)
def done() -> str:
    order = visit.order()
    assert order is not None
    service = house().offer(order)[1]
    papers = [{"code": paper.code, "printed": paper.printed} for paper in order.papers]
    printing = effects.live(db.session(), order, "print.receipt", "receipt")
    title, text = _said(work_of(service))
    return render_template(
        "journey/done.html",
        order=order,
        title=title,
        text=text,
        rows=_rows(order),
        papers=papers,
        refunded=order.state == State.REFUNDED,
        message=message(printing.note) if printing else message(order.note) if order.state == State.REFUNDED else None,
        service=service,
        **rate.shown(db.session(), order),
    )


@blueprint.post("/again")
@with_order(State.DONE)
def again() -> Response:
    """Another service in the same visit: what is known of this unit or person need not be typed again."""
    order = visit.order()
    assert order is not None
    visit.forget_pin(order.id)
    visit.go_on()
    return redirect(url_for("home.index"), 303)


def _said(work: str) -> tuple[str, str]:
    """Title and sentence of the last page."""
    if work == "new":
        return _("办理完成，可以拔出 UKey"), _("新证书已写入并核对。请取走 UKey、身份证、原件和凭条。")
    if work == "same":
        return _("密码已重设，可以拔出 UKey"), _("以后请用新密码。请取走 UKey、身份证、原件和凭条。")
    return _("办理完成"), _("已经生效。请取走身份证、原件和凭条。")


def _rows(order: Order) -> list[tuple[str, str]]:
    rows = [(_("业务单号"), order.number)]
    for certificate in order.certificates:
        if certificate.token_serial:
            rows.append((_("UKey 编号"), certificate.token_serial))
        rows.append((_("证书序列号"), (certificate.serial or certificate.old_serial or "").upper()))
        if certificate.not_after:
            rows.append((_("有效期至"), certificate.not_after.astimezone(BEIJING).date().isoformat()))
    if order.amount:
        rows.append((_("已付金额"), _("%(amount)s 元", amount=f"{order.amount / 100:.2f}")))
    return rows
