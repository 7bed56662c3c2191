"""Who is signed in where: one's own sessions, and for an administrator those of the accounts he oversees."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from kiosk.db import write
from kiosk.orders import clerks
from kiosk.orders.desk_models import Clerk, ClerkSession
from kiosk.views.clerk.guard import ALL, me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)


@page("/sessions/<digest>/revoke", *ALL, places=OFFICE, post=True)
def revoke_session(digest: str) -> Response:
    """End one session; the browser that holds it is signed out with its next request."""
    by_id, back = me().id, ".staff" if request.form.get("back") == "staff" else ".security_keys"
    with write() as session:
        found, by = session.get(ClerkSession, digest), session.get_one(Clerk, by_id)
        mine = found is not None and found.clerk_id == by_id
        chief = found is not None and "admin" in by.roles and clerks.oversees(house(), by, found.clerk.hall)
        done = found is not None and (mine or chief) and clerks.end(session, house(), found, by)
    if done:
        flash(_("已撤销登录。"), "good")
    else:
        refused("not_allowed")
    return redirect(url_for(back), 303)
