"""The clerk's desk: which acts there are, who may do them and for what reason, tasks that close only when the matter is
settled, and four eyes for money.

An act is journalled as ``clerk.acted`` with the state before and after; one that needs four eyes is proposed by one
clerk and done when another approves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import desk_acts as acts
from kiosk.orders import desk_routes
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, Proposal
from kiosk.orders.models import Certificate, Order, Paper, Refund, Task
from kiosk.orders.money_desk import ConfirmRefused
from kiosk.orders.states import LIVE, MoveRefused, RefundState

Run = Callable[[Session, House, Order | None, Task | None, Mapping[str, str]], None]
Scope = str  # "task": offered at a task, "order": offered at an order


@dataclass(frozen=True)
class Act:
    """One thing a clerk may do. ``approvers`` not empty = a second person of these roles has to approve."""

    code: str
    run: Run
    roles: tuple[str, ...]
    reasons: tuple[str, ...]
    approvers: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()  # names of what has to be typed: reference


DESK = ("clerk",)
MONEY = ("clerk", "finance")
CHIEFS = ("finance", "admin")
_FAULT = ("fault_cleared", "device_fault", "customer_asked", "gateway_back")
_BACK = ("not_served", "customer_asked", "duplicate", "device_fault")
ACTS: dict[str, Act] = {
    act.code: act
    for act in (
        Act("again", acts.again, MONEY, _FAULT),
        Act("resume", acts.resume, DESK, _FAULT),
        Act("give_back", acts.give_back, MONEY, _BACK, CHIEFS),
        Act("refund_again", acts.again, MONEY, _FAULT, CHIEFS),
        Act("accept_payment", acts.accept_payment, ("finance",), ("money_checked",), CHIEFS),
        Act("confirm_payment", acts.confirm_payment, MONEY, ("money_checked",), CHIEFS, ("reference",)),
        Act("refuse_payment", acts.refuse_payment, MONEY, ("money_missing", "customer_asked"), CHIEFS),
        Act("given_back", acts.given_back, MONEY, ("money_returned",), CHIEFS, ("reference",)),
        Act("print_again", acts.print_again, DESK, ("paper_lost", "fault_cleared", "customer_asked")),
        Act("confirm_printed", acts.confirm_printed, DESK, ("seen_printed",)),
        Act("accept_material", acts.accept_material, DESK, ("original_checked", "seal_name_checked")),
        Act("vouch", desk_routes.vouch, DESK, ("original_checked", "device_fault")),
        Act("route", desk_routes.route, DESK, ("wrong_choice", "reader_error", "customer_asked")),
        Act("correct", acts.correct, DESK, ("reader_error", "ocr_error", "original_checked")),
        Act("handled", acts.done_by_hand, DESK, ("helped", "customer_left", "told_customer")),
        Act("noted", acts.done_by_hand, CHIEFS, ("books_checked",), CHIEFS),
    )
}
TASKS: dict[str, tuple[str, ...]] = {
    "called": ("handled",),
    "review": (),
    "write_failed": ("resume", "give_back"),
    "supersede_failed": ("again",),
    "unknown_outcome": ("again",),
    "papers_not_made": ("again",),
    "not_printed": ("print_again", "confirm_printed"),
    "payment_mismatch": ("accept_payment", "give_back"),
    "confirm_payment": ("confirm_payment", "refuse_payment"),
    "refund_failed": ("refund_again", "given_back"),
    "refund_by_hand": ("given_back",),
    "refund_after_issue": ("refund_again", "resume"),
    "refund_after_invoice": ("noted",),
    "reconciliation": ("noted",),
    "sms_failed": ("handled",),
    "sheet_not_printed": ("handled",),
}
"""What may be done at each kind of task; an unknown kind can be noted by two people."""


def offered(task: Task, clerk: Clerk) -> list[Act]:
    """The acts this clerk may do (or propose) at a task."""
    codes = TASKS.get(task.kind, ("noted",))
    return [ACTS[code] for code in codes if set(ACTS[code].roles) & set(clerk.roles)]


# -- doing ----------------------------------------------------------------------------------------


def act(
    session: Session,
    house: House,
    clerk: Clerk,
    code: str,
    reason: str,
    *,
    order: Order | None = None,
    task: Task | None = None,
    given: Mapping[str, str] | None = None,
) -> Proposal | None:
    """Do it now, or propose it where a second person is needed. Raises :class:`DeskRefused`."""
    wanted = ACTS.get(code)
    if wanted is None or not set(wanted.roles) & set(clerk.roles):
        raise DeskRefused("not_allowed")
    if reason not in wanted.reasons:
        raise DeskRefused("no_reason")
    if task is not None:
        if task.closed_at is not None or code not in TASKS.get(task.kind, ("noted",)):
            raise DeskRefused("task_closed")
        order = task.order
    typed = {name: (given or {}).get(name, "").strip()[:40] for name in wanted.asks}
    if any(not value for value in typed.values()):
        raise DeskRefused("reference_malformed")
    if wanted.approvers:
        return _propose(session, house, clerk, wanted, reason, order, task, typed)
    _run(session, house, wanted, reason, order, task, {**(given or {}), "by": clerk.name}, {"clerk": clerk.name})
    return None


def _run(
    session: Session,
    house: House,
    wanted: Act,
    reason: str,
    order: Order | None,
    task: Task | None,
    given: Mapping[str, str],
    names: dict[str, str],
) -> None:
    before = _picture(house, order)
    try:
        wanted.run(session, house, order, task, given)
    except (MoveRefused, ConfirmRefused) as error:
        raise DeskRefused(getattr(error, "code", "not_with_clerk")) from error
    session.flush()
    after = _picture(house, order)
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    body = {
        **names,
        "act": wanted.code,
        "reason": reason,
        "task": task.id if task else None,
        "before": {key: before.get(key) for key in changed},
        "after": {key: after.get(key) for key in changed},
    }
    for name in ("field", "material"):
        if given.get(name):
            body[name] = given[name]
    house.log(session, "clerk.acted", body, order)
    close_settled(session, house, order, names.get("approved_by") or names["clerk"])


def _picture(house: House, order: Order | None) -> dict[str, Any]:
    """Where everything of an order stands, in codes: what the journal compares."""
    if order is None:
        return {}
    role = house.data(order).get("role") if order.wrapped_key and order.state == "draft" else None
    out: dict[str, Any] = {"order": f"{order.state}/{order.note or ''}", "service": order.service}
    out["role"] = role
    out |= {f"payment {one.attempt}": one.state for one in order.payments}
    out |= {f"refund {one.attempt}": one.refund.state for one in order.payments if one.refund}
    out |= {f"certificate {one.position}": one.state for one in order.certificates}
    out |= {f"paper {one.code}": one.printed for one in order.papers}
    return out | {f"material {one.code}": one.state for one in order.materials}


# -- four eyes ------------------------------------------------------------------------------------


def _propose(
    session: Session,
    house: House,
    clerk: Clerk,
    wanted: Act,
    reason: str,
    order: Order | None,
    task: Task | None,
    facts: dict[str, str],
) -> Proposal:
    query = select(Proposal).where(Proposal.state == "open", Proposal.action == wanted.code)
    query = query.where(Proposal.order_id == (order.id if order else None))
    query = query.where(Proposal.task_id == (task.id if task else None))
    if session.scalars(query).first() is not None:
        raise DeskRefused("already_proposed")
    row = Proposal(
        action=wanted.code,
        order_id=order.id if order else None,
        task_id=task.id if task else None,
        facts=facts,
        reason=reason,
        by_id=clerk.id,
    )
    session.add(row)
    session.flush()
    body = {"proposal": row.id, "act": wanted.code, "reason": reason, "clerk": clerk.name, "facts": facts}
    house.log(session, "clerk.proposed", body, order)
    return row


def may_decide(proposal: Proposal, clerk: Clerk) -> bool:
    """A second person of the right role; nobody decides his own."""
    wanted = ACTS.get(proposal.action)
    return wanted is not None and proposal.by_id != clerk.id and bool(set(wanted.approvers) & set(clerk.roles))


def decide(session: Session, house: House, clerk: Clerk, proposal: Proposal, approve: bool) -> None:
    """The second person's word. Approved: it is done in the same transaction."""
    if proposal.state != "open":
        raise DeskRefused("already_decided")
    if not may_decide(proposal, clerk):
        raise DeskRefused("own_proposal" if proposal.by_id == clerk.id else "not_allowed")
    proposal.state = "approved" if approve else "refused"
    proposal.decided_by_id, proposal.decided_at = clerk.id, now()
    body = {"proposal": proposal.id, "act": proposal.action, "clerk": clerk.name}
    house.log(session, f"clerk.{proposal.state}", body, proposal.order)
    if approve:
        names = {"clerk": proposal.by.name, "approved_by": clerk.name}
        given = {**proposal.facts, "by": f"{proposal.by.name}+{clerk.name}"[:40]}
        _run(session, house, ACTS[proposal.action], proposal.reason, proposal.order, proposal.task, given, names)


# -- tasks close by themselves when the matter is settled -----------------------------------------


def settled(session: Session, task: Task) -> bool:
    """Whether what the task is about has been dealt with in fact."""
    order = task.order
    if order is None:
        return False
    match task.kind:
        case "not_printed":
            paper = select(Paper.printed).where(Paper.order_id == order.id, Paper.code == task.subject)
            return session.scalar(paper) == "yes"
        case "write_failed":
            position = int(task.subject) if task.subject.isdecimal() else 0
            query = select(Certificate.state).where(Certificate.order_id == order.id, Certificate.position == position)
            return session.scalar(query) in ("confirmed", "revoked", "void") or order.state in ("refunding", "refunded")
        case "refund_failed" | "refund_by_hand":
            refund = select(Refund.state).where(Refund.out_refund_no == task.subject)
            return session.scalar(refund) == RefundState.SUCCEEDED
        case "payment_mismatch":
            return all(p.state != "mismatch" for p in order.payments if p.out_trade_no == task.subject)
        case "unknown_outcome" | "papers_not_made" | "supersede_failed" | "refund_after_issue":
            effect = acts.effect_of(session, task)
            done = effect is not None and effect.state not in (*LIVE, "failed")
            return done or (effect is not None and effect.state == "failed" and task.kind == "unknown_outcome")
    return False


def close_settled(session: Session, house: House, order: Order | None = None, by: str = "") -> int:
    """Close every open task whose matter is settled; returns how many."""
    query = select(Task).where(Task.closed_at.is_(None))
    if order is not None:
        query = query.where(Task.order_id == order.id)
    closed = 0
    for task in session.scalars(query.order_by(Task.id).limit(500)).all():
        if settled(session, task):
            task.closed_at, task.closed_by = now(), by or "machine"
            house.log(session, "task.closed", {"task": task.kind, "clerk": task.closed_by}, task.order)
            closed += 1
    return closed
