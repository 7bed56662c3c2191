"""The review queue at the centre: what is decided here is carried out by the kiosk that holds the order."""

from __future__ import annotations

import logging

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.fleet import commands, dossiers, overview
from kiosk.fleet.dossiers import Dossier, Review
from kiosk.privacy import VaultError
from kiosk.privacy.store import StoreError
from kiosk.views.admin.fleet import hall_name, my_hall
from kiosk.views.admin.fleet_orders import dossier_of, named, order_of
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.reviews import REASONS
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

log = logging.getLogger("kiosk.fleet")
CENTRE = ("centre",)


@page("/fleet/reviews", "reviewer", places=CENTRE)
def fleet_reviews() -> str:
    rows = overview.in_review(db.session(), my_hall())
    return render_template("admin/fleet_reviews.html", rows=rows, hall_name=hall_name, named=named)


@page("/fleet/reviews/<number>", "reviewer", places=CENTRE)
def fleet_review(number: str) -> str | Response:
    order, dossier = order_of(number), dossier_of(number)
    if order.review != "waiting" or dossier is None or dossier.review is None:
        flash(_("业务单的材料还没有传到，或已不在审核中。"), "bad")
        return redirect(url_for(".fleet_reviews"), 303)
    name, present = me().name, _present(number, dossier.review)
    with write() as session:
        body = {"clerk": name, "reason": "review", "level": dossier.review.level, "order": number}
        house().log(session, "personal.shown", body)
        if len(present) < len({one.digest for one in dossier.review.pictures}):
            dossiers.ask_again(session, number)
    return render_template(
        "admin/fleet_review.html",
        order=order_of(number),
        dossier=dossier,
        review=dossier.review,
        present=present,
        reasons=REASONS,
    )


def _present(number: str, review: Review) -> set[str]:
    """The pictures that can be shown now."""
    try:
        return {one.digest for one in review.pictures if house().files.has(number, one.digest)}
    except StoreError as error:
        log.warning("the object store: %s", error)
        return set()


@page("/fleet/reviews/<number>/picture/<digest>", "reviewer", places=CENTRE)
def fleet_picture(number: str, digest: str) -> Response:
    """A picture of an order that is under review."""
    order = order_of(number)
    row, dossier = dossiers.read(db.session(), house().vault, number)
    names = {one.digest for one in dossier.review.pictures} if dossier and dossier.review else set()
    if order.review == "" or row is None or digest not in names:
        raise NotFound
    try:
        content = house().files.get(row.wrapped_key, number, digest)
    except (VaultError, StoreError) as error:
        raise NotFound from error
    return Response(content, mimetype="image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")


@page("/fleet/reviews/<number>", "reviewer", places=CENTRE, post=True)
def decide_fleet_review(number: str) -> Response:
    """Approve or send back: a command for the kiosk, and nobody decides the same level twice meanwhile."""
    form, name, order = request.form, me().name, order_of(number)
    dossier = dossier_of(number)
    body = _decision(dossier, form.get("decision", ""), form.get("level", ""), form.get("material", ""), name)
    if isinstance(body, str):
        refused(body)
        return redirect(url_for(".fleet_review", number=number), 303)
    hall = my_hall()
    try:
        with write() as session:
            fresh = overview.order(session, hall, number)
            if fresh is None or fresh.review != "waiting":
                raise commands.CommandRefused("not_in_review")
            given = commands.give(session, order.holder, "review", {**body, "order": number}, name)
            session.refresh(fresh, with_for_update=True)
            if fresh.review != "waiting":
                raise commands.CommandRefused("already_decided")
            fresh.review = "decided"
            facts = {"order": number, "kiosk": fresh.holder, "command": given.id, "clerk": name}
            house().log(session, f"review.{body['decision']}", {**facts, "level": body["level"]})
    except commands.CommandRefused as error:
        refused(error.code)
        return redirect(url_for(".fleet_reviews"), 303)
    flash(_("已决定，自助机下次联系时执行。"), "good")
    return redirect(url_for(".fleet_reviews"), 303)


def _decision(dossier: Dossier | None, decision: str, level: str, material: str, name: str) -> dict[str, str] | str:
    """What the kiosk is told, or the code of why not."""
    review = dossier.review if dossier else None
    if review is None:
        return "not_in_review"
    if decision == "approve":
        if level != review.level:
            return "unknown_level"
        if f"centre/{name}" in review.earlier:
            return "same_reviewer"
        return {"decision": "approve", "level": level, "by": f"centre/{name}"}
    reason = request.form.get("reason", "")
    if decision != "reject" or reason not in REASONS:
        return "no_reason"
    if material not in review.materials:
        return "unknown_material"
    words = str(texts.REASONS[reason])
    facts = {"decision": "reject", "level": review.level, "by": f"centre/{name}"}
    return {**facts, "material": material, "reason": reason, "words": words}
