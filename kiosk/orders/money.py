"""Ways to pay, and how an attempt begins in each of them.

``wechat``, ``alipay`` and every adapter in the merchant folder show a code that lives three minutes; ``pos`` is the
card terminal at the kiosk; ``pos_manual`` a stand-alone terminal at the window and ``transfer`` a company transfer:
both are confirmed by a clerk. There is no cash.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from kiosk.config import Settings
from kiosk.db import now
from kiosk.orders import effects
from kiosk.orders.book import House
from kiosk.orders.models import Order, Payment
from kiosk.orders.states import PaymentState, State

BY_HAND = ("pos_manual", "transfer")
CARD = "pos"
TERMINAL_SECONDS = 120  # the customer's time at the card terminal
HAND_DAYS = 30  # a transfer may take its time; a clerk closes it


def shows_code(channel: str) -> bool:
    """Whether the buyer scans a code on our screen."""
    return channel not in (CARD, *BY_HAND)


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
    elif payment.channel == "pos_manual":
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
