"""Smart cards of the staff: signing in by card and PIN, and giving a card to an account.

The page only asks: the PIN goes to the worker over its socket, the card proves itself there, and the page is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, g, redirect, render_template, request, session, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import desk_cards, desk_sign_in
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk
from kiosk.views import visit
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import ANYBODY, drop_cookie, give_cookie, me, page
from kiosk.views.frame import house
from kiosk.views.language import gettext as _
from kiosk.worker import pins

KIOSK = ("kiosk",)
LONGEST_PIN = 32


@dataclass(frozen=True)
class Panel:
    """What the card's part of a page says. ``state``: empty, ready (a PIN may be typed), stuck, working."""

    state: str
    words: str = ""
    bad: bool = False


def panel(enrolling: bool = False) -> Panel | None:
    """The reader as it is now; None where there is none, or nobody watches it."""
    if g.get("desk_place") != "kiosk" or not house().settings.devices.clerk_card_module:
        return None
    if isinstance(session.get("card"), str):
        return Panel("working")
    said = session.pop("card_said", "")
    seen = desk_cards.look(db.session())
    if not seen.watched:
        return Panel("stuck", texts.say(texts.REFUSALS, "worker_silent"), True)
    code = "" if enrolling and seen.present else desk_sign_in.refusal(house(), request.remote_addr or "")
    if seen.present and not seen.fingerprint:
        code = seen.code or "card_reading"
    if code in ("no_card", "card_reading"):
        return Panel("empty", said or texts.say(texts.REFUSALS, code), bool(said))
    if code:
        return Panel("stuck", texts.say(texts.REFUSALS, code), True)
    return Panel("ready", said, bool(said))


def _send(back: str) -> Response:
    """Give the PIN to the worker under a fresh request."""
    with write() as changing:
        token = desk_cards.ask(changing)
    pin = request.form.get("pin", "")[:LONGEST_PIN]
    if pins.send(house().settings.run / "worker.sock", {"card": token, "pin": pin}):
        session["card"] = token
    else:
        session["card_said"] = texts.say(texts.REFUSALS, "worker_silent")
    return redirect(url_for(back), 303)


@page("/card", ANYBODY, post=True, places=KIOSK)
def card_pin() -> Response:
    """The PIN of the card that lies in the reader."""
    session.pop("card_for", None)
    code = desk_sign_in.refusal(house(), request.remote_addr or "")
    if code:
        session["card_said"] = texts.say(texts.REFUSALS, code)
        return redirect(url_for(".sign_in"), 303)
    return _send(".sign_in")


@page("/card", ANYBODY, places=KIOSK)
def card_state() -> Any:
    """The card's part of the page, asked for again and again; the answer to a PIN becomes a session here."""
    done = settle()
    if done is not None:
        return done
    enrolling = isinstance(session.get("card_for"), str)
    return render_template("clerk/_card.html", card=panel(enrolling), enrolling=enrolling)


def settle() -> Response | None:
    """Where the answer to a PIN leads, once there is one."""
    token, enrolling = session.get("card"), isinstance(session.get("card_for"), str)
    if not isinstance(token, str):
        return None
    if enrolling and (g.desk is None or "admin" not in g.desk.roles):
        session.pop("card_for")
        session.pop("card")
        return _go(url_for(".sign_in"))
    return _enrolled(token) if enrolling else _signed_in(token)


def _go(address: str) -> Response:
    """See other; for a fragment that asked by itself, htmx's own way of saying so."""
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return Response(status=200, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _signed_in(token: str) -> Response | None:
    found = desk_sign_in.finish(house(), token, request.remote_addr or "")
    if found is None:
        return None
    session.pop("card", None)
    if not found.token:
        session["card_said"] = texts.say(texts.REFUSALS, found.refusal)
        return _go(url_for(".sign_in"))
    return give_cookie(_go(url_for(".index")), found.token)


@page("/card/gone", ANYBODY, places=KIOSK)
def card_gone() -> Response:
    """Nothing while the clerk is signed in; otherwise the way to the customer's page."""
    if g.desk is not None:
        return Response(status=204)
    back = url_for("journey.resume" if visit.order() is not None else "home.index")
    return drop_cookie(_go(back), "kiosk")


# -- cards of accounts ----------------------------------------------------------------------------


@page("/cards", "admin", "auditor")
def card_list() -> str | Response:
    done = settle() if g.desk_place == "kiosk" else None
    if done is not None:
        return done
    people = db.session.scalars(select(Clerk).where(Clerk.disabled.is_(False)).order_by(Clerk.name)).all()
    enrolling = isinstance(session.get("card_for"), str)
    return render_template(
        "clerk/cards.html",
        cards=desk_cards.cards(db.session()),
        people=people,
        card=panel(enrolling=True),
        enrolling=enrolling,
    )


@page("/cards", "admin", post=True, places=KIOSK)
def enrol_card() -> Response:
    """Have the card in the reader prove itself with its holder's PIN, for the account that was chosen."""
    name = request.form.get("name", "")[:40]
    session["card_for"] = name
    return _send(".card_list")


def _enrolled(token: str) -> Response | None:
    name, by_id = str(session["card_for"]), me().id
    if desk_cards.proof(db.session(), token).state == "asked":
        return None
    session.pop("card", None)
    session.pop("card_for", None)
    try:
        with write() as changing:
            shown = desk_cards.take(changing, token)
            if shown.state != "done":
                raise DeskRefused("card_pin" if shown.code == "pin_incorrect" else shown.code)
            desk_cards.enrol(changing, house(), changing.get_one(Clerk, by_id), name, shown)
    except DeskRefused as error:
        flash(texts.say(texts.REFUSALS, error.code), "bad")
    else:
        flash(_("已登记，这张卡现在可以登录。"), "good")
    return _go(url_for(".card_list"))


@page("/cards/<name>/withdraw", "admin", post=True)
def withdraw_card(name: str) -> Response:
    by_id = me().id
    try:
        with write() as changing:
            desk_cards.withdraw(changing, house(), changing.get_one(Clerk, by_id), name)
    except DeskRefused as error:
        flash(texts.say(texts.REFUSALS, error.code), "bad")
    else:
        flash(_("这张卡已停用。"), "good")
    return redirect(url_for(".card_list"), 303)
