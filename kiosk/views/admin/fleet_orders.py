"""The orders of all kiosks at the centre: search, time line, personal data for a reason, figures."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, write
from kiosk.fleet import dossiers, overview
from kiosk.fleet.dossiers import Dossier
from kiosk.fleet.models import FleetOrder
from kiosk.orders import statistics
from kiosk.views.admin.fleet import give, hall_name, my_hall
from kiosk.views.admin.records import bars, service_name, span
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import ALL, me, page
from kiosk.views.clerk.orders import SHOW_REASONS, WORKING, masked
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

CENTRE = ("centre",)
FIGURES = ("auditor", "admin", "finance")


def order_of(number: str) -> FleetOrder:
    found = overview.order(db.session(), my_hall(), number)
    if found is None:
        raise NotFound
    return found


def dossier_of(number: str) -> Dossier | None:
    """Whom the order is for; None when it has not come, or was destroyed after its time."""
    return dossiers.read(db.session(), house().vault, number)[1]


@page("/fleet/orders", *ALL, places=CENTRE)
def fleet_orders() -> str:
    args = request.args
    state, kiosk = args.get("state", "")[:12], args.get("kiosk", "")[:6]
    found = overview.orders(
        db.session(), house().vault, my_hall(), state=state, kiosk=kiosk, before=args.get("before", "")[:90]
    )
    return _list(found, "number", "", state=state, kiosk=kiosk)


@page("/fleet/orders", *ALL, places=CENTRE, post=True)
def find_fleet_orders() -> str:
    """A search: in the body of the request, so that no number or name stands in an address."""
    form = request.form
    kind, text, before = form.get("kind", "number"), form.get("text", "")[:80], form.get("before", "")[:90]
    found = overview.orders(db.session(), house().vault, my_hall(), kind, text, before=before)
    return _list(found, kind, text)


def _list(found: overview.Listed, kind: str, text: str, state: str = "", kiosk: str = "") -> str:
    facts = {"found": found, "kind": kind, "text": text, "state": state, "kiosk": kiosk}
    return render_template("admin/fleet_orders.html", **facts, named=named)


def named(scheme: str, service: str, kind: str) -> str:
    """What an order is about, in the words of the catalogue in force."""
    return service_name(f"{scheme}/{service}/{kind}")


def _draw(order: FleetOrder, shown: bool) -> str:
    dossier = dossier_of(order.number)
    fields = dossier.fields if dossier else []
    return render_template(
        "admin/fleet_order.html",
        order=order,
        fields=[(label, value if shown else masked(name, value)) for name, label, value in fields],
        dossier=dossier,
        shown=shown,
        line=overview.time_line(db.session(), order.number),
        show_reasons=SHOW_REASONS,
        hall_name=hall_name,
    )


@page("/fleet/orders/<number>", *ALL, places=CENTRE)
def fleet_order(number: str) -> str:
    return _draw(order_of(number), shown=False)


@page("/fleet/orders/<number>/show", *WORKING, places=CENTRE, post=True)
def show_fleet_order(number: str) -> str | Response:
    """The data unmasked, once, for a reason that is journalled."""
    order_of(number)
    reason, name = request.form.get("reason", ""), me().name
    if reason not in SHOW_REASONS:
        refused("no_reason")
        return redirect(url_for(".fleet_order", number=number), 303)
    with write() as session:
        house().log(session, "personal.shown", {"clerk": name, "reason": reason, "order": number})
    return _draw(order_of(number), shown=True)


@page("/fleet/orders/<number>/reprint", "clerk", "admin", places=CENTRE, post=True)
def reprint(number: str) -> Response:
    """Have the kiosk print a paper of the order once more."""
    paper = request.form.get("paper", "")
    if paper not in ("receipt", "form"):
        refused("no_reason")
    else:
        give(order_of(number).holder, "reprint", {"order": number, "paper": paper})
    return redirect(url_for(".fleet_order", number=number), 303)


# -- figures --------------------------------------------------------------------------------------


def _span() -> tuple[dt.date, dt.date]:
    first, last = span()
    return max(first, last - dt.timedelta(days=statistics.MAX_DAYS - 1)), last


@page("/fleet/figures", *FIGURES, places=CENTRE)
def fleet_figures() -> str:
    first, last = _span()
    days: dict[dt.date, int] = {first + dt.timedelta(days=n): 0 for n in range((last - first).days + 1)}
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for day, measure, key, amount, total in overview.figures(db.session(), my_hall(), first, last):
        entry = sums[measure, key]
        entry[0], entry[1] = entry[0] + amount, entry[1] + total
        if measure == "orders":
            days[day] += amount

    def of(measure: str) -> list[tuple[str, int, int]]:
        found = [(key, n, total) for (name, key), (n, total) in sums.items() if name == measure]
        return sorted(found, key=lambda row: -row[1])[:20]

    halls = overview.by_hall(db.session(), first, last) if my_hall() is None else []
    channels = ((texts.say(texts.CHANNELS, key), total, f"{total / 100:.2f}") for key, _n, total in of("money"))
    charts = [
        (_("每天业务单"), bars((f"{day:%m-%d}", n, str(n)) for day, n in sorted(days.items()))),
        (_("各大厅"), bars((hall_name(hall), n, str(n)) for hall, n in sorted(halls, key=lambda row: -row[1])[:20])),
        (_("各项业务"), bars((service_name(key), n, str(n)) for key, n, _t in of("orders"))),
        (_("业务单状态"), bars((texts.say(texts.STATES, key), n, str(n)) for key, n, _t in of("states"))),
        (_("发出的 UKey"), bars((_("已发出"), n, str(n)) for _key, n, _t in of("ukeys"))),
        (_("收款（元）"), bars(channels)),
    ]
    address = url_for(".fleet_figures_csv", first=first, last=last)
    return render_template("admin/statistics.html", charts=charts, first=first, last=last, csv=address)


@page("/fleet/figures.csv", *FIGURES, places=CENTRE)
def fleet_figures_csv() -> Response:
    """Every figure as a line; UTF-8 with a mark, so that office programs read the Chinese."""
    first, last = _span()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("day", "measure", "key", "amount", "total"))
    for day, measure, key, amount, total in sorted(overview.figures(db.session(), my_hall(), first, last)):
        writer.writerow((day.isoformat(), measure, f"'{key}" if key[:1] in "=+-@\t" else key, amount, total))
    response = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename=fleet-{first}-{last}.csv"
    return response
