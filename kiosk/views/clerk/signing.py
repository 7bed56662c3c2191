"""Signing in and out; handing the screen back to the customer."""

from __future__ import annotations

from flask import flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kiosk.orders import clerks
from kiosk.views import visit
from kiosk.views.clerk import cards, keys, texts
from kiosk.views.clerk.guard import ALL, ANYBODY, drop_cookie, give_cookie, page
from kiosk.views.frame import house


@page("/sign-in", ANYBODY)
def sign_in() -> str | Response:
    if g.desk is not None:
        return redirect(url_for(".index"))
    done = cards.settle() if g.desk_place == "kiosk" else None
    return done if done is not None else _form()


def _form(error: str = "", name: str = "") -> str:
    """The page; in the office with a fresh challenge for a security key."""
    asked = keys.ask() if g.desk_place == "admin" else ""
    return render_template("clerk/sign_in.html", error=error, name=name, card=cards.panel(), key_options=asked)


@page("/sign-in", ANYBODY, post=True)
def enter() -> tuple[str, int] | Response:
    """Name, password and one-time code together; in the office a security key may stand for the code."""
    name = request.form.get("name", "").strip().lower()[:40]
    password, code = request.form.get("password", ""), request.form.get("code", "")
    answer = request.form.get("credential", "") if g.desk_place == "admin" else ""
    prove = keys.proof(answer) if answer else None
    found = clerks.sign_in(house(), name, password, code, g.desk_place, request.remote_addr or "", prove)
    if not found.token:
        return _form(texts.say(texts.REFUSALS, found.refusal), name), 422
    return give_cookie(redirect(url_for(".index"), 303), found.token)


@page("/sign-out", *ALL, post=True)
def sign_out() -> Response:
    """The clerk leaves; at the kiosk the customer's own session goes on."""
    clerks.sign_out(house(), g.desk_token)
    back = "home.index" if g.desk_place == "kiosk" else ".sign_in"
    if g.desk_place == "kiosk" and visit.order() is not None:
        back = "journey.resume"
    return drop_cookie(redirect(url_for(back), 303), g.desk_place)


def refused(code: str) -> None:
    """Say why something was not done."""
    flash(texts.say(texts.REFUSALS, code), "bad")
