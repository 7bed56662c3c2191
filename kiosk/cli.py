"""Operator's commands: ``flask --app wsgi <command>``. Rooms with commands of their own are loaded only when one
is called.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from kiosk import journal
from kiosk.db import BEIJING, db
from kiosk.journal import Event
from kiosk.orders.book import House
from kiosk.orders.models import Order

ROOMS = {
    "backup": "kiosk.backup:backup",
    "catalogue": "kiosk.catalogue.cli:catalogue",
    "ca": "kiosk.ca.cli:ca",
    "seal": "kiosk.imaging.cli:seal",
    "ime": "kiosk.ime.cli:ime",
    "clerk": "kiosk.orders.clerk_cli:clerk",
    "review": "kiosk.orders.cli:review",
    "reconcile": "kiosk.worker.money_cli:reconcile",
    "invoice": "kiosk.worker.money_cli:invoice",
    "notices": "kiosk.worker.notices_cli:notices",
    "merchant": "kiosk.worker.money_cli:merchant",
    "fleet": "kiosk.worker.fleet_cli:fleet",
    "voice": "kiosk.views.voice_cli:voice",
}
audit = AppGroup("audit", help="The journal and its hash chain.")
orders = AppGroup("order", help="Orders and their time lines.")
ukey = AppGroup("ukey", help="UKeys that are plugged in.")


def _house() -> House:
    found: House = current_app.extensions["house"]
    return found


def _out(data: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, default=str) if as_json else text)


@audit.command("verify")
def audit_verify() -> None:
    """Walk the chain; name the first event that is not whole."""
    whole, broken = journal.verify(db.session())
    if broken is None:
        click.echo(f"chain whole: {whole} events")
        return
    place = f"{broken.kiosk}/{broken.epoch}/{broken.seq}"
    click.echo(f"chain broken at event {place}: {broken.reason} ({whole} events before it are whole)")
    sys.exit(1)


@orders.command("list")
@click.option("--state", help="only orders in this state")
@click.option("--limit", default=20, show_default=True)
@click.option("--before", type=int, help="go on below this id")
@click.option("--json", "as_json", is_flag=True)
def order_list(state: str | None, limit: int, before: int | None, as_json: bool) -> None:
    """Newest orders first."""
    query = select(Order).order_by(Order.id.desc()).limit(min(limit, 500))
    if state:
        query = query.where(Order.state == state)
    if before:
        query = query.where(Order.id < before)
    rows = [
        {
            "id": order.id,
            "number": order.number,
            "state": order.state,
            "service": f"{order.scheme}/{order.service}/{order.kind}",
            "amount": order.amount,
            "created": order.created_at.astimezone(BEIJING).isoformat(timespec="seconds"),
        }
        for order in db.session.scalars(query)
    ]
    lines = [f"{r['number']}  {r['state']:<10} {r['service']:<28} {r['amount'] or 0:>8}  {r['created']}" for r in rows]
    _out(rows, as_json, "\n".join(lines) or "no orders")


@orders.command("show")
@click.argument("number")
@click.option("--json", "as_json", is_flag=True)
def order_show(number: str, as_json: bool) -> None:
    """The time line of one order. No personal data."""
    order = db.session.scalars(select(Order).where(Order.number == number)).first()
    if order is None:
        raise click.ClickException(f"no order {number}")
    events = db.session.scalars(select(Event).where(Event.order_no == number).order_by(Event.seq)).all()
    line: list[dict[str, Any]] = [
        {"seq": e.seq, "at": e.at.astimezone(BEIJING).isoformat(), "kind": e.kind, "body": e.body} for e in events
    ]
    certificates = [
        {"serial": c.serial, "token": c.token_serial, "state": c.state, "not_after": c.not_after}
        for c in order.certificates
    ]
    data = {
        "number": number,
        "state": order.state,
        "amount": order.amount,
        "certificates": certificates,
        "events": line,
    }
    text = [f"{number}  {order.state}  {order.scheme}/{order.service}/{order.kind}  {order.amount or 0} fen"]
    text += [f"{e['at'][11:23]}  {e['kind']:<18} {json.dumps(e['body'], ensure_ascii=False)}" for e in line]
    _out(data, as_json, "\n".join(text))


@orders.command("shred")
@click.option("--days", type=click.IntRange(1), help="instead of the configured retention_days, for this run")
def order_shred(days: int | None) -> None:
    """Destroy the personal data of orders whose time is over; the worker does so by itself every hour."""
    from kiosk.worker.retention import shred_all

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    house = _house()
    if days:
        house = replace(house, settings=house.settings.model_copy(update={"retention_days": days}))
    click.echo(f"shredded {shred_all(app, house)} orders")


@ukey.command("list")
@click.option("--json", "as_json", is_flag=True)
def ukey_list(as_json: bool) -> None:
    """Which UKeys are plugged in."""
    from kiosk.worker.world import World

    world = World(_house().settings)
    try:
        tokens = world.ukey.call("tokens", deadline=20)
    finally:
        world.close()
    rows = [{"serial": t.serial, "label": t.label, "blank": t.blank, "pin_locked": t.pin_locked} for t in tokens]
    lines = [f"{r['serial']}  {r['label']}  {'blank' if r['blank'] else 'in use'}" for r in rows]
    _out(rows, as_json, "\n".join(lines) or "no UKey is plugged in")


@ukey.command("show")
@click.argument("serial")
@click.option("--pin", "ask_pin", is_flag=True, help="ask for the PIN and prove each key by a signature")
@click.option("--json", "as_json", is_flag=True)
def ukey_show(serial: str, ask_pin: bool, as_json: bool) -> None:
    """Certificates of a UKey, their validity, and whether their keys are there."""
    from kiosk.ca.reader import facts_of
    from kiosk.hardware.errors import DeviceError
    from kiosk.worker.world import World

    pin = click.prompt("PIN", hide_input=True) if ask_pin else None
    world = World(_house().settings)
    rows: list[dict[str, Any]] = []
    try:
        for found in world.ukey.call("inspect", deadline=20, serial=serial).certificates:
            facts = facts_of(found.der)
            row: dict[str, Any] = {
                "key_id": found.key_id,
                "serial": facts.serial_hex,
                "not_before": facts.not_before,
                "not_after": facts.not_after,
            }
            if pin:
                proof = {"serial": serial, "pin": pin, "key_id": found.key_id, "cert_der": found.der}
                try:
                    world.ukey.call("prove_key", deadline=20, **proof)
                    row["proof"] = "good"
                except DeviceError as error:
                    row["proof"] = error.code
            rows.append(row)
    except DeviceError as error:
        raise click.ClickException(error.code) from error
    finally:
        world.close()
    lines = [
        f"{r['serial']}  until {r['not_after'].astimezone(BEIJING).date()}  key {r['key_id']}  {r.get('proof', '')}"
        for r in rows
    ]
    _out(rows, as_json, "\n".join(lines) or "no certificate")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def doctor(as_json: bool) -> None:
    """State of every device, gateway, the CA, the clock and the disk; exit code 1 when the kiosk may not serve."""
    from kiosk.worker import health
    from kiosk.worker.main import running
    from kiosk.worker.world import World

    settings = _house().settings
    if running(settings.run):
        found = health.fresh()
    else:
        world = World(settings)
        try:
            found = health.probe(world)
        finally:
            world.close()
    serve = health.may_serve(found)
    rows = {name: {"level": h.level, "code": h.code, "detail": h.detail} for name, h in found.items()}
    lines = [f"{name:<16} {h.level:<8} {h.code} {h.detail}".rstrip() for name, h in found.items()]
    lines.append("may serve" if serve else "may NOT serve")
    _out({"serve": serve, "parts": rows}, as_json, "\n".join(lines))
    sys.exit(0 if serve else 1)


@click.command("setup")
@with_appcontext
def setup() -> None:
    """Make what is missing in the kiosk's home: database, embedded CA, and the demo UKeys where simulators run."""
    from kiosk.setup import setup as prepare

    prepare(_house().settings, click.echo)


@click.command("walk")
@click.option("--scheme", default="yiyang", show_default=True)
@click.option("--service", default="renew", show_default=True)
@click.option("--kind", type=click.Choice(["unit", "personal"]), default="unit", show_default=True)
@click.option("--years", type=int, default=1, show_default=True)
@click.option("--ukey", "token", default="", help="name of the demo UKey to use; empty takes a fitting one")
@click.option("--url", default="", help="address of a running kiosk; empty = the configured one")
@click.option("--json", "as_json", is_flag=True)
@with_appcontext
def walk(scheme: str, service: str, kind: str, years: int, token: str, url: str, as_json: bool) -> None:
    """A scripted customer walks one case through the same pages as a browser."""
    from kiosk.walk import Customer

    settings = _house().settings
    with Customer(url or f"http://{settings.host}:{settings.port}") as customer:
        report = customer.walk(scheme, service, kind, years, token)
        _out(report, as_json, customer.told(report))
    sys.exit(0 if report["outcome"] == "done" else 1)


class Room(click.Command):
    """A room's commands, imported when one of them is called: the web process never loads them."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, short_help=f"Commands of {place.partition(':')[0]}.", add_help_option=False)
        self.place = place

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return with_appcontext_of(command).make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return ctx.command.invoke(ctx)


def with_appcontext_of(command: click.Command) -> click.Command:
    """Room commands read paths from the app's configuration, so each runs inside its context."""
    if isinstance(command, click.Group):
        for child in command.commands.values():
            with_appcontext_of(child)
    elif command.callback is not None and not hasattr(command.callback, "in_app"):
        command.callback = with_appcontext(command.callback)
        command.callback.in_app = True  # type: ignore[attr-defined]
    return command


def init(app: Flask) -> None:
    for command in (audit, orders, ukey, doctor, setup, walk):
        app.cli.add_command(command)
    for name, place in ROOMS.items():
        app.cli.add_command(Room(name, place))
