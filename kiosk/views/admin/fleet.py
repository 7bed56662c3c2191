"""The centre's kiosks: how each is, what it is to do, pairing and revoking."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from kiosk.db import db, now, write
from kiosk.fleet import commands, overview, pairing
from kiosk.fleet.models import FleetFault
from kiosk.fleet.overview import Machine
from kiosk.orders.clerks import EVERY_HALL
from kiosk.orders.standing import OUT_REASONS
from kiosk.views.clerk.guard import ALL, me, page
from kiosk.views.clerk.signing import refused
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

CENTRE = ("centre",)
DOES = ("out", "in", "restart", "self_test", "logs")


def my_hall() -> str | None:
    """The hall whose kiosks and orders this clerk sees; None for every hall (his own is the centre)."""
    return None if me().hall in (EVERY_HALL, house().settings.hall) else me().hall


def machine_of(kiosk: str) -> Machine:
    found = overview.machine(db.session(), my_hall(), kiosk)
    if found is None:
        raise NotFound
    return found


def hall_name(hall: str) -> str:
    scheme = house().catalogue.schemes.get(hall)
    return scheme.name if scheme else hall


@page("/", *ALL, places=CENTRE)
def index() -> str:
    """Every kiosk by hall, with what needs somebody."""
    found = overview.machines(db.session(), my_hall(), request.args.get("after", "")[:60])
    halls: dict[str, list[Machine]] = {}
    for one in found.rows:
        halls.setdefault(one.row.hall, []).append(one)
    return render_template("admin/fleet.html", halls=halls, following=found.following, hall_name=hall_name)


@page("/kiosks/<kiosk>", *ALL, places=CENTRE)
def fleet_kiosk(kiosk: str) -> str:
    found, session = machine_of(kiosk), db.session()
    return render_template(
        "admin/fleet_kiosk.html",
        machine=found,
        faults=overview.faults(session, kiosk),
        commands=commands.newest(session, kiosk),
        reasons=OUT_REASONS,
        hall_name=hall_name,
    )


@page("/kiosks/<kiosk>/do", "admin", places=CENTRE, post=True)
def command(kiosk: str) -> Response:
    """Queue a command; the kiosk fetches it with its next report."""
    kind, reason = request.form.get("kind", ""), request.form.get("reason", "")
    machine_of(kiosk)
    if kind not in DOES or (kind == "out" and reason not in OUT_REASONS):
        refused("no_reason")
        return redirect(url_for(".fleet_kiosk", kiosk=kiosk), 303)
    give(kiosk, kind, {"reason": reason} if kind == "out" else {})
    return redirect(url_for(".fleet_kiosk", kiosk=kiosk), 303)


def give(kiosk: str, kind: str, body: dict[str, Any]) -> None:
    """Queue a command in the clerk's name, journalled at the centre; says what came of it."""
    name = me().name
    try:
        with write() as session:
            queued = commands.give(session, kiosk, kind, body, name)
            facts = {"kiosk": kiosk, "command": queued.id, "act": kind, "clerk": name, **body}
            house().log(session, "fleet.command", facts)
    except commands.CommandRefused as error:
        refused(error.code)
        return
    flash(_("已下达，自助机下次联系时执行。"), "good")


@page("/kiosks/<kiosk>/revoke", "admin", places=CENTRE, post=True)
def revoke(kiosk: str) -> Response:
    """A kiosk that was stolen or taken down: nothing it signs is believed any more."""
    name = me().name
    machine_of(kiosk)
    try:
        with write() as session:
            pairing.revoke(session, kiosk)
            house().log(session, "fleet.revoked", {"kiosk": kiosk, "clerk": name})
    except pairing.PairingRefused as error:
        refused(error.code)
    else:
        flash(_("凭据已吊销。"), "good")
    return redirect(url_for(".fleet_kiosk", kiosk=kiosk), 303)


@page("/kiosks/<kiosk>/faults/<int:number>", "admin", "auditor", places=CENTRE, post=True)
def clear_fault(kiosk: str, number: int) -> Response:
    """Somebody has looked at what could not be taken in; the kiosk may try again."""
    name = me().name
    machine_of(kiosk)
    with write() as session:
        fault = session.get(FleetFault, number)
        if fault is None or fault.kiosk != kiosk:
            raise NotFound
        fault.cleared_at, fault.cleared_by = now(), name
        body = {"kiosk": kiosk, "code": fault.code, "epoch": fault.epoch, "seq": fault.seq, "clerk": name}
        house().log(session, "fleet.fault_cleared", body)
    flash(_("已处理。"), "good")
    return redirect(url_for(".fleet_kiosk", kiosk=kiosk), 303)


@page("/kiosks/<kiosk>/logs/<int:number>", "admin", places=CENTRE)
def logs(kiosk: str, number: int) -> Response:
    """The log lines a kiosk sent, as text."""
    machine_of(kiosk)
    found = next((one for one in commands.newest(db.session(), kiosk, 100) if one.id == number), None)
    if found is None or found.kind != "logs" or found.state != "done":
        raise NotFound
    return Response(found.answer, mimetype="text/plain")


# -- pairing --------------------------------------------------------------------------------------


@page("/pairing", "admin", places=CENTRE)
def pair() -> str:
    return render_template("admin/fleet_pairing.html", code="", kiosk="", halls=_halls())


@page("/pairing", "admin", places=CENTRE, post=True)
def invite() -> str:
    """A one-time code, shown this once."""
    form, name = request.form, me().name
    kiosk, hall = form.get("kiosk", "").strip().upper()[:10], form.get("hall", "")
    code = ""
    try:
        if hall not in _halls():
            raise pairing.PairingRefused("hall_malformed")
        with write() as session:
            code = pairing.invite(session, house().settings.kiosk_id, kiosk, hall, form.get("place", "").strip(), name)
            house().log(session, "fleet.invited", {"kiosk": kiosk, "hall": hall, "clerk": name})
    except pairing.PairingRefused as error:
        flash(_(FLEET_REFUSALS.get(error.code, error.code)), "bad")
    return render_template("admin/fleet_pairing.html", code=code, kiosk=kiosk, halls=_halls())


def _halls() -> dict[str, str]:
    """Halls this clerk may pair kiosks for."""
    mine = my_hall()
    return {code: one.name for code, one in house().catalogue.schemes.items() if mine in (None, code)}


FLEET_REFUSALS = {
    "kiosk_malformed": "编号应为字母开头的 3 至 6 位大写字母和数字，如 K001。",
    "hall_malformed": "请选择大厅。",
    "own_name": "这是中心自己的编号，请换一个。",
}
