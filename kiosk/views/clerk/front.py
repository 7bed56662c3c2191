"""The first page after signing in at the kiosk, and what the staff's side adds to the customer's pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, render_template, request
from sqlalchemy import func, select

from kiosk.catalogue import Kind
from kiosk.db import BEIJING, db, now
from kiosk.orders import clerks, desk_cards, standing
from kiosk.orders.book import NotOffered
from kiosk.orders.desk_models import Proposal
from kiosk.orders.models import Order, Task
from kiosk.views import visit
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import ALL, COOKIES, POLLS, drop_cookie, page
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

CUSTOMER = ("home.index", "home.welcome", "home.service", "home.begin")


@page("/", *ALL, places=("kiosk",))
def index() -> str:
    order = visit.order()
    waiting = db.session.scalar(select(func.count()).select_from(Task).where(Task.closed_at.is_(None)))
    proposals = db.session.scalar(select(func.count()).select_from(Proposal).where(Proposal.state == "open"))
    out = standing.out_of_service(db.session())
    return render_template("clerk/index.html", order=order, waiting=waiting, proposals=proposals, out=out)


def _closed() -> tuple[str, int] | None:
    """While the kiosk is out of service nobody begins; who has an order goes on with it."""
    if request.endpoint not in CUSTOMER or visit.order() is not None:
        return None
    reason = standing.out_of_service(db.session())
    if reason is None:
        return None
    here = house()
    points = here.catalogue.schemes[here.settings.hall].service_points[:2]
    return render_template("clerk/closed.html", reason=texts.say(texts.CLOSED, reason), points=points), 503


def _banner() -> dict[str, Any]:
    """The clerk who is signed in at this screen, for the banner on every page."""
    if request.blueprint == "admin" or request.endpoint in (None, "static"):
        return {"desk_here": None}
    token = request.cookies.get(COOKIES["kiosk"], "")
    if g.get("desk_place") == "kiosk":
        found = g.desk
    else:
        found = clerks.who(token, "kiosk", touch=request.endpoint not in POLLS) if token else None
    return {"desk_here": found, "desk_by_card": found is not None and desk_cards.holds(db.session(), token)}


def _leave(response: Response) -> Response:
    """退出 at the kiosk also ends the clerk's session: nobody inherits it."""
    token = request.cookies.get(COOKIES["kiosk"], "")
    if request.endpoint == "journey.leave" and token:
        clerks.sign_out(house(), token)
        drop_cookie(response, "kiosk")
    return response


def _minutes_ago(at: dt.datetime) -> int:
    return max(int((now() - at).total_seconds() // 60), 0)


def _service_name(order: Order) -> str:
    try:
        _scheme, service, _offer = house().offer(order)
    except NotOffered:
        return f"{order.scheme}/{order.service}"
    return f"{service.name}（{_('单位') if order.kind == Kind.unit else _('个人')}）"


def _short(key: str, value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    words = texts.say({"reason": texts.REASONS, "act": texts.ACTS}.get(key, {}), value)
    return words[:12] + "…" if len(words) == 64 else words


def _brief(body: Mapping[str, Any]) -> str:
    """An event's facts on one line: reasons in words, digests short."""
    parts = (f"{key}={_short(key, value)}" for key, value in body.items() if value is not None)
    return " · ".join(parts)[:300]


def init(app: Flask) -> None:
    app.jinja_env.filters["beijing"] = lambda at: f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    app.jinja_env.filters["minutes_ago"] = _minutes_ago
    app.jinja_env.filters["service_name"] = _service_name
    app.jinja_env.filters["brief"] = _brief
    app.before_request(_closed)
    app.context_processor(_banner)
    app.after_request(_leave)
