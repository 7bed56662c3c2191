"""An order that leaves for another kiosk of the hall, or comes from one: the kiosk's half of :mod:`kiosk.fleet.leases`.

From the transaction in which it leaves, an order stands ``away`` and nothing here may work on it; a kiosk it comes to
keeps it ``away`` too until the centre has said that it is the holder. ``Standing("lease.<number>")`` remembers how far
the hand-over is, so that a crash on either side goes on where it was. The parcel has what the order needs to be
finished: answers, consents, payments, the cut-out seals; the scanned pages stay where they were scanned, and at the
centre.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import box, leases
from kiosk.fleet.wire import Message, Number
from kiosk.journal.models import ChainHead
from kiosk.orders.book import House
from kiosk.orders.desk_models import Standing
from kiosk.orders.models import Consent, Effect, Material, Order, Payment, Visit
from kiosk.orders.states import LIVE, OPEN_PAYMENTS, State

PREFIX = "lease."
MOST = 2_000_000  # octets of a parcel
Text = Annotated[str, StringConstraints(max_length=200)]


class ConsentSent(Message):
    code: Text
    version: Text
    sha256: Text
    at: AwareDatetime


class MaterialSent(Message):
    """``cutout``: base64 of the seal or signature alone, where there is one."""

    code: Text
    state: Text
    verdict: list[Text] = Field(default=[], max_length=40)
    cutout: Annotated[str, StringConstraints(max_length=MOST)] = ""
    at: AwareDatetime


class PaymentSent(Message):
    attempt: int
    out_trade_no: Text
    channel: Text
    state: Text
    amount: int
    transaction_id: Text | None
    expires_at: AwareDatetime
    paid_at: AwareDatetime | None
    mark: Text | None
    trace: int | None


class Parcel(Message):
    """An order between two kiosks. ``state`` is the one it goes on in."""

    number: Number
    state: Annotated[str, StringConstraints(pattern="^(paid|draft)$")]
    note: Text | None
    scheme: Text
    service: Text
    kind: Text
    catalogue_version: Text
    years: int | None
    amount: int | None
    channel: Text | None
    progress: dict[str, Any]
    data: dict[str, Any]
    opened_at: AwareDatetime
    consents: list[ConsentSent] = Field(default=[], max_length=100)
    materials: list[MaterialSent] = Field(default=[], max_length=200)
    payments: list[PaymentSent] = Field(default=[], max_length=50)


def open_leases(session: Session) -> list[tuple[str, dict[str, Any]]]:
    """(number, how far) of every hand-over that is not finished."""
    rows = session.scalars(select(Standing).where(Standing.name.between(PREFIX, PREFIX + "~")).order_by(Standing.name))
    return [(row.name.removeprefix(PREFIX), dict(row.value)) for row in rows]


def note(session: Session, number: str, value: dict[str, Any] | None) -> None:
    """Remember how far a hand-over is; None: it is finished."""
    row = session.get(Standing, PREFIX + number)
    if value is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(Standing(name=PREFIX + number, value=value))
    else:
        row.value, row.at = value, now()


def ask_for(session: Session, house: House, box_key: bytes, number: str, document: str) -> None:
    """Have an order come here for a customer with that document; its number is kept sealed to the centre."""
    proof = box.seal(box_key, document.strip().encode(), leases.proof_place(number, house.settings.kiosk_id))
    note(session, number, {"role": "wanted", "proof": base64.b64encode(proof).decode()})


def find(session: Session, number: str) -> Order | None:
    return session.scalars(select(Order).where(Order.number == number)).first()


# -- leaving --------------------------------------------------------------------------------------


def may_leave(session: Session, order: Order) -> bool:
    """Paid and waiting, or sent back by a reviewer; nobody in front of it, nothing under way, nothing begun."""
    if order.state != State.PAID and not (order.state == State.DRAFT and order.note == "rejected"):
        return False
    if order.certificates or any(one.state in OPEN_PAYMENTS or one.refund for one in order.payments):
        return False
    live = select(Effect.id).where(Effect.order_id == order.id, Effect.state.in_(LIVE)).limit(1)
    here = select(Visit.token).where(Visit.order_id == order.id).limit(1)
    return session.scalar(live) is None and session.scalar(here) is None and order.wrapped_key is not None


def leave(session: Session, house: House, number: str, fence: int) -> bool:
    """Let the order go under that fence: from this transaction on it is not worked on here."""
    order = find(session, number)
    if order is None or not may_leave(session, order):
        return False
    kiosk, epoch = house.origin
    state, reason = order.state, order.note
    house.move(session, order, State.AWAY, "moved")
    house.log(session, "order.away", {"fence": fence}, order)
    session.flush()
    seq = session.scalar(select(ChainHead.seq).where(ChainHead.kiosk == kiosk, ChainHead.epoch == epoch)) or 0
    note(session, number, {"role": "giving", "fence": fence, "seq": seq, "state": state, "note": reason})
    return True


def pack(house: House, order: Order, state: str, reason: str | None) -> Parcel:
    """What the next kiosk needs."""

    def cutout(one: Material) -> str:
        return base64.b64encode(house.get_file(order, one.cutout)).decode() if one.cutout else ""

    names = ("scheme", "service", "kind", "catalogue_version", "years", "amount", "channel", "progress")
    paid = ("attempt", "out_trade_no", "channel", "state", "amount", "transaction_id", "expires_at", "paid_at")
    return Parcel(
        number=order.number,
        state=state,
        note=reason,
        data=house.data(order),
        opened_at=order.created_at,
        **{name: getattr(order, name) for name in names},
        consents=[ConsentSent(code=c.code, version=c.version, sha256=c.sha256, at=c.at) for c in order.consents],
        materials=[
            MaterialSent(code=m.code, state=m.state, verdict=m.verdict, cutout=cutout(m), at=m.at)
            for m in order.materials
        ],
        payments=[PaymentSent(**{name: getattr(p, name) for name in (*paid, "mark", "trace")}) for p in order.payments],
    )


# -- coming ---------------------------------------------------------------------------------------


def arrive(session: Session, house: House, parcel: Parcel, fence: int) -> None:
    """Keep what came, not to be worked on before :func:`begin`. A parcel that came before changes nothing."""
    order = find(session, parcel.number)
    if order is None:
        order = Order(number=parcel.number, created_at=parcel.opened_at, progress={})
        session.add(order)
    names = ("scheme", "service", "kind", "catalogue_version", "years", "amount", "channel", "progress")
    for name in names:
        setattr(order, name, getattr(parcel, name))
    order.state, order.note = State.AWAY, "arriving"
    order.wrapped_key = order.wrapped_key or house.vault.new_key(order.number)
    house.put_data(order, parcel.data)
    session.flush()
    _rows(session, house, order, parcel)
    value = {"role": "arriving", "fence": fence, "state": parcel.state, "note": parcel.note}
    note(session, parcel.number, value)


def _rows(session: Session, house: House, order: Order, parcel: Parcel) -> None:
    known = {one.code for one in order.consents}
    session.add_all(Consent(order_id=order.id, **one.model_dump()) for one in parcel.consents if one.code not in known)
    seen = {(one.code, one.at) for one in order.materials}
    for material in parcel.materials:
        if (material.code, material.at) not in seen:
            kept = house.put_file(order, base64.b64decode(material.cutout)) if material.cutout else None
            facts = material.model_dump(include={"code", "state", "verdict", "at"})
            session.add(Material(order_id=order.id, cutout=kept, **facts))
    trades = {one.out_trade_no: one for one in order.payments}
    for payment in parcel.payments:
        if payment.out_trade_no not in trades:
            session.add(Payment(order_id=order.id, **payment.model_dump()))


def begin(session: Session, house: House, number: str, value: dict[str, Any]) -> None:
    """The centre has said that this kiosk is the holder."""
    order = find(session, number)
    assert order is not None
    house.log(session, "order.arrived", {"fence": value["fence"]}, order)
    house.move(session, order, State(value["state"]), value["note"])
    note(session, number, None)
    if order.state == State.PAID and not order.progress.get("reviewed"):
        house.task(session, "review", {}, order)


def forget(session: Session, house: House, number: str) -> None:
    """The lease ran out before it was taken up: nothing of the person stays here."""
    order = find(session, number)
    if order is not None and order.note == "arriving":
        order.note, order.wrapped_key, order.sealed = "moved", None, None
        house.files.destroy(number)
    note(session, number, None)
