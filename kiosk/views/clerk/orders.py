"""Orders for the staff: search, time line, masked data, and what may be done for an order."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import desk, desk_routes, journey, prefill, review, search
from kiosk.orders.desk import ACTS
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.privacy import VaultError, mask_name, mask_number, mask_phone
from kiosk.views import visit
from kiosk.views.clerk.guard import ALL, me, page
from kiosk.views.clerk.reviews import order_of, picture_key
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _
from kiosk.views.messages import fault

SHOW_REASONS = ("customer_asked", "complaint", "inspection")
OFFERED = ("resume", "give_back", "print_again", "accept_material", "vouch", "correct", "route")
WORKING = ("clerk", "reviewer", "finance", "admin")


@page("/orders", *ALL)
def orders() -> str:
    args = request.args
    before = args.get("before", type=int)
    kind = args.get("kind", "number")
    found = search.orders(db.session(), house(), "", "", args.get("state", ""), before)
    return render_template("clerk/orders.html", found=found, kind=kind, text="", state=args.get("state", ""))


@page("/orders", *ALL, post=True)
def find_orders() -> str:
    """A search: in the body of the request, so that no number or name stands in an address."""
    kind, text = request.form.get("kind", "number"), request.form.get("text", "")[:80]
    before = request.form.get("before", type=int)
    found = search.orders(db.session(), house(), kind, text, "", before)
    return render_template("clerk/orders.html", found=found, kind=kind, text=text, state="")


def fields_of(order: Order, shown: bool) -> list[tuple[str, str]]:
    """Label and value of every answer, masked unless ``shown``. Empty when the order's key was destroyed."""
    try:
        data = house().data(order)
    except VaultError:
        return []
    given = prefill.answers(house(), order, data)
    rows = []
    for field in prefill.visible_fields(house(), order, data):
        value = given.get(field.name, "")
        if value:
            rows.append((field.label, value if shown else masked(field.name, value)))
    return rows


def masked(name: str, value: str) -> str:
    if any(part in name for part in ("mobile", "phone")):
        return mask_phone(value)
    if any(part in name for part in ("number", "uscc", "code", "_id", "bank")):
        return mask_number(value)
    if "name" in name:
        return mask_name(value)
    return value if len(value) <= 4 else value[:3] + "*" * min(len(value) - 3, 12)


def _draw(order: Order, reason: str = "") -> str:
    """The page; with the reason somebody gave for looking, unmasked and with the pictures."""
    shown = bool(reason)
    clerk = me()
    acts = [ACTS[code] for code in OFFERED if set(ACTS[code].roles) & set(clerk.roles) and _fits(order, code)]
    labels: dict[str, Any] = {}
    if order.state == State.DRAFT and any(act.code == "correct" for act in acts):
        visible = prefill.visible_fields(house(), order, house().data(order))
        labels = {field.name: field.label for field in visible}
    refusable = {c: p for c, p in journey.newest_pictures(order).items() if p.state in ("refused", "good")}
    return render_template(
        "clerk/order.html",
        order=order,
        service=house().offer(order)[1],
        scheme=house().offer(order)[0],
        fields=fields_of(order, shown),
        shown=shown,
        line=search.time_line(db.session(), order),
        acts=acts,
        labels=labels,
        refusable=refusable,
        wrong=[fault(code) for one in refusable.values() for code in one.verdict],
        titles=review.materials(house(), order) if refusable or shown else {},
        pictures=[one for one in journey.newest_pictures(order).values() if one.picture] if shown else [],
        picture_key=picture_key(order.number, reason) if shown else "",
        unseen=desk_routes.unseen(house(), order) if any(act.code == "vouch" for act in acts) else {},
        ways=desk_routes.ways(house(), order) if any(act.code == "route" for act in acts) else {},
        show_reasons=SHOW_REASONS,
    )


def _fits(order: Order, code: str) -> bool:
    match code:
        case "resume":
            return order.state in (State.CLERK, State.WRITING) and bool(order.certificates)
        case "give_back":
            return order.state in (State.PAID, State.CLERK, State.WRITING) or (
                order.state == State.DONE and bool(order.amount)
            )
        case "print_again":
            return bool(order.papers)
        case _:
            return order.state == State.DRAFT


@page("/orders/<number>", *ALL)
def order(number: str) -> str:
    return _draw(order_of(db.session(), number))


@page("/orders/<number>/show", *WORKING, post=True)
def show_personal(number: str) -> str | Response:
    """The data unmasked, once, for a reason that is journalled."""
    reason, name = request.form.get("reason", ""), me().name
    if reason not in SHOW_REASONS:
        refused("no_reason")
        return redirect(url_for(".order", number=number), 303)
    with write() as session:
        house().log(session, "personal.shown", {"clerk": name, "reason": reason}, order_of(session, number))
    return _draw(order_of(db.session(), number), reason)


@page("/orders/<number>/do/<code>", "clerk", "finance", post=True)
def do_order(number: str, code: str) -> Response:
    clerk_id, given = me().id, request.form.to_dict()
    try:
        with write() as session:
            if code not in OFFERED:
                raise DeskRefused("not_allowed")
            found, clerk = order_of(session, number), session.get_one(Clerk, clerk_id)
            proposed = desk.act(session, house(), clerk, code, given.get("reason", ""), order=found, given=given)
            waits = proposed is not None
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(".order", number=number), 303)
    visit.nudge()
    flash(_("已提出，等待另一人复核。") if waits else _("已处理。"), "good")
    return redirect(url_for(".order", number=number), 303)
