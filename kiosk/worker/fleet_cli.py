"""``flask --app wsgi fleet ...``: pair this kiosk, see how its line is; at the centre: invite, list, shred."""

from __future__ import annotations

import json
from dataclasses import replace

import click
from flask import current_app

from kiosk.db import BEIJING, db, write
from kiosk.fleet import overview, pairing, signing, wire
from kiosk.fleet.line import Line, LineError, Refused, checked_url
from kiosk.orders import transfer
from kiosk.orders.book import House
from kiosk.worker import retention, uplink


@click.group()
def fleet() -> None:
    """The kiosk's centre, or the centre's kiosks."""


def _house(role: str) -> House:
    house: House = current_app.extensions["house"]
    if house.settings.role != role:
        raise click.ClickException(f"this is a command of the {role}")
    return house


@fleet.command("pair")
@click.option("--centre", "url", required=True, help="https://address of the centre")
def pair(url: str) -> None:
    """Pair this kiosk; asks for the one-time code the centre shows."""
    house = _house("kiosk")
    try:
        address = checked_url(url)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    code = str(click.prompt("One-time code")).strip()[:24]
    key = signing.write_key(house.settings.secrets)
    public = key.public_key().public_bytes_raw().hex()
    asked = wire.Pairing(code=code, kiosk=house.settings.kiosk_id, epoch=house.settings.epoch, public_key=public)
    try:
        with Line(address, ca_file=house.settings.fleet.ca_file) as line:
            answer = line.call("POST", "/pair", asked.model_dump_json().encode())
        found = wire.Paired.model_validate_json(answer)
    except Refused as error:
        raise click.ClickException(f"the centre refused: {error.code}") from error
    except (LineError, ValueError) as error:
        raise click.ClickException(f"the centre is not reached: {error}") from error
    uplink.note_pairing(address, found)
    click.echo(f"{house.settings.kiosk_id} is paired with {address}, hall {found.hall}, credential {found.credential}")


@fleet.command("report")
def report() -> None:
    """Report to the centre now, once, and say where it stands."""
    house = _house("kiosk")
    line = uplink.Uplink(current_app._get_current_object(), lambda: None, lambda: None)  # type: ignore[attr-defined]
    try:
        while line.step():
            pass
    except LineError as error:
        raise click.ClickException(str(error)) from error
    finally:
        line.close()
    click.echo(f"{house.settings.kiosk_id}: the centre has {line.acked}{'; fault ' + line.fault if line.fault else ''}")


@fleet.command("take")
@click.argument("number")
def take(number: str) -> None:
    """Have an order of another kiosk of this hall come here; it arrives with one of the next reports.

    Asks for the number of the customer's document: an order comes only for somebody who stands in it.
    """
    house, centre = _house("kiosk"), uplink.paired()
    if wire.day_of(number) is None:
        raise click.ClickException("not an order's number")
    if centre is None:
        raise click.ClickException("this kiosk is not paired")
    document = str(click.prompt("Identity or unit number", hide_input=True))
    with write() as session:
        transfer.ask_for(session, house, centre.box_key, number, document)
    click.echo(f"{number} is asked for")


@fleet.command("invite")
@click.argument("kiosk")
@click.option("--hall", required=True)
@click.option("--place", default="")
def invite(kiosk: str, hall: str, place: str) -> None:
    """A one-time code for a kiosk, good for 15 minutes."""
    house = _house("centre")
    try:
        with write() as session:
            code = pairing.invite(session, house.settings.kiosk_id, kiosk, hall, place, "command")
            house.log(session, "fleet.invited", {"kiosk": kiosk, "hall": hall, "clerk": "command"})
    except pairing.PairingRefused as error:
        raise click.ClickException(error.code) from error
    click.echo(code)


@fleet.command("list")
@click.option("--json", "as_json", is_flag=True)
def machines(as_json: bool) -> None:
    """Every kiosk, when it was last seen, what is wrong."""
    _house("centre")
    rows, after = [], ""
    while True:
        found = overview.machines(db.session(), None, after)
        for one in found.rows:
            seen = one.status.seen_at.astimezone(BEIJING).isoformat(timespec="seconds") if one.status.seen_at else None
            facts = {"kiosk": one.row.kiosk, "hall": one.row.hall, "seen": seen, "silent": one.silent}
            rows.append({**facts, "bad": one.bad, "fault": one.fault, "revoked": one.row.revoked_at is not None})
        after = found.following
        if not after:
            break
    lines = [f"{r['kiosk']:<7}{r['hall']:<14}{r['seen']}  {' '.join(r['bad'])} {r['fault']}".rstrip() for r in rows]
    click.echo(json.dumps(rows, ensure_ascii=False) if as_json else "\n".join(lines) or "no kiosks")


@fleet.command("revoke")
@click.argument("kiosk")
def revoke(kiosk: str) -> None:
    """Believe nothing that kiosk signs any more."""
    house = _house("centre")
    try:
        with write() as session:
            pairing.revoke(session, kiosk)
            house.log(session, "fleet.revoked", {"kiosk": kiosk, "clerk": "command"})
    except pairing.PairingRefused as error:
        raise click.ClickException(error.code) from error
    click.echo(f"{kiosk} is revoked")


@fleet.command("shred")
@click.option("--days", type=click.IntRange(1), required=True, help="instead of retention_days, for this run")
def shred(days: int) -> None:
    """Destroy the keys of dossiers of orders that are over; the events stay, and their chains still verify."""
    house = _house("centre")
    house = replace(house, settings=house.settings.model_copy(update={"retention_days": days}))
    click.echo(f"shredded {retention.shred_all(current_app, house)} dossiers")
