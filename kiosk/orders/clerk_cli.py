"""``flask --app wsgi clerk …``: staff accounts, from the machine itself."""

from __future__ import annotations

import click
from flask import current_app
from sqlalchemy import select

from kiosk.db import BEIJING, db, write
from kiosk.orders import clerks
from kiosk.orders.book import House
from kiosk.orders.desk_models import Clerk


def _house() -> House:
    found: House = current_app.extensions["house"]
    return found


def _asked() -> str:
    """A password is only ever typed: a command line stands in process lists and histories."""
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


@click.group("clerk")
def clerk() -> None:
    """Staff accounts: add, list, reset, disable."""


@clerk.command("add")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(list(clerks.ROLES)))
@click.option("--display", default="", help="the name shown on pages")
@click.option("--hall", default="", help="empty = the hall of this kiosk")
def add(name: str, roles: tuple[str, ...], display: str, hall: str) -> None:
    """Make an account. The TOTP address is printed once: scan it with an authenticator."""
    password = _asked()
    try:
        with write() as session:
            _, address = clerks.add(session, _house(), name, display, password, roles, hall)
    except clerks.AccountRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(address)


@clerk.command("list")
def list_() -> None:
    """All accounts and their roles."""
    for one in db.session.scalars(select(Clerk).order_by(Clerk.name)):
        until = one.locked_until.astimezone(BEIJING).isoformat(timespec="minutes") if one.locked_until else ""
        state = "disabled" if one.disabled else f"locked until {until}" if until else "open"
        click.echo(f"{one.name:<20} {','.join(one.roles):<32} {one.hall:<12} {state}")


@clerk.command("reset")
@click.argument("name")
def reset(name: str) -> None:
    """New password and new TOTP secret; all sessions of the account end."""
    password = _asked()
    try:
        with write() as session:
            address = clerks.reset(session, _house(), name, password)
    except clerks.AccountRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(address)


@clerk.command("disable")
@click.argument("name")
@click.option("--undo", is_flag=True, help="open the account again, also after a lock-out")
def disable(name: str, undo: bool) -> None:
    """Shut an account and end its sessions."""
    try:
        with write() as session:
            clerks.disable(session, _house(), name, not undo, "cli")
    except clerks.AccountRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{name}: {'open' if undo else 'disabled'}")
