"""Who may see which page of the staff's side. Default deny: a view without :func:`page` roles answers nobody.

Each page is written once and served at the kiosk (``/clerk``) and in the browser of the office (``/admin``), in the
frame of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Blueprint, abort, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kiosk.orders import clerks
from kiosk.orders.clerks import ROLES
from kiosk.orders.desk_models import Clerk
from kiosk.views import visit
from kiosk.views.clerk import texts

V = TypeVar("V", bound=Callable[..., Any])
ANYBODY = "*"
ALL = tuple(ROLES)
COOKIES = {"kiosk": "desk", "admin": "staff"}
PATHS = {"kiosk": "/", "admin": "/admin"}
POLLS = visit.POLLS


@dataclass(frozen=True)
class Page:
    """One rule, the view behind it, and where it is served."""

    rule: str
    view: Callable[..., Any]
    methods: tuple[str, ...]
    places: tuple[str, ...]


PAGES: list[Page] = []


def page(rule: str, *roles: str, post: bool = False, places: tuple[str, ...] = ("kiosk", "admin")) -> Callable[[V], V]:
    """Serve a view at ``rule`` for these roles; :data:`ANYBODY` also for people who are not signed in."""

    def decorate(view: V) -> V:
        view.roles = frozenset(roles)  # type: ignore[attr-defined]
        PAGES.append(Page(rule, view, ("POST",) if post else ("GET",), places))
        return view

    return decorate


def open_blueprint(name: str, place: str, prefix: str, only: Callable[[Page], bool] | None = None) -> Blueprint:
    """A blueprint with every page of that place (or those that ``only`` takes) and the guard before each."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix)
    for one in PAGES:
        if only(one) if only else place in one.places:
            blueprint.add_url_rule(one.rule, one.view.__name__, one.view, methods=one.methods)
    blueprint.before_request(lambda: _check(place))
    blueprint.context_processor(lambda: _context(name, place))
    return blueprint


def _check(place: str) -> BaseResponse | None:
    g.desk_place, g.desk_token = place, request.cookies.get(COOKIES[place], "")
    g.desk = clerks.who(g.desk_token, place, touch=request.endpoint not in POLLS)
    roles = roles_of(request.endpoint or "")
    if ANYBODY in roles:
        return None
    if g.desk is None:
        return redirect(url_for(".sign_in"), 303)
    if not roles & set(g.desk.roles):
        abort(403)
    return None


def roles_of(endpoint: str) -> frozenset[str]:
    """Roles a view is open to; empty for a view that says nothing."""
    found: frozenset[str] = getattr(current_app.view_functions.get(endpoint), "roles", frozenset())
    return found


def may(endpoint: str) -> bool:
    """Whether the person who is signed in may go there: links and buttons are drawn only then."""
    name = f"{request.blueprint}{endpoint}" if endpoint.startswith(".") else endpoint
    clerk: Clerk | None = g.get("desk")
    return clerk is not None and bool(roles_of(name) & set(clerk.roles))


def me() -> Clerk:
    """The clerk of this request."""
    found: Clerk = g.desk
    return found


def give_cookie(response: BaseResponse, token: str) -> BaseResponse:
    place: str = g.desk_place
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    response.set_cookie(COOKIES[place], token, path=PATHS[place], httponly=True, samesite="Strict", secure=secure)
    return response


def drop_cookie(response: BaseResponse, place: str) -> BaseResponse:
    response.delete_cookie(COOKIES[place], path=PATHS[place], httponly=True, samesite="Strict")
    return response


def _context(name: str, place: str) -> dict[str, Any]:
    return {
        "desk_frame": f"{name}/frame.html",
        "desk_place": place,
        "me": g.get("desk"),
        "may": may,
        "texts": texts,
        "role_names": ROLES,
    }
