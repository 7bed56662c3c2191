"""The review queue: pictures beside the fields they prove; approve, or send back with a reason for each material."""

from __future__ import annotations

from collections.abc import Mapping

from flask import current_app, flash, redirect, render_template, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import proofs, review
from kiosk.orders.models import Material, Order, Task
from kiosk.orders.states import MoveRefused
from kiosk.privacy import VaultError
from kiosk.views import visit
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

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
    pictures, rest = proofs.proofs(house(), order)
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
                if name in proofs.earlier(session, order):
                    raise review.ReviewRefused("same_reviewer")
                review.approve(session, house(), order, form.get("level", ""), name)
            else:
                codes = _reasons(form)
                words = {material: str(texts.REASONS[code]) for material, code in codes.items()}
                review.send_back(session, house(), order, words, name, codes)
    except (review.ReviewRefused, MoveRefused) as error:
        refused(getattr(error, "code", "not_in_review"))
        return redirect(url_for(".review_order", number=number), 303)
    visit.nudge()
    flash(_("已通过。") if form.get("decision") == "approve" else _("已退回给用户。"), "good")
    return redirect(url_for(".reviews"), 303)


def _reasons(form: Mapping[str, str]) -> dict[str, str]:
    """What is not right, and the code of why: fields ``bad-<material>``, empty where it is good."""
    given = {key.removeprefix("bad-"): code for key, code in form.items() if key.startswith("bad-") and code}
    if set(given.values()) - set(REASONS):
        raise review.ReviewRefused("no_reason")
    return given


@page("/orders/<number>/picture/<int:material>", "reviewer", "clerk")
def picture(number: str, material: int) -> Response:
    """A sealed picture of an order's material, for this answer only: in a review for its reviewers, else only by the
    key that the page behind 显示个人信息 holds, and journalled.
    """
    name = me().name
    order = order_of(db.session(), number)
    found = db.session.get(Material, material)
    digest = (found.shown or found.picture) if found is not None and found.order_id == order.id else None
    if digest is None:
        raise NotFound
    reviewing = "reviewer" in me().roles and review.open_level(house(), order) is not None
    reason = "review" if reviewing else shown_why(number, request.args.get("key", ""))
    if not reason:
        raise Forbidden
    try:
        content = house().get_file(order, digest)
    except VaultError as error:
        raise NotFound from error
    if not reviewing:
        with write() as session:
            body = {"clerk": name, "reason": reason, "picture": material}
            house().log(session, "personal.shown", body, order_of(session, number))
    return Response(content, mimetype="image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")


KEY_LIFE = 300  # seconds the pictures of a page that was shown can be loaded


def _keys() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="shown pictures")


def picture_key(number: str, reason: str) -> str:
    """What the page of an order holds after somebody said why he looks: opens its pictures for him, for minutes."""
    return _keys().dumps([number, me().name, reason])


def shown_why(number: str, key: str) -> str:
    """The reason that was given; empty when the key is not for this order and clerk, or too old."""
    try:
        order, name, reason = _keys().loads(key, max_age=KEY_LIFE)
    except (BadData, ValueError):
        return ""
    return str(reason) if (order, name) == (number, me().name) else ""
