"""The audit log with its chain, and the statistics: pages, checks and exports."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from kiosk import journal
from kiosk.db import db, today, write
from kiosk.journal import Event
from kiosk.journal.models import ChainHead
from kiosk.orders import rating, search, statistics
from kiosk.orders.statistics import Figure
from kiosk.views.admin import words
from kiosk.views.clerk import texts
from kiosk.views.clerk.guard import me, page
from kiosk.views.frame import house
from kiosk.views.journey import rate
from kiosk.views.language import gettext as _

OFFICE = ("admin",)
AUDIT = ("auditor", "admin")
FIGURES = ("auditor", "admin", "finance")
BATCH = 1000
Chart = tuple[str, list[dict[str, Any]]]


@page("/audit", *AUDIT, places=OFFICE)
def audit() -> str:
    args = request.args
    kind, number = args.get("kind", "")[:40], args.get("order", "")[:24]
    found = search.events(db.session(), house(), kind, number, args.get("before", type=int))
    return render_template("admin/audit.html", found=found, kind=kind, number=number)


@page("/audit/verify", *AUDIT, places=OFFICE, post=True)
def verify() -> Response:
    """Walk the whole chain."""
    whole, broken = journal.verify(db.session())
    name = me().name
    with write() as session:
        house().log(session, "audit.verified", {"clerk": name, "events": whole, "whole": broken is None})
    if broken is None:
        flash(_("链条完整，共 %(n)s 条记录。", n=whole), "good")
    else:
        flash(_("链条在第 %(n)s 条断开：%(why)s", n=broken.seq, why=broken.reason), "bad")
    return redirect(url_for(".audit"), 303)


@page("/audit/export", *AUDIT, places=OFFICE, post=True)
def export() -> Response:
    """The journal of this kiosk as JSON lines, with the hashes: anybody can check the chain again."""
    name = me().name
    with write() as session:
        house().log(session, "audit.exported", {"clerk": name})
    kiosk, epoch = house().origin
    last = db.session.scalar(select(ChainHead.seq).where(ChainHead.kiosk == kiosk)) or 0
    rows = _events(kiosk, epoch, last)
    response = Response(list(rows), mimetype="application/x-ndjson")
    response.headers["Content-Disposition"] = f"attachment; filename=audit-{kiosk}-{epoch}-{last}.jsonl"
    return response


def _events(kiosk: str, epoch: int, last: int) -> Iterator[str]:
    for first in range(1, last + 1, BATCH):
        query = select(Event).where(Event.kiosk == kiosk, Event.epoch == epoch)
        for event in db.session.scalars(query.where(Event.seq.between(first, min(first + BATCH - 1, last)))):
            row = {name: getattr(event, name) for name in ("kiosk", "epoch", "seq", "order_no", "kind", "body")}
            at = event.at.astimezone(dt.UTC).isoformat(timespec="microseconds")
            yield json.dumps({**row, "at": at, "prev": event.prev, "hash": event.hash}, ensure_ascii=False) + "\n"
        db.session.expunge_all()


# -- statistics -----------------------------------------------------------------------------------


def span() -> tuple[dt.date, dt.date]:
    """The Beijing dates ``first`` and ``last`` of the address; without them the fortnight up to today."""

    def given(name: str, default: dt.date) -> dt.date:
        try:
            return dt.date.fromisoformat(request.args.get(name, ""))
        except ValueError:
            return default

    last = min(given("last", today()), today())
    return min(given("first", last - dt.timedelta(days=13)), last), last


def _figures() -> list[Figure]:
    first, last = span()
    first = max(first, last - dt.timedelta(days=statistics.MAX_DAYS - 1))
    if first <= today() - statistics.SETTLED_AFTER:
        with write() as session:
            statistics.close_days(session, house(), first, last)
    return statistics.days(db.session(), house(), first, last)


def bars(rows: Iterable[tuple[str, float, str]]) -> list[dict[str, Any]]:
    """Label, share of the longest (0 to 100) and the words at its end."""
    known = list(rows)
    top = max((value for _label, value, _said in known), default=0) or 1
    return [{"label": label, "share": round(100 * value / top, 1), "said": said} for label, value, said in known]


def _span_of(hours: Mapping[int, int]) -> range:
    """From the first to the last hour of the day in which anybody came."""
    return range(min(hours), max(hours) + 1) if hours else range(0)


def service_name(key: str) -> str:
    scheme, service, kind = [*key.split("/"), "", ""][:3]
    found = house().catalogue.schemes.get(scheme)
    item = found.services.get(service) if found else None
    who = _("单位") if kind == "unit" else _("个人")
    return f"{found.name if found else scheme} {item.name if item else service}（{who}）"


def ratings(levels: list[tuple[str, int, int]], reasons: list[tuple[str, int, int]]) -> list[Chart]:
    """The five levels in their order, with the share of those at least fairly content; then why people were not."""
    given = {key: n for key, n, _total in levels}
    whole = sum(given.values())
    content = whole - sum(given.get(level, 0) for level in rating.LOW)
    title = _("服务评价：满意率 %(share)s%%", share=round(100 * content / whole, 1)) if whole else _("服务评价")
    rows = ((_(rate.LEVELS[level]), given.get(level, 0), str(given.get(level, 0))) for level in rating.LEVELS)
    why = ((_(rate.REASONS[key]) if key in rate.REASONS else key, n, str(n)) for key, n, _total in reasons)
    return [(title, bars(rows) if whole else []), (_("不满意的原因"), bars(why))]


@page("/statistics", *FIGURES, places=OFFICE)
def figures() -> str:
    first, last = span()
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    days: dict[dt.date, int] = {first + dt.timedelta(days=n): 0 for n in range((last - first).days + 1)}
    for one in _figures():
        entry = sums[one.measure, one.key]
        entry[0], entry[1] = entry[0] + one.amount, entry[1] + one.total
        if one.measure == "orders":
            days[one.day] = days.get(one.day, 0) + one.amount

    def of(measure: str) -> list[tuple[str, int, int]]:
        found = [(key, n, total) for (name, key), (n, total) in sums.items() if name == measure]
        return sorted(found, key=lambda row: -row[1])[:24]

    hours = {int(key): n for key, n, _t in of("hours")}
    steps = sorted(of("steps"), key=lambda row: -row[2] / row[1])
    charts: list[Chart] = [
        (_("每天业务单"), bars((f"{day:%m-%d}", n, str(n)) for day, n in sorted(days.items()))),
        (_("各项业务"), bars((service_name(key), n, str(n)) for key, n, _t in of("orders"))),
        (
            _("各时段业务单（时）"),
            bars((f"{h:02d}:00", hours.get(h, 0), str(hours.get(h, 0))) for h in _span_of(hours)),
        ),
        (_("业务单状态"), bars((texts.say(texts.STATES, key), n, str(n)) for key, n, _t in of("states"))),
        (
            _("每步平均用时（秒）"),
            bars((words.step_name(key), t / n / 1000, f"{t / n / 1000:.1f}") for key, n, t in steps),
        ),
        (_("未成功的原因"), bars((words.refusal_name(key), n, str(n)) for key, n, _t in of("refusals"))),
        (_("发出的 UKey"), bars((_("已发出"), n, str(n)) for _key, n, _t in of("ukeys"))),
        (
            _("收款（元）"),
            bars((texts.say(texts.CHANNELS, key), total, f"{total / 100:.2f}") for key, _n, total in of("money")),
        ),
    ]
    charts += ratings(of("rating"), of("rating_why"))
    return render_template("admin/statistics.html", charts=charts, first=first, last=last)


@page("/statistics.csv", *FIGURES, places=OFFICE)
def figures_csv() -> Response:
    """Every figure as a line; UTF-8 with a mark, so that office programs read the Chinese."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("day", "measure", "key", "amount", "total"))
    for one in _figures():
        key = one.key if one.key[:1] not in "=+-@\t" else f"'{one.key}"
        writer.writerow((one.day.isoformat(), one.measure, key, one.amount, one.total))
    first, last = span()
    response = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename=statistics-{first}-{last}.csv"
    return response
