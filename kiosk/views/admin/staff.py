"""Accounts of the staff: who there is, who is signed in; shut an account, revoke sessions. Accounts are made on the
machine itself (``flask --app wsgi clerk add``).
"""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import clerks
from kiosk.orders.desk_models import Clerk
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)


@page("/staff", "admin", "auditor", places=OFFICE)
def staff() -> str:
    everybody = db.session.scalars(select(Clerk).order_by(Clerk.name)).all()
    people = [one for one in everybody if clerks.oversees(house(), me(), one.hall)]
    sessions = clerks.open_sessions(db.session(), [one.name for one in people])
    return render_template("admin/staff.html", people=people, sessions=sessions)


@page("/staff/<name>", "admin", places=OFFICE, post=True)
def change_staff(name: str) -> Response:
    by, what = me().name, request.form.get("what", "")
    if name == by:
        refused("own_account")
        return redirect(url_for(".staff"), 303)
    try:
        with write() as session:
            if not clerks.oversees(house(), me(), clerks.by_name(session, name).hall):
                raise clerks.AccountRefused("another hall")
            if what in ("disable", "enable"):
                clerks.disable(session, house(), name, what == "disable", by)
            else:
                ended = clerks.end_all(session, clerks.by_name(session, name))
                house().log(session, "clerk.revoked", {"clerk": name, "by": by, "sessions": ended})
    except clerks.AccountRefused:
        refused("not_allowed")
        return redirect(url_for(".staff"), 303)
    flash(_("已处理。"), "good")
    return redirect(url_for(".staff"), 303)
