"""What a clerk may have done for an order. Each function runs in the caller's writing transaction;
:mod:`kiosk.orders.desk` says who may call it, asks for the reason and keeps the journal around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import effects, forms, fulfil, journey, money_desk, prefill, writing
from kiosk.orders.book import House
from kiosk.orders.models import Effect, Order, Paper, Payment, Refund, Task
from kiosk.orders.states import LIVE, EffectState, PaymentState, State

EFFECT_OF = {
    "supersede_failed": "ca.confirm",
    "refund_failed": "refund",
    "papers_not_made": "paper.make",
    "refund_after_issue": "ca.revoke",
    "sms_failed": "sms.send",
}
"""The effect to run again for a task that does not name one."""


class DeskRefused(Exception):
    """The act is not possible here; ``code`` has its sentence in the views."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _order(order: Order | None) -> Order:
    if order is None:
        raise DeskRefused("no_order")
    return order


def _payment(session: Session, number: str) -> Payment:
    found = session.scalars(select(Payment).where(Payment.out_trade_no == number)).first()
    if found is None:
        raise DeskRefused("no_payment")
    return found


def _refund(session: Session, number: str) -> Refund:
    found = session.scalars(select(Refund).where(Refund.out_refund_no == number)).first()
    if found is None:
        raise DeskRefused("no_payment")
    return found


# -- effects --------------------------------------------------------------------------------------


def effect_of(session: Session, task: Task) -> Effect | None:
    """The newest effect a task is about."""
    kind = task.facts.get("effect") or EFFECT_OF.get(task.kind)
    if task.order is None or kind is None:
        return None
    found = effects.last(session, task.order, kind, task.subject)
    if found is None and kind == "refund":
        found = effects.last(session, task.order, "pos.begin", task.subject)
    return found


def again(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """Ask once more what became of it (unknown), or try once more (failed)."""
    effect = effect_of(session, task) if task else None
    if effect is None or order is None:
        raise DeskRefused("nothing_to_retry")
    if effect.state in LIVE:
        effect.facts = {**effect.facts, "asked": 0}
        effect.not_before = now()
    elif effect.state == EffectState.FAILED:
        if effect.kind in ("refund", "ca.revoke") and order.state == State.CLERK:
            house.move(session, order, State.REFUNDING, order.note)
        effects.enqueue(session, order, effect.kind, effect.subject)


def resume(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """重发: go on with the writing from where it stood."""
    here = _order(order)
    if here.state == State.WRITING:
        for certificate in here.certificates:
            for kind in writing.KINDS:
                effects.hurry(session, here, kind, str(certificate.position))
        return
    if here.state != State.CLERK or not here.certificates:
        raise DeskRefused("not_with_clerk")
    writing.resume(session, house, here)


# -- money ----------------------------------------------------------------------------------------


def give_back(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """Nothing is or stays delivered: what the CA signed is revoked first, then the money goes back."""
    here = _order(order)
    kept = any(payment.state == PaymentState.SUCCEEDED and payment.refund is None for payment in here.payments)
    if here.state not in (State.PAID, State.WRITING, State.CLERK) and not (here.state == State.DONE and kept):
        raise DeskRefused("nothing_to_refund")
    for payment in here.payments:
        if payment.state == PaymentState.MISMATCH:
            house.move_payment(session, payment, PaymentState.SUCCEEDED)
    fulfil.give_back(session, house, here, "clerk")


def accept_payment(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """The trade that did not fit was checked and is good."""
    here = _order(order)
    payment = _payment(session, task.subject if task else "")
    if payment.state != PaymentState.MISMATCH or here.state != State.CLERK:
        raise DeskRefused("not_with_clerk")
    house.move(session, here, State.PAYING, None)
    fulfil.settle(session, house, payment, payment.transaction_id, payment.paid_at)


def confirm_payment(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """The slip or the bank's statement shows the money; ``reference`` is its number."""
    payment = _payment(session, task.subject if task else "")
    money_desk.confirm(session, house, payment, given.get("reference", ""), given["by"])


def refuse_payment(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """No money came for this attempt."""
    money_desk.refuse(session, house, _payment(session, task.subject if task else ""), given["by"])


def given_back(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """The money was given back by hand; ``reference`` is the slip's or the bank's number."""
    refund = _refund(session, task.subject if task else "")
    money_desk.given_back(session, house, refund, given.get("reference", ""), given["by"])


# -- paper ----------------------------------------------------------------------------------------


def _paper(order: Order, code: str) -> Paper:
    found = next((paper for paper in order.papers if paper.code == code), None)
    if found is None:
        raise DeskRefused("no_paper")
    return found


def print_again(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """Print a paper once more. How often is counted by its effects."""
    here = _order(order)
    paper = _paper(here, task.subject if task else given.get("paper", ""))
    paper.printed = "no"
    effects.enqueue(session, here, "print.receipt" if paper.code == "receipt" else "print.form", paper.code)


def confirm_printed(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """The clerk holds the paper in his hand."""
    here = _order(order)
    paper = _paper(here, task.subject if task else given.get("paper", ""))
    if paper.printed == "yes":
        raise DeskRefused("already_printed")
    paper.printed = "yes"


# -- what was read --------------------------------------------------------------------------------


def accept_material(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """The original was looked at: keep a picture the machine refused."""
    here = _order(order)
    picture = journey.newest_pictures(here).get(given.get("material", ""))
    if here.state != State.DRAFT or picture is None or picture.picture is None or picture.state == "kept":
        raise DeskRefused("nothing_to_accept")
    picture.state = "kept"
    picture.facts = {**picture.facts, "accepted_by": given["by"]}


def correct(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """Put right what a reader or the OCR read. The journal gets the field's name and keyed digests, never the value."""
    here = _order(order)
    if here.state != State.DRAFT:
        raise DeskRefused("not_in_draft")
    name, value = given.get("field", ""), given.get("value", "").strip()
    data: dict[str, Any] = house.data(here)
    spec = next((field for field in prefill.visible_fields(house, here, data) if field.name == name), None)
    if spec is None or not value:
        raise DeskRefused("field_wrong")
    known = prefill.answers(house, here, data)
    values, errors = forms.validate([spec], {name: value}, known)
    if name in errors:
        raise DeskRefused("field_wrong")
    old, value = known.get(name, ""), values[name]
    data["form"] = {**data.get("form", {}), name: value}
    data["corrected"] = {**data.get("corrected", {}), name: given["by"]}
    house.put_data(here, data)
    body = {"field": name, "before": house.vault.blind(old, name), "after": house.vault.blind(value, name)}
    house.log(session, "field.corrected", {**body, "clerk": given["by"]}, here)


def done_by_hand(
    session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]
) -> None:
    """Dealt with face to face; nothing in the machine changes but the task."""
    if task is None:
        raise DeskRefused("no_task")
    task.closed_at, task.closed_by = now(), given["by"]
