"""The office at the centre (``/admin``): the fleet, and of a kiosk's pages those about people, catalogue and audit."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from kiosk.views.admin import (
    catalogue,
    fleet,
    fleet_orders,
    fleet_reviews,
    notices,
    records,
    security_keys,
    sessions,
    staff,
)
from kiosk.views.clerk import signing
from kiosk.views.clerk.guard import Page, open_blueprint

FLEET = (fleet, fleet_orders, fleet_reviews)
SHARED = (signing, security_keys, sessions, staff, notices, catalogue)
"""Rooms whose pages the centre has as a kiosk has them."""
AUDITING = ("audit", "verify", "export")


def served(one: Page) -> bool:
    """Whether the centre has this page."""
    module, name = one.view.__module__, one.view.__name__
    shared = module in {room.__name__ for room in SHARED} and "admin" in one.places
    return "centre" in one.places or shared or (module == records.__name__ and name in AUDITING)


blueprint = open_blueprint("admin", "admin", "/admin", only=served)
front_door = Blueprint("home", __name__)


@front_door.get("/")
def index() -> Response:
    """There is nothing for customers here."""
    return redirect(url_for("admin.index"))
