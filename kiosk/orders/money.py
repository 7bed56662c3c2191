"""Ways to pay, and how an attempt begins in each of them.

``wechat``, ``alipay`` and every adapter in the merchant folder show a code that lives three minutes; ``pos`` is the
card terminal at the kiosk; ``pos_manual`` a stand-alone terminal at the window and ``transfer`` a company transfer:
both are confirmed by a clerk. There is no cash.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.config import Settings
from kiosk.db import now
from kiosk.orders import effects
from kiosk.orders.book import House
from kiosk.orders.models import DeviceHealth, Order, Payment
from kiosk.orders.states import PaymentState, State

QR = ("wechat", "alipay")
CARD, WINDOW = "pos", "pos_manual"
BY_HAND = (WINDOW, "transfer")
TERMINAL_SECONDS = 120  # the customer's time at the card terminal
HAND_DAYS = 30  # a transfer may take its time; a clerk closes it
GOOD = ("fine", "warning", "busy")
BELIEVED = dt.timedelta(minutes=2)  # what the worker found longer ago says nothing about now


def shows_code(channel: str) -> bool:
    """Whether the buyer scans a code on our screen."""
    return channel not in (CARD, *BY_HAND)


def part_of(channel: str) -> str:
    """The name under which the worker keeps the health of a way to pay."""
    return channel if channel in (*QR, CARD, WINDOW) else f"pay {channel}"[:24]


def is_way(part: str) -> bool:
    """Whether a part of the machine is a way to pay."""
    return part in (*QR, CARD, WINDOW) or part.startswith("pay ")


def working(session: Session) -> frozenset[str] | None:
    """The ways to pay that worked at the worker's last round; None while it says nothing that can be believed."""
    rows = session.execute(select(DeviceHealth.name, DeviceHealth.level).where(DeviceHealth.at > now() - BELIEVED))
    levels = {name: level for name, level in rows if is_way(name)}
    return frozenset(name for name, level in levels.items() if level in GOOD) if levels else None


def payable(works: frozenset[str] | None, allowed: Iterable[str]) -> bool:
    """Whether a person who begins now will find a way to pay among those a service allows (``works``: see
    :func:`working`). Where nothing is known nobody is sent away: the preflight looks again before anybody pays.
    """
    if works is None or "transfer" in allowed:
        return True
    wanted = set(allowed) | ({WINDOW} if CARD in allowed else set())
    adapters = {name for name in works if name.startswith("pay ")} if wanted & set(QR) else set()
    return bool(works & wanted or adapters)


def expiry(settings: Settings, channel: str) -> dt.datetime:
    """When an attempt that begins now ends by itself."""
    if channel in BY_HAND:
        return now() + dt.timedelta(days=HAND_DAYS)
    return now() + dt.timedelta(seconds=TERMINAL_SECONDS if channel == CARD else settings.qr_seconds)


def begin(session: Session, house: House, payment: Payment) -> None:
    """Ask the worker, or a clerk, for the first thing to be done. A transfer waits for its voucher."""
    order = payment.order
    if shows_code(payment.channel):
        effects.enqueue(session, order, "pay.open", payment.out_trade_no)
    elif payment.channel == CARD:
        effects.enqueue(session, order, "pos.begin", payment.out_trade_no)
    elif payment.channel == WINDOW:
        house.move_payment(session, payment, PaymentState.PENDING)
        ask_clerk(session, house, payment)


def ask_clerk(session: Session, house: House, payment: Payment) -> None:
    """A task for whoever can see the slip or the bank statement."""
    facts = {"number": payment.out_trade_no, "channel": payment.channel, "amount": payment.amount}
    house.task(session, "confirm_payment", facts, payment.order, payment.out_trade_no)


def ended(session: Session, house: House, order: Order, why: str) -> None:
    """An attempt is over and no money came: a person who left is gone, anybody else may choose again."""
    if order.state == State.PAYING and order.note == "left":
        house.move(session, order, State.VOID, "left")
    elif order.state == State.PAYING:
        order.note = why
