"""待办: what waits for a clerk, what to do about it; and the approvals of a second person."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import desk
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, Proposal
from kiosk.orders.models import Task
from kiosk.views import visit
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

DESK = ("clerk", "finance", "reviewer", "admin")
LISTED = 100


def open_tasks() -> list[Task]:
    """What waits, oldest first; what is settled by now is closed first."""
    query = select(Task).where(Task.closed_at.is_(None)).order_by(Task.id).limit(LISTED)
    found = db.session.scalars(query).all()
    if any(desk.settled(db.session(), task) for task in found):
        with write() as session:
            desk.close_settled(session, house())
        found = db.session.scalars(query).all()
    return list(found)


@page("/tasks", *DESK)
def tasks() -> str:
    return render_template("clerk/tasks.html", tasks=open_tasks())


@page("/tasks/<int:number>", *DESK)
def task(number: int) -> str:
    found = db.session.get(Task, number)
    if found is None:
        raise NotFound
    pending = select(Proposal).where(Proposal.task_id == number, Proposal.state == "open")
    return render_template(
        "clerk/task.html",
        task=found,
        acts=[] if found.closed_at else desk.offered(found, me()),
        pending=db.session.scalars(pending).all(),
    )


@page("/tasks/<int:number>/<code>", "clerk", "finance", "admin", post=True)
def do_task(number: int, code: str) -> Response:
    """Do it, or propose it to a second person."""
    clerk_id, waits = me().id, False
    try:
        with write() as session:
            clerk, found = session.get_one(Clerk, clerk_id), session.get(Task, number)
            if found is None:
                raise DeskRefused("task_closed")
            given = request.form.to_dict()
            proposed = desk.act(session, house(), clerk, code, given.get("reason", ""), task=found, given=given)
            waits = proposed is not None
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(".task", number=number), 303)
    visit.nudge()
    flash(_("已提出，等待另一人复核。") if waits else _("已处理。"), "good")
    return redirect(url_for(".tasks"), 303)


@page("/approvals", "finance", "admin", "clerk")
def approvals() -> str:
    """What was proposed and waits for a second person."""
    query = select(Proposal).where(Proposal.state == "open").order_by(Proposal.id).limit(LISTED)
    rows = [(row, desk.may_decide(row, me())) for row in db.session.scalars(query)]
    return render_template("clerk/approvals.html", rows=rows)


@page("/approvals/<int:number>", "finance", "admin", post=True)
def decide(number: int) -> Response:
    clerk_id, approve = me().id, request.form.get("decision") == "approve"
    try:
        with write() as session:
            found = session.get(Proposal, number)
            if found is None:
                raise DeskRefused("already_decided")
            desk.decide(session, house(), session.get_one(Clerk, clerk_id), found, approve)
    except DeskRefused as error:
        refused(error.code)
        return redirect(url_for(".approvals"), 303)
    visit.nudge()
    flash(_("已同意并执行。") if approve else _("已拒绝。"), "good")
    return redirect(url_for(".approvals"), 303)
