"""The day-end report (日终对账): figures, exceptions, sign-off by name, CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io

from flask import flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.orders import reconciliation
from kiosk.orders.money_models import Reconciled
from kiosk.views.clerk.guard import me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

OFFICE = ("admin",)
READERS = ("finance", "admin", "auditor")


def _day(day: str) -> Reconciled:
    try:
        found = db.session.get(Reconciled, dt.date.fromisoformat(day))
    except ValueError as error:
        raise NotFound from error
    if found is None:
        raise NotFound
    return found


@page("/finance", *READERS, places=OFFICE)
def finance() -> str:
    rows = db.session.scalars(select(Reconciled).order_by(Reconciled.day.desc()).limit(62)).all()
    return render_template("admin/finance.html", rows=rows)


@page("/finance/<day>", *READERS, places=OFFICE)
def finance_day(day: str) -> str:
    return render_template("admin/finance_day.html", row=_day(day))


@page("/finance/<day>", "finance", places=OFFICE, post=True)
def sign_day(day: str) -> Response:
    """Somebody of finance answers for the day with his name."""
    name, when = me().name, _day(day).day
    try:
        with write() as session:
            reconciliation.sign(session, house(), when, name)
    except reconciliation.Signed:
        refused("already_decided")
        return redirect(url_for(".finance_day", day=day), 303)
    flash(_("已签字。"), "good")
    return redirect(url_for(".finance_day", day=day), 303)


@page("/finance/<day>/report.csv", *READERS, places=OFFICE)
def finance_csv(day: str) -> Response:
    row, out = _day(day), io.StringIO()
    names = sorted({name for line in row.report for name in line})
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(row.report)
    response = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename=finance-{row.day}.csv"
    return response
