"""Notices: who is told when something is out of order, what is out of order now, and what is still on its way."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import desk_alarms, desk_notices
from kiosk.orders.desk_acts import DeskRefused
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)


@page("/notices", "admin", places=OFFICE)
def notices() -> str:
    session = db.session()
    wanted = desk_notices.settings(session, house())
    return render_template(
        "admin/notices.html",
        wanted=wanted,
        alarms=desk_alarms.current(session, wanted.task_minutes),
        letters=desk_notices.letters(session),
    )


@page("/notices", "admin", places=OFFICE, post=True)
def set_notices() -> Response:
    name, form = me().name, request.form.to_dict()
    try:
        with write() as session:
            before = desk_notices.settings(session, house())
            after = desk_notices.keep(session, house(), name, form)
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(".notices"), 303)
    flash(_("已保存。"), "good")
    if after.secret != before.secret:
        flash(_("推送密钥（只显示这一次，请交给接收方）：%(secret)s", secret=after.secret), "good")
    return redirect(url_for(".notices"), 303)


@page("/notices/test", "admin", places=OFFICE, post=True)
def test_notice() -> Response:
    """Something to receive, so that an administrator knows the way is open."""
    name, here = me().name, house()
    with write() as session:
        wanted = desk_notices.settings(session, here)
        text = f"【CA自助】{here.settings.hall_name}{here.settings.kiosk_id}：通知测试。"
        count = desk_notices.send(session, here, wanted, "test", text)
        here.log(session, "notice.tested", {"clerk": name, "letters": count})
    if count:
        flash(_("已发出测试通知，请稍候刷新。"), "good")
    else:
        refused("nobody_to_tell")
    return redirect(url_for(".notices"), 303)
