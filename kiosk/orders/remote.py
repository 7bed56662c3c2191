"""What the centre has this kiosk do. Each command is carried out once, in the transaction that notes its answer.

``Standing("uplink.done")`` keeps the highest command's number and the answers the centre has not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import wire
from kiosk.orders import desk_acts, proofs, review, standing
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, Standing
from kiosk.orders.models import Order
from kiosk.orders.states import MoveRefused

NAME = "uplink.done"
FORM = "form"


def carry_out(session: Session, house: House, command: wire.Order) -> wire.Answer | None:
    """Do it and note the answer; None when it was done before. Raises nothing a command may cause."""
    done = _done(session)
    if command.id <= int(done.value["last"]):
        return None
    act = ACTS.get(command.kind)
    try:
        with session.begin_nested():
            if act is None:
                raise DeskRefused("unknown_command")
            act(session, house, command.body, f"centre/{command.by}"[:40])
        answer = wire.Answer(id=command.id, ok=True)
    except (DeskRefused, review.ReviewRefused, MoveRefused) as error:
        answer = wire.Answer(id=command.id, ok=False, code=getattr(error, "code", "move_refused"))
    note(session, answer)
    body = {"command": command.id, "act": command.kind, "clerk": f"centre/{command.by}", "ok": answer.ok}
    house.log(session, "centre.command", {**body, "code": answer.code or None})
    return answer


def note(session: Session, answer: wire.Answer) -> None:
    """Keep an answer until the centre has it."""
    done = _done(session)
    kept = [*done.value["answers"], answer.model_dump(mode="json")]
    done.value = {"last": max(answer.id, int(done.value["last"])), "answers": kept}


def answers(session: Session) -> list[wire.Answer]:
    """What the centre has not been told yet."""
    row = session.get(Standing, NAME)
    return [wire.Answer.model_validate(one) for one in row.value["answers"]] if row else []


def last(session: Session) -> int:
    """The number of the newest command that was carried out."""
    row = session.get(Standing, NAME)
    return int(row.value["last"]) if row else 0


def told(session: Session, ids: set[int]) -> None:
    """The centre has these answers."""
    done = _done(session)
    done.value = {**done.value, "answers": [one for one in done.value["answers"] if one["id"] not in ids]}


def _done(session: Session) -> Standing:
    row = session.get(Standing, NAME)
    if row is None:
        row = Standing(name=NAME, value={"last": 0, "answers": []}, at=now())
        session.add(row)
    return row


# -- the commands ---------------------------------------------------------------------------------


def _order(session: Session, body: dict[str, Any]) -> Order:
    found = session.scalars(select(Order).where(Order.number == str(body.get("order", "")))).first()
    if found is None:
        raise DeskRefused("no_order")
    return found


def _out(session: Session, house: House, body: dict[str, Any], by: str) -> None:
    standing.take_out(session, house, Clerk(name=by), str(body.get("reason", "")))


def _in(session: Session, house: House, body: dict[str, Any], by: str) -> None:
    standing.put_back(session, house, Clerk(name=by))


def _self_test(session: Session, house: House, body: dict[str, Any], by: str) -> None:
    standing.ask_self_test(session, house, Clerk(name=by))


def _reprint(session: Session, house: House, body: dict[str, Any], by: str) -> None:
    """The receipt, or every form of the order."""
    order = _order(session, body)
    wanted = [one.code for one in order.papers if (one.code == "receipt") == (body.get("paper") == "receipt")]
    if not wanted:
        raise DeskRefused("no_paper")
    for code in wanted:
        desk_acts.print_again(session, house, order, None, {"paper": code})


def _review(session: Session, house: House, body: dict[str, Any], by: str) -> None:
    order = _order(session, body)
    if body.get("decision") == "approve":
        if by in proofs.earlier(session, order):
            raise review.ReviewRefused("same_reviewer")
        review.approve(session, house, order, str(body.get("level", "")), by)
    else:
        review.reject(session, house, order, str(body.get("material", "")), str(body.get("words", "")), by)


ACTS: dict[str, Callable[[Session, House, dict[str, Any], str], None]] = {
    "out": _out,
    "in": _in,
    "self_test": _self_test,
    "reprint": _reprint,
    "review": _review,
}
