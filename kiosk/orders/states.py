"""The states of an order, a payment, a refund and an effect, and every move that is allowed between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T", bound=StrEnum)


class State(StrEnum):
    """Where an order stands."""

    DRAFT = "draft"  # the person fills in
    PAYING = "paying"  # answers confirmed, the price is frozen, an attempt to pay may be open
    PAID = "paid"  # money received (or nothing to pay), waiting for review where the scheme wants it
    WRITING = "writing"  # keys, certificates, UKeys
    DONE = "done"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    CLERK = "clerk"  # waits for a clerk's task
    VOID = "void"  # left before paying
    AWAY = "away"  # handed over to another kiosk of the hall, or on its way from one


class PaymentState(StrEnum):
    """Where one attempt to pay stands."""

    CREATED = "created"
    PENDING = "pending"
    CLOSING = "closing"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    MISMATCH = "mismatch"


class RefundState(StrEnum):
    REQUESTED = "requested"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class EffectState(StrEnum):
    """Where one effect stands. ``waiting`` = begun, and to be looked at again (a card not yet laid, a trade still
    open).
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


LIVE = (EffectState.QUEUED, EffectState.RUNNING, EffectState.WAITING, EffectState.UNKNOWN)
OPEN_PAYMENTS = (PaymentState.CREATED, PaymentState.PENDING, PaymentState.CLOSING)

S, P, R = State, PaymentState, RefundState

MOVES: dict[State, frozenset[State]] = {
    S.DRAFT: frozenset({S.PAYING, S.PAID, S.VOID, S.AWAY}),  # PAID: a rejected order, mended, is sent again
    S.PAYING: frozenset({S.DRAFT, S.PAID, S.VOID, S.CLERK}),
    S.PAID: frozenset({S.WRITING, S.REFUNDING, S.CLERK, S.DRAFT, S.AWAY}),
    S.WRITING: frozenset({S.DONE, S.REFUNDING, S.CLERK}),
    S.CLERK: frozenset({S.WRITING, S.REFUNDING, S.DONE, S.PAID, S.PAYING}),
    S.REFUNDING: frozenset({S.REFUNDED, S.CLERK}),
    S.DONE: frozenset({S.REFUNDING}),  # two clerks only: the certificate is revoked first
    S.REFUNDED: frozenset(),
    S.VOID: frozenset(),
    S.AWAY: frozenset({S.PAID, S.DRAFT}),
}
PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    P.CREATED: frozenset({P.PENDING, P.CLOSING, P.SUCCEEDED, P.CLOSED, P.MISMATCH}),
    P.PENDING: frozenset({P.CLOSING, P.SUCCEEDED, P.CLOSED, P.MISMATCH}),
    P.CLOSING: frozenset({P.SUCCEEDED, P.CLOSED, P.MISMATCH}),
    P.CLOSED: frozenset({P.SUCCEEDED, P.MISMATCH}),  # the gateway's later word outweighs its earlier one
    P.SUCCEEDED: frozenset(),
    P.MISMATCH: frozenset({P.SUCCEEDED}),
}
REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    R.REQUESTED: frozenset({R.PROCESSING, R.SUCCEEDED, R.FAILED}),
    R.PROCESSING: frozenset({R.SUCCEEDED, R.FAILED}),
    R.FAILED: frozenset({R.PROCESSING, R.SUCCEEDED}),
    R.SUCCEEDED: frozenset(),
}


class MoveRefused(Exception):
    """This thing may not go from where it stands to there."""

    def __init__(self, what: str, old: str, new: str) -> None:
        super().__init__(f"{what}: {old} -> {new}")
        self.what, self.old, self.new = what, old, new


def check(what: str, moves: Mapping[T, frozenset[T]], old: T, new: T) -> None:
    """Raise :class:`MoveRefused` unless ``new`` may follow ``old``."""
    if new not in moves[old]:
        raise MoveRefused(what, old, new)
