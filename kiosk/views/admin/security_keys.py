"""One's own account: where one is signed in, and the security keys. Administrators take off anybody's keys."""

from __future__ import annotations

from flask import flash, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import clerks, desk_cards, desk_keys
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk
from kiosk.views.clerk import keys
from kiosk.views.clerk.guard import ALL, me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)


@page("/keys", *ALL, places=OFFICE)
def security_keys() -> str:
    options, session[keys.NEW] = desk_keys.new_options(db.session(), house(), me(), keys.place())
    mine, others = desk_keys.keys(db.session(), me().name), []
    if "admin" in me().roles:
        others = [one for one in desk_keys.keys(db.session()) if one["clerk"] != me().name]
    sessions = clerks.open_sessions(db.session(), [me().name])
    here = desk_cards.digest(g.desk_token)
    return render_template(
        "admin/security_keys.html", options=options, mine=mine, others=others, sessions=sessions, here=here
    )


@page("/keys", *ALL, places=OFFICE, post=True)
def add_key() -> Response:
    clerk_id, kept, form = me().id, keys.taken(keys.NEW), request.form
    answer, label = form.get("credential", ""), form.get("label", "")
    try:
        with write() as changing:
            clerk = changing.get_one(Clerk, clerk_id)
            desk_keys.register(changing, house(), clerk, keys.place(), kept, answer, label)
    except DeskRefused as error:
        refused(error.code)
    else:
        flash(_("已登记，下次登录可以用它代替动态口令。"), "good")
    return redirect(url_for(".security_keys"), 303)


@page("/keys/<name>/remove", *ALL, places=OFFICE, post=True)
def remove_key(name: str) -> Response:
    clerk_id, everybody = me().id, "admin" in me().roles
    try:
        with write() as changing:
            desk_keys.remove(changing, house(), changing.get_one(Clerk, clerk_id), name, everybody)
    except DeskRefused as error:
        refused(error.code)
    else:
        flash(_("已删除。"), "good")
    return redirect(url_for(".security_keys"), 303)
