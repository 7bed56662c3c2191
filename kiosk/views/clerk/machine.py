"""The kiosk itself: in and out of service, self-test, a stuck screen, the stock of UKeys."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import standing
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, StockMove
from kiosk.orders.models import DeviceHealth
from kiosk.views import visit
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

RUN = ("clerk", "admin")


@page("/machine", *RUN)
def machine() -> str:
    parts = db.session.scalars(select(DeviceHealth).order_by(DeviceHealth.name)).all()
    return render_template(
        "clerk/machine.html", parts=parts, out=standing.out_of_service(db.session()), reasons=standing.OUT_REASONS
    )


def _change(act: Callable[[Session, House, Clerk], object], back: str, said: str) -> Response:
    clerk_id = me().id
    try:
        with write() as session:
            act(session, house(), session.get_one(Clerk, clerk_id))
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(back), 303)
    visit.nudge()
    flash(said, "good")
    return redirect(url_for(back), 303)


@page("/machine/service", *RUN, post=True)
def set_service() -> Response:
    form = request.form
    if form.get("service") == "in":
        return _change(standing.put_back, ".machine", _("已恢复服务。"))
    reason = form.get("reason", "")
    return _change(lambda s, h, c: standing.take_out(s, h, c, reason), ".machine", _("已暂停服务，首页显示原因。"))


@page("/machine/self-test", *RUN, post=True)
def self_test() -> Response:
    return _change(standing.ask_self_test, ".machine", _("正在自检，请稍候刷新。"))


@page("/machine/unlock", *RUN, post=True)
def unlock() -> Response:
    reason = request.form.get("reason", "")
    return _change(lambda s, h, c: standing.unlock_screen(s, h, c, reason), ".machine", _("画面已清除。"))


@page("/stock", "clerk", "admin", "finance", "auditor")
def stock() -> str:
    moves = db.session.scalars(select(StockMove).order_by(StockMove.id.desc()).limit(50)).all()
    return render_template(
        "clerk/stock.html", stock=standing.stock(db.session()), moves=moves, reasons=standing.STOCK_REASONS
    )


@page("/stock", *RUN, post=True)
def move_stock() -> Response:
    form = request.form
    amount, kind, reason = form.get("amount", -1, type=int), form.get("kind", ""), form.get("reason", "")
    if kind == "level":
        return _change(lambda s, h, c: standing.set_level(s, h, c, amount), ".stock", _("已保存。"))
    serial = form.get("serial", "").strip()[:40]
    return _change(lambda s, h, c: standing.move_stock(s, h, c, kind, amount, reason, serial), ".stock", _("已登记。"))
