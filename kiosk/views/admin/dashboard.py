"""What stands where just now: devices, paper, orders of today, tasks, stock."""

from __future__ import annotations

from flask import render_template
from sqlalchemy import func, select

from kiosk.db import db, now, today
from kiosk.orders import standing
from kiosk.orders.desk_models import Proposal
from kiosk.orders.models import DeviceHealth, Order, Task
from kiosk.views.clerk.guard import ALL, page
from kiosk.views.frame import house


@page("/", *ALL, places=("admin",))
def index() -> str:
    session, here = db.session(), house()
    prefix = f"{here.settings.kiosk_id}{today():%y%m%d}"
    today_only = Order.number.between(prefix, prefix + "~")
    by_state = select(Order.state, func.count().label("amount")).where(today_only).group_by(Order.state)
    open_tasks = select(Task).where(Task.closed_at.is_(None)).order_by(Task.id).limit(6)
    waiting = session.scalar(select(func.count()).select_from(Task).where(Task.closed_at.is_(None)))
    proposals = session.scalar(select(func.count()).select_from(Proposal).where(Proposal.state == "open"))
    return render_template(
        "admin/index.html",
        kiosk=here.settings.kiosk_id,
        parts=session.scalars(select(DeviceHealth).order_by(DeviceHealth.name)).all(),
        states={row.state: row.amount for row in session.execute(by_state)},
        tasks=session.scalars(open_tasks).all(),
        waiting=waiting,
        proposals=proposals,
        stock=standing.stock(session),
        out=standing.out_of_service(session),
        moment=now(),
    )
