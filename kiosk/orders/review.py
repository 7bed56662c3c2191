"""Review by clerks: one or two levels, approved, or rejected with a reason that names what has to be mended.

Pages and commands call these functions inside a writing transaction; who may call them is theirs to know.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.catalogue import ReviewLevel
from kiosk.db import now, today
from kiosk.orders import journey, sms, writing
from kiosk.orders.book import House
from kiosk.orders.models import Order, Task, Visit
from kiosk.orders.states import State

MAX_REASON = 100


class ReviewRefused(Exception):
    """The decision cannot be taken; ``code``: not_in_review, unknown_level, unknown_material, no_reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def open_level(house: House, order: Order) -> ReviewLevel | None:
    """The level that decides next; None when the order is not in review."""
    _, service, _ = house.offer(order)
    if order.state != State.PAID or order.progress.get("reviewed"):
        return None
    return next((level for level in service.review if not order.progress.get(f"review-{level.code}")), None)


def materials(house: House, order: Order) -> dict[str, str]:
    """Code and title of everything a clerk may send back: the pictures and the pages of the form."""
    way = journey.steps(house, order, house.data(order))
    return {step.arg if step.kind == "material" else step.code: step.title for step in way if step.kind in MENDABLE}


MENDABLE = ("material", "form")


def approve(session: Session, house: House, order: Order, level: str, clerk: str) -> None:
    """One level says yes; after the last one the person is told, and the work begins when he stands here."""
    due = open_level(house, order)
    if due is None:
        raise ReviewRefused("not_in_review")
    if due.code != level:
        raise ReviewRefused("unknown_level")
    house.mark(session, order, f"review-{level}")
    data = house.data(order)
    decided = {**data.get("reviews", {}), level: {"by": clerk, "on": today().isoformat()}}
    house.put_data(order, {**data, "reviews": decided})
    house.log(session, "review.approved", {"level": level, "clerk": clerk}, order)
    if open_level(house, order) is not None:
        return
    house.mark(session, order, "reviewed")
    _close(session, house, order, clerk)
    text = f"【CA自助】您的业务单{order.number}已审核通过，请带UKey和身份证到{house.settings.hall_name}自助机继续办理。"
    sms.notify(session, house, order, "approved", text)
    if _present(session, order):
        writing.begin(session, house, order)


def reject(session: Session, house: House, order: Order, material: str, reason: str, clerk: str) -> None:
    """As :func:`send_back`, for one material (or page of the form)."""
    send_back(session, house, order, {material: reason}, clerk)


def send_back(
    session: Session,
    house: House,
    order: Order,
    reasons: Mapping[str, str],
    clerk: str,
    codes: Mapping[str, str] | None = None,
) -> None:
    """Back to the person: what is named (materials, pages of the form), each with its reason, has to be done again and
    nothing else. ``codes``: the reasons as codes, for the journal; free words may name a person and stay out of it.
    """
    if open_level(house, order) is None:
        raise ReviewRefused("not_in_review")
    said = {code: reason.strip()[:MAX_REASON] for code, reason in reasons.items()}
    if not said or not all(said.values()):
        raise ReviewRefused("no_reason")
    known, named = materials(house, order), dict[str, str]()
    for material, reason in said.items():
        found = {code: reason for code in known if code == material or code.rpartition("-")[0] == material}
        if not found:
            raise ReviewRefused("unknown_material")
        named |= found
    for code, reason in named.items():
        picture = journey.newest_pictures(order).get(code)
        if picture is not None:
            picture.state, picture.facts = "rejected", {**picture.facts, "reason": reason}
        house.mark(session, order, code, done=False)
    for key in [key for key in order.progress if key.startswith("review-")]:
        house.mark(session, order, key, done=False)
    first = next(iter(named))
    told = {"material": first, "reason": named[first], "all": named}
    house.put_data(order, {**house.data(order), "reviews": {}, "rejected": told})
    body = {"material": first, "materials": sorted(named), "reasons": sorted((codes or {}).values()), "clerk": clerk}
    house.log(session, "review.rejected", body, order)
    _close(session, house, order, clerk)
    house.move(session, order, State.DRAFT, "rejected")
    words = "；".join(f"{known[code]}，{reason}" for code, reason in [*named.items()][:3])
    more = f"等{len(named)}项" if len(named) > 3 else ""
    text = (
        f"【CA自助】您的业务单{order.number}未通过审核：{words}{more}。"
        f"请到{house.settings.hall_name}自助机点“查询与继续办理”，改好后重新提交。"
    )
    sms.notify(session, house, order, "rejected", text)


def come_back(session: Session, house: House, order: Order) -> None:
    """The person stands here again: what was approved meanwhile begins, what waits is looked at now."""
    if order.state == State.PAID and order.progress.get("reviewed"):
        writing.begin(session, house, order)
    elif order.state == State.WRITING:
        writing.hurry(session, order)


def _present(session: Session, order: Order) -> bool:
    return session.scalars(select(Visit).where(Visit.order_id == order.id)).first() is not None


def _close(session: Session, house: House, order: Order, clerk: str) -> None:
    for task in session.scalars(select(Task).where(Task.order_id == order.id, Task.closed_at.is_(None))):
        if task.kind == "review":
            task.closed_at, task.closed_by = now(), clerk[:40]
            house.log(session, "task.closed", {"task": task.kind, "clerk": clerk}, order)
