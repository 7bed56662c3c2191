"""The first page: choose scheme, service, and for whom; settings of the screen; call a clerk."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from kiosk.catalogue import Kind, Offer, Operation, Scheme, Service
from kiosk.db import db, now, write
from kiosk.orders import money, prefill
from kiosk.orders.book import NotOffered
from kiosk.orders.states import State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.language import gettext as _
from kiosk.views.language import locale

blueprint = Blueprint("home", __name__)
ICONS = {
    "new": "file-plus",
    "renew": "calendar-clock",
    "replace": "refresh-cw",
    "change": "pencil",
    "unlock": "lock-open",
    "freeze": "snowflake",
    "unfreeze": "sun",
    "revoke": "ban",
    "reissue": "rotate-ccw",
    "query": "search",
}
SLIDES = 4
BUILT = tuple(Operation)
"""Operations this version carries out; the others are shown as not yet available, never half-done."""


def name_of(thing: Scheme | Service) -> str:
    return thing.name_en if locale() == "en" else thing.name


def price_line(offer: Offer) -> str:
    """``200 元起``, ``免费`` or ``未定价``."""
    if offer.free:
        return _("免费")
    amounts = [fee.amount for fee in offer.fees if fee.amount is not None]
    if not amounts:
        return _("尚未定价")
    text = f"{min(amounts) // 100}"
    return _("%(amount)s 元起", amount=text) if len(amounts) > 1 else _("%(amount)s 元", amount=text)


def closed_reason(service: Service, offer: Offer | None, works: frozenset[str] | None) -> str:
    """Why nobody can begin this now. ``works``: see :func:`kiosk.orders.money.working`."""
    if service.operation not in BUILT:
        return _("本机暂不办理，请到窗口")
    if offer is not None and not offer.priced:
        return _("尚未定价，暂不能办理")
    if offer is not None and not offer.free and not money.payable(works, offer.payments):
        return _("本机现在收不了款，请稍后再来或到窗口")
    return ""


@blueprint.get("/")
def index() -> str | Response:
    order = visit.order()
    if order is not None and order.state != State.VOID and not visit.goes_on(order):
        return redirect(url_for("journey.resume"))
    settings, schemes = house().settings, house().schemes
    chosen = house().catalogue.schemes.get(request.args.get("scheme", settings.hall)) or schemes[0]
    cards: list[dict[str, Any]] = []
    works = money.working(db.session())
    for service in chosen.services.values():
        offer = next(iter(service.offers.values()), None)
        cards.append(
            {
                "title": name_of(service),
                "icon": ICONS.get(service.operation, "file-text"),
                "href": url_for("home.service", scheme=chosen.code, service=service.code),
                "lines": [_(service.summary), ("clock", _("约 %(n)s 分钟", n=service.minutes))],
                "price": price_line(offer) if offer else "",
                "reason": closed_reason(service, offer if offer and offer.priced else None, works),
            }
        )
    template = "home/index.html"
    return render_template(
        template,
        schemes=schemes,
        chosen=chosen,
        cards=cards,
        open_now=chosen.open_at(now()),
        timed_out=g.get("timed_out"),
    )


@blueprint.get("/welcome")
def welcome() -> str | Response:
    """What can be done here, one after the other, while nobody is there. The look of the screen is the usual again."""
    if visit.order() is not None:
        return redirect(url_for("journey.resume"))
    for name in visit.LOOK:
        session.pop(name, None)
    scheme = house().catalogue.schemes[house().settings.hall]
    services = sorted(scheme.services.values(), key=lambda one: list(ICONS).index(one.operation))[:SLIDES]
    slides = [(ICONS[one.operation], name_of(one), one.summary) for one in services]
    return render_template("home/welcome.html", slides=slides, minutes=min(one.minutes for one in services))


@blueprint.get("/s/<scheme>/<service>")
def service(scheme: str, service: str) -> str | Response:
    """What to bring, how long, what it costs; then: for a unit or for a person."""
    found = house().catalogue.schemes.get(scheme)
    item = found.services.get(service) if found else None
    if found is None or item is None:
        return redirect(url_for("home.index"))
    works = money.working(db.session())
    kinds = [
        {
            "kind": kind.value,
            "title": _("单位证书") if kind == Kind.unit else _("个人证书"),
            "icon": "building-2" if kind == Kind.unit else "user",
            "offer": offer,
            "price": price_line(offer),
            "reason": closed_reason(item, offer, works),
            "bring": [m.name for m in offer.materials if m.how != "made" and m.required],
        }
        for kind, offer in item.offers.items()
    ]
    return render_template("home/service.html", scheme=found, service=item, kinds=kinds, name=name_of(item))


@blueprint.post("/s/<scheme>/<service>/<kind>")
def begin(scheme: str, service: str, kind: str) -> Response:
    """A tap opens an order."""
    found = house().catalogue.schemes.get(scheme)
    item = found.services.get(service) if found else None
    offer = item.offers.get(Kind(kind)) if item and kind in set(Kind) else None
    if item is None or offer is None or closed_reason(item, offer, money.working(db.session())):
        return redirect(url_for("home.index"))
    earlier = visit.order()
    if earlier is not None and not visit.goes_on(earlier):
        return redirect(url_for("journey.resume"))
    try:
        with write() as changing:
            order = house().open_order(changing, scheme, service, kind)
            if earlier is not None:
                prefill.remember(house(), order, earlier)
            visit.begin(order)
    except NotOffered:
        return redirect(url_for("home.index"))
    return redirect(url_for("journey.resume"), 303)


def _local(path: str) -> str:
    parts = urlsplit(path)
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if safe else url_for("home.index")


@blueprint.post("/settings")
def settings() -> Response:
    """大字, English, 语音, 低位: one tap each, and back to the same page."""
    for name in ("elder", "low", "voice"):
        if name in request.form:
            session[name] = request.form[name] == "on"
    if request.form.get("lang") in ("zh", "en"):
        session["lang"] = request.form["lang"]
    return redirect(_local(request.form.get("next", "/")), 303)


@blueprint.post("/call")
def call_clerk() -> Response:
    """Ring the clerk: an open task, seen at once on the clerk's list."""
    with write() as changing:
        house().task(changing, "called", {"page": (request.referrer or "")[-40:]}, visit.order())
    flash(_("已呼叫工作人员，请稍候。"))
    return redirect(_local(urlsplit(request.referrer or "/").path), 303)
