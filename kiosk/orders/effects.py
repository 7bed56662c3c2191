"""Asking the worker for an effect: the kinds there are, the lane each runs in, and :func:`enqueue`.

Lanes run side by side: ``desk`` = everything the person waits for at the devices, ``money`` = gateways, ``pos`` = the
card terminal, ``ca`` = the certification authority, ``paper`` = documents and printers, ``post`` = short messages.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders.models import Effect, Order
from kiosk.orders.states import LIVE, EffectState

LANES = {
    "card.read": "desk",
    "token.read": "desk",
    "token.blank": "desk",
    "token.prove": "desk",
    "scan": "desk",
    "preflight": "desk",
    "token.next": "desk",
    "token.adopt": "desk",
    "token.unlock": "desk",
    "write.key": "desk",
    "write.certificate": "desk",
    "write.seal": "desk",
    "ca.find": "ca",
    "ca.issue": "ca",
    "ca.confirm": "ca",
    "seal.make": "ca",
    "ca.act": "ca",
    "pay.open": "money",
    "pay.watch": "money",
    "refund": "money",
    "pos.begin": "pos",
    "pos.charge": "pos",
    "pos.void": "pos",
    "ca.revoke": "ca",
    "paper.make": "paper",
    "print.receipt": "paper",
    "print.form": "paper",
    "print.sheet": "paper",
    "sms.send": "post",
}

READINGS = ("card.read", "token.read", "token.blank", "token.prove", "scan", "preflight", "ca.find", "print.sheet")
"""Effects only the person standing there wants: they are called off when he leaves."""


AT_THE_READERS = ("card.read", "token.read", "token.blank")
"""Readings that take whatever is laid down next: the kiosk has one of each reader, and one person stands there."""


def enqueue(session: Session, order: Order, kind: str, subject: str = "", *, delay: float = 0.0) -> Effect:
    """Ask for an effect, in the caller's transaction; the same live effect is not asked for twice."""
    found = live(session, order, kind, subject)
    if found:
        return found
    if kind in AT_THE_READERS:
        _let_go(session, order, kind)
    effect = Effect(
        order_id=order.id,
        kind=kind,
        subject=subject,
        lane=LANES[kind],
        state=EffectState.QUEUED,
        facts={},
        tries=0,
        not_before=now() + dt.timedelta(seconds=delay),
    )
    session.add(effect)
    session.flush()
    return effect


def _let_go(session: Session, order: Order, kind: str) -> None:
    """Nobody's card is read for another's order: what an earlier visit, never ended, still waits for is called off."""
    query = select(Order).join(Effect).where(Effect.kind == kind, Effect.state.in_(LIVE), Effect.order_id != order.id)
    for other in session.scalars(query):
        cancel(session, other, kind)


def live(session: Session, order: Order, kind: str, subject: str = "") -> Effect | None:
    """The effect of that kind that is queued or under way for the order, if there is one."""
    query = select(Effect).where(
        Effect.order_id == order.id, Effect.kind == kind, Effect.subject == subject, Effect.state.in_(LIVE)
    )
    return session.scalars(query).first()


def count(session: Session, order: Order, kind: str) -> int:
    """How often an effect of that kind was asked for."""
    query = select(func.count()).where(Effect.order_id == order.id, Effect.kind == kind)
    return session.scalar(query) or 0


def last(session: Session, order: Order, kind: str, subject: str = "") -> Effect | None:
    """The newest effect of that kind, whatever became of it."""
    query = select(Effect).where(Effect.order_id == order.id, Effect.kind == kind, Effect.subject == subject)
    return session.scalars(query.order_by(Effect.id.desc()).limit(1)).first()


def cancel(session: Session, order: Order, *kinds: str) -> None:
    """Call off readings that wait; one that is just being done ends by itself at its next look."""
    query = select(Effect).where(Effect.order_id == order.id, Effect.kind.in_(kinds), Effect.state.in_(LIVE))
    for effect in session.scalars(query):
        if effect.state == EffectState.RUNNING:
            effect.give_up_at = effect.created_at
        else:
            effect.state = EffectState.CANCELLED


def hurry(session: Session, order: Order, kind: str, subject: str = "") -> None:
    """Have a waiting effect looked at now."""
    found = live(session, order, kind, subject)
    if found and found.state == EffectState.WAITING:
        found.not_before = now()
