"""The work after payment and review: for each certificate of the order, which effect comes next.

What an operation does is the life cycle table's word (`causes.work_of`); the tables below say in which order its
effects run. One certificate is worked on at a time; one that fails waits for a clerk, the others of the order go on.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from kiosk.orders import effects, journey, sealing
from kiosk.orders.book import House
from kiosk.orders.causes import work_of
from kiosk.orders.models import Certificate, Order
from kiosk.orders.people import holders
from kiosk.orders.states import State

CHAINS = {
    "new": {
        "planned": "write.key",
        "adopted": "write.key",
        "keyed": "ca.issue",
        "issued": "write.certificate",
        "written": "seal.make",
        "seal_made": "write.seal",
        "sealed": "ca.confirm",
    },
    "same": {"planned": "token.unlock"},
    "none": {"planned": "ca.act"},
    "look": {},
}
"""By the kind of work: the effect that takes a certificate on from each of its states."""
KINDS = (
    "token.next", "token.adopt", "token.unlock",
    "write.key", "ca.issue", "write.certificate", "seal.make", "write.seal",
)  # fmt: skip
"""Effects that are called off when the order is given up."""
ENDS = ("confirmed", "failed")


def begin(session: Session, house: House, order: Order) -> None:
    """Plan one certificate for each holder and start with the first."""
    house.move(session, order, State.WRITING)
    if not order.certificates:
        for position in range(_how_many(house, order)):
            session.add(_planned(house, order, position))
        session.flush()
        session.refresh(order, ["certificates"])
    go_on(session, house, order)


def _how_many(house: House, order: Order) -> int:
    _, service, _ = house.offer(order)
    if work_of(service) != "new":
        return 1
    given = journey.answers(house, order, house.data(order))
    return len(holders(order.kind, given, service.max_applicants))


def _planned(house: House, order: Order, position: int) -> Certificate:
    data = house.data(order)
    token: dict[str, Any] = data.get("token", {})
    old = data.get("old", {}).get("certificate") or token.get("certificate")
    first = position == 0
    return Certificate(
        order_id=order.id,
        position=position,
        state="planned",
        request_id=f"{order.number}-{position + 1}",
        token_serial=token.get("serial") if first else None,
        old_key_id=token.get("key_id") if first else None,
        old_serial=old if first else None,
    )


def go_on(session: Session, house: House, order: Order) -> None:
    """Start the next effect of the first certificate that is not at its end; none left: the order is done."""
    if order.state != State.WRITING:  # given up meanwhile
        return
    _, service, offer = house.offer(order)
    for certificate in order.certificates:
        if certificate.state in ENDS:
            continue
        kind = CHAINS[work_of(service)][certificate.state]
        if certificate.state == "planned" and offer.token == "blank":  # noqa: S105
            kind = "token.adopt" if certificate.token_serial else "token.next"
        if kind == "seal.make" and sealing.wanted(house, order, certificate) is None:
            kind = "write.seal"
        effects.enqueue(session, order, kind, str(certificate.position))
        return
    failed = [certificate for certificate in order.certificates if certificate.state == "failed"]
    if failed:
        house.move(session, order, State.CLERK, "write_failed")
        return
    house.move(session, order, State.DONE)
    effects.enqueue(session, order, "paper.make")


def fail(session: Session, house: House, certificate: Certificate, code: str) -> None:
    """This certificate cannot go on without a clerk; the others of the order do."""
    order = certificate.order
    certificate.state = "failed"
    house.task(session, "write_failed", {"code": code}, order, str(certificate.position))
    go_on(session, house, order)


def resume(session: Session, house: House, order: Order) -> None:
    """A clerk sends what failed on its way again, from where it stood; the order must be with the clerk."""
    for certificate in order.certificates:
        if certificate.state == "failed":
            reached = "issued" if certificate.serial else "keyed" if certificate.request_der else "planned"
            certificate.state = reached
    house.move(session, order, State.WRITING)
    go_on(session, house, order)


def hurry(session: Session, order: Order) -> None:
    """Somebody came back: look at once for what the order waits for."""
    for kind in KINDS:
        for certificate in order.certificates:
            effects.hurry(session, order, kind, str(certificate.position))
