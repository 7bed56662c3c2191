"""``flask --app wsgi review …``: the decisions of a clerk at the command line."""

from __future__ import annotations

from collections.abc import Callable

import click
from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import db, write
from kiosk.orders import review as decisions
from kiosk.orders import writing
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import MoveRefused, State


@click.group("review", help="Orders that wait for a clerk: approve, reject, write again.")
def review() -> None:
    """Group."""


def _decide(number: str, act: Callable[[Session, House, Order], None]) -> None:
    house: House = current_app.extensions["house"]
    try:
        with write() as session:
            order = session.scalars(select(Order).where(Order.number == number)).first()
            if order is None:
                raise click.ClickException(f"no order {number}")
            act(session, house, order)
            state = order.state
    except decisions.ReviewRefused as error:
        raise click.ClickException(error.code) from error
    except MoveRefused as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{number} {state}")


@review.command("list")
def waiting() -> None:
    """Orders in review and the level that decides next."""
    house: House = current_app.extensions["house"]
    for order in db.session.scalars(select(Order).where(Order.state == State.PAID).order_by(Order.id)):
        level = decisions.open_level(house, order)
        if level is not None:
            click.echo(f"{order.number}  {order.scheme}/{order.service}/{order.kind}  {level.code} {level.name}")


@review.command("approve")
@click.argument("number")
@click.option("--clerk", default="cli", show_default=True)
@click.option("--all-levels", is_flag=True, help="every level that is still open, one after the other")
def approve(number: str, clerk: str, all_levels: bool) -> None:
    """Approve the level that decides next."""

    def act(session: Session, house: House, order: Order) -> None:
        level = decisions.open_level(house, order)
        if level is None:
            raise decisions.ReviewRefused("not_in_review")
        while level is not None:
            decisions.approve(session, house, order, level.code, clerk)
            level = decisions.open_level(house, order) if all_levels else None

    _decide(number, act)


@review.command("reject")
@click.argument("number")
@click.argument("material")
@click.argument("reason")
@click.option("--clerk", default="cli", show_default=True)
def reject(number: str, material: str, reason: str, clerk: str) -> None:
    """Send the order back: MATERIAL is the code of what has to be mended, REASON what the person is told."""
    _decide(number, lambda session, house, order: decisions.reject(session, house, order, material, reason, clerk))


@review.command("write-again")
@click.argument("number")
def write_again(number: str) -> None:
    """Send what failed while writing on its way again."""
    _decide(number, writing.resume)
