"""What a clerk decides instead of the machine about an order that is still being filled in: which way it goes, and a
material that was seen but cannot be scanned. Called by :mod:`kiosk.orders.desk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from kiosk.catalogue import Kind, Operation
from kiosk.orders import effects, fulfil, journey
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.models import Material, Order, Task
from kiosk.orders.states import State

KEPT = ("id_card", "role")
"""Steps that stay done when the service changes; agreements do as well, each has its own consent."""
ROLES = {"self": "本人（法定代表人）", "agent": "经办人"}


def _draft(order: Order | None) -> Order:
    if order is None or order.state != State.DRAFT:
        raise DeskRefused("not_in_draft")
    return order


def ways(house: House, order: Order) -> dict[str, str]:
    """The routes an order may be sent: ``role:…`` and ``service:…``, each with its name; not the one it is on."""
    if order.state != State.DRAFT:
        return {}
    scheme, _service, offer = house.offer(order)
    role = house.data(order).get("role")
    found: dict[str, str] = {}
    if offer.agent_allowed and role is not None:
        found |= {f"role:{code}": name for code, name in ROLES.items() if code != role}
    if not fulfil.is_paid(order):
        for code, service in scheme.services.items():
            if code != order.service and Kind(order.kind) in service.offers and service.operation != Operation.query:
                found[f"service:{code}"] = service.name
    return found


def route(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """Send the order another way: who stands here, or another service of the same scheme with what is filled in."""
    here = _draft(order)
    wanted = given.get("route", "")
    if wanted not in ways(house, here):
        raise DeskRefused("no_such_route")
    effects.cancel(session, here, *effects.READINGS)
    kind, _, code = wanted.partition(":")
    data: dict[str, Any] = house.data(here)
    if kind == "role":
        house.put_data(here, {**data, "role": code})
        house.mark(session, here, "token", done=False)
        return
    here.service, here.years, here.amount = code, None, None
    for step in here.progress:
        if step not in KEPT and not step.startswith("agree-"):
            house.mark(session, here, step, done=False)
    house.put_data(here, {key: value for key, value in data.items() if key not in ("token", "old", "signature")})


def unseen(house: House, order: Order) -> dict[str, str]:
    """Materials that have no kept picture and that a clerk may vouch for: not the seal, it is needed on the forms."""
    if order.state != State.DRAFT:
        return {}
    _scheme, _service, offer = house.offer(order)
    data, seal = house.data(order), {journey.SEAL, journey.seal_code(offer)}
    way = journey.steps(house, order, data)
    return {
        step.arg: step.title
        for step in way
        if step.kind == "material" and step.arg not in seal and not journey.is_done(house, order, data, step)
    }


def vouch(session: Session, house: House, order: Order | None, task: Task | None, given: Mapping[str, str]) -> None:
    """The original was looked at and is not scanned: the step counts as done, without a picture."""
    here = _draft(order)
    code = given.get("material", "")
    if code not in unseen(house, here):
        raise DeskRefused("unknown_material")
    session.add(Material(order_id=here.id, code=code, state="kept", facts={"vouched_by": given["by"]}))
    session.flush()
    session.expire(here, ["materials"])
