"""The review queue: pictures beside the fields they prove; approve, or send back with a reason for each material."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.journal import Event
from kiosk.orders import journey, prefill, review
from kiosk.orders.models import Material, Order, Task
from kiosk.orders.states import MoveRefused
from kiosk.privacy import VaultError
from kiosk.views import visit
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

PROVES = {
    "licence": ("unit_name", "uscc", "org_code", "legal_name", "address"),
    "id_card": ("name", "id_number", "legal_name", "legal_id", "agent_name", "agent_id"),
    "form": ("unit_name", "name", "mobile", "seal_type"),
    "seal_sheet": ("unit_name", "seal_type"),
    "letter": ("agent_name", "agent_id", "legal_name"),
    "voucher": ("invoice_title", "amount"),
}
"""Fields a kind of material proves; the others are listed at the end."""
REASONS = ("unreadable", "not_match", "no_seal", "out_of_date", "wrong_paper", "form_wrong")


def order_of(session: Session, number: str) -> Order:
    found = session.scalars(select(Order).where(Order.number == number)).first()
    if found is None:
        raise NotFound
    return found


@page("/reviews", "reviewer")
def reviews() -> str:
    query = select(Task).where(Task.kind == "review", Task.closed_at.is_(None)).order_by(Task.id).limit(100)
    rows = [(task, review.open_level(house(), task.order)) for task in db.session.scalars(query) if task.order]
    return render_template("clerk/reviews.html", rows=rows)


def proofs(order: Order) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Each picture with the fields it proves, and the fields no picture proves."""
    data = house().data(order)
    _scheme, _service, offer = house().offer(order)
    given = prefill.answers(house(), order, data)
    labels = {field.name: field.label for field in prefill.visible_fields(house(), order, data)}
    kinds = {material.code: material.kind_of for material in offer.materials}
    titles, used, out = review.materials(house(), order), set(), []
    for code, picture in journey.newest_pictures(order).items():
        names = PROVES.get(kinds.get(code.rpartition("-")[0] or code, kinds.get(code, "")), ("unit_name", "name"))
        fields = [(labels[name], given.get(name, "")) for name in names if name in labels and given.get(name)]
        used |= {name for name in names if name in labels}
        out.append({"code": code, "title": titles.get(code, code), "picture": picture, "fields": fields})
    rest = [(label, given[name]) for name, label in labels.items() if name not in used and given.get(name)]
    return out, rest


@page("/reviews/<number>", "reviewer")
def review_order(number: str) -> str | Response:
    order = order_of(db.session(), number)
    level = review.open_level(house(), order)
    if level is None:
        refused("not_in_review")
        return redirect(url_for(".reviews"))
    name = me().name
    with write() as session:
        body = {"clerk": name, "reason": "review", "level": level.code}
        house().log(session, "personal.shown", body, order_of(session, number))
    order = order_of(db.session(), number)
    pictures, rest = proofs(order)
    return render_template(
        "clerk/review.html",
        order=order,
        level=level,
        service=house().offer(order)[1],
        pictures=pictures,
        rest=rest,
        materials=review.materials(house(), order),
        reasons=REASONS,
    )


@page("/reviews/<number>", "reviewer", post=True)
def review_decide(number: str) -> Response:
    name, form = me().name, request.form
    try:
        with write() as session:
            order = order_of(session, number)
            if form.get("decision") == "approve":
                if name in _earlier(session, order):
                    raise review.ReviewRefused("same_reviewer")
                review.approve(session, house(), order, form.get("level", ""), name)
            else:
                reason = form.get("reason", "")
                if reason not in REASONS:
                    raise review.ReviewRefused("no_reason")
                words = str(texts.REASONS[reason])
                review.reject(session, house(), order, form.get("material", ""), words, name)
    except (review.ReviewRefused, MoveRefused) as error:
        refused(getattr(error, "code", "not_in_review"))
        return redirect(url_for(".review_order", number=number), 303)
    visit.nudge()
    flash(_("已通过。") if form.get("decision") == "approve" else _("已退回给用户。"), "good")
    return redirect(url_for(".reviews"), 303)


def _earlier(session: Session, order: Order) -> set[str]:
    """Who approved a level of this submission: the next level wants somebody else."""
    query = select(Event.kind, Event.body).where(Event.order_no == order.number).order_by(Event.seq)
    names: set[str] = set()
    for kind, body in session.execute(query):
        if kind == "review.rejected":
            names.clear()
        elif kind == "review.approved":
            names.add(str(body.get("clerk")))
    return names


@page("/orders/<number>/picture/<int:material>", "reviewer", "clerk")
def picture(number: str, material: int) -> Response:
    """A sealed picture of an order's material, for this answer only; outside a review each look is journalled."""
    name = me().name
    order = order_of(db.session(), number)
    found = db.session.get(Material, material)
    digest = (found.shown or found.picture) if found is not None and found.order_id == order.id else None
    if digest is None:
        raise NotFound
    try:
        content = house().get_file(order, digest)
    except VaultError as error:
        raise NotFound from error
    if review.open_level(house(), order) is None:
        with write() as session:
            body = {"clerk": name, "reason": "original_checked", "picture": material}
            house().log(session, "personal.shown", body, order_of(session, number))
    return Response(content, mimetype="image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")
