"""What a kiosk keeps: orders and all that hangs on them. Personal data stand only in sealed columns and files."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kiosk.db import Base, Instant, Json, now
from kiosk.orders.states import LIVE, OPEN_PAYMENTS, EffectState, PaymentState, RefundState, State


def _any_of(states: tuple[str, ...]) -> Any:
    listed = ",".join(f"'{state}'" for state in states)
    return text(f"state IN ({listed})")


class Order(Base):
    """One case of one person at one kiosk (业务单)."""

    __tablename__ = "order"
    __table_args__ = (
        Index("ix_order_state", "state", "id"),
        Index("ix_order_person", "person_index", "id"),
        Index("ix_order_unit", "unit_index", "id"),
        Index("ix_order_phone", "phone_index", "id"),
        Index("ix_order_name", "name_index", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    state: Mapped[str] = mapped_column(String(12), default=State.DRAFT)
    scheme: Mapped[str] = mapped_column(String(40))
    service: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(8))
    catalogue_version: Mapped[str] = mapped_column(String(64))
    years: Mapped[int | None]
    amount: Mapped[int | None]  # fen, frozen when the answers are confirmed
    channel: Mapped[str | None] = mapped_column(String(12))
    progress: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # step code -> true; no personal data
    note: Mapped[str | None] = mapped_column(String(60))  # code of why it stands where it stands
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    person_index: Mapped[str | None] = mapped_column(String(32))
    unit_index: Mapped[str | None] = mapped_column(String(32))
    phone_index: Mapped[str | None] = mapped_column(String(32))
    name_index: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(Instant, default=now, onupdate=now)

    consents: Mapped[list[Consent]] = relationship(back_populates="order", order_by="Consent.id")
    materials: Mapped[list[Material]] = relationship(back_populates="order", order_by="Material.id")
    payments: Mapped[list[Payment]] = relationship(back_populates="order", order_by="Payment.attempt")
    certificates: Mapped[list[Certificate]] = relationship(back_populates="order", order_by="Certificate.position")
    papers: Mapped[list[Paper]] = relationship(back_populates="order", order_by="Paper.id")


class Visit(Base):
    """One person's time at the screen. The cookie holds only the random ``token``; wiping the visit wipes the
    screen.
    """

    __tablename__ = "visit"

    token: Mapped[str] = mapped_column(String(43), primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"))
    seen_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class Consent(Base):
    """A text the person accepted, by version and digest."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("order_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    code: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    order: Mapped[Order] = relationship(back_populates="consents")


class Material(Base):
    """One picture of one material; the newest row of a code is the one that counts."""

    __tablename__ = "material"
    __table_args__ = (Index("ix_material_order", "order_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    code: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(12))  # good, refused, kept, rejected
    verdict: Mapped[list[str]] = mapped_column(Json, default=list)  # codes of faults
    picture: Mapped[str | None] = mapped_column(String(64))  # sealed file: the page as scanned
    shown: Mapped[str | None] = mapped_column(String(64))  # sealed file: what the person is shown, faults marked
    cutout: Mapped[str | None] = mapped_column(String(64))  # sealed file: the seal or signature alone
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    order: Mapped[Order] = relationship(back_populates="materials")


class Payment(Base):
    """One attempt to pay one order. At most one attempt of an order is open (a unique index keeps it)."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("order_id", "attempt"),
        Index(
            "uq_payment_open",
            "order_id",
            unique=True,
            sqlite_where=_any_of(OPEN_PAYMENTS),
            postgresql_where=_any_of(OPEN_PAYMENTS),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    attempt: Mapped[int]
    out_trade_no: Mapped[str] = mapped_column(String(32), unique=True)
    channel: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default=PaymentState.CREATED)
    amount: Mapped[int]  # fen
    code_url: Mapped[str | None] = mapped_column(String(512))
    transaction_id: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[dt.datetime] = mapped_column(Instant)
    paid_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    created_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    mark: Mapped[str | None] = mapped_column(String(160))  # card terminal: what to ask after a lost result
    trace: Mapped[int | None]  # card terminal: number of the slip, wanted for its void
    confirmed_by: Mapped[str | None] = mapped_column(String(40))  # clerk who confirmed or refused it by hand
    order: Mapped[Order] = relationship(back_populates="payments")
    refund: Mapped[Refund | None] = relationship(back_populates="payment", uselist=False)


class Refund(Base):
    """The one refund of a payment; its number is fixed for ever."""

    __tablename__ = "refund"

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), unique=True)
    out_refund_no: Mapped[str] = mapped_column(String(64), unique=True)
    amount: Mapped[int]  # fen
    reason: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12), default=RefundState.REQUESTED)
    refund_id: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    done_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    mark: Mapped[str | None] = mapped_column(String(160))  # card terminal: what to ask after a lost result of the void
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    payment: Mapped[Payment] = relationship(back_populates="refund")


class Certificate(Base):
    """One certificate to be written on one UKey for an order."""

    __tablename__ = "certificate"
    __table_args__ = (UniqueConstraint("order_id", "position"), Index("ix_certificate_serial", "serial"))

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    position: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(12), default="planned")
    # planned adopted keyed issued written seal_made sealed confirmed; failed = a clerk has to look, the others go on
    request_id: Mapped[str] = mapped_column(String(40), unique=True)
    token_serial: Mapped[str | None] = mapped_column(String(40))
    key_id: Mapped[str | None] = mapped_column(String(40))  # CKA_ID of the new pair, hex
    old_key_id: Mapped[str | None] = mapped_column(String(40))
    old_serial: Mapped[str | None] = mapped_column(String(48))  # serial of the certificate it follows, hex
    spki_sha256: Mapped[str | None] = mapped_column(String(64))
    serial: Mapped[str | None] = mapped_column(String(48))
    not_before: Mapped[dt.datetime | None] = mapped_column(Instant)
    not_after: Mapped[dt.datetime | None] = mapped_column(Instant)
    request_der: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed
    certificate_der: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed
    order: Mapped[Order] = relationship(back_populates="certificates")


class Paper(Base):
    """A form or receipt the kiosk made, and whether it came out of a printer."""

    __tablename__ = "paper"
    __table_args__ = (UniqueConstraint("order_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    code: Mapped[str] = mapped_column(String(60))
    file: Mapped[str] = mapped_column(String(64))  # sealed file
    printed: Mapped[str] = mapped_column(String(12), default="no")  # no, yes, unknown, kept (not to be printed)
    order: Mapped[Order] = relationship(back_populates="papers")


class Effect(Base):
    """One thing the worker does in the outside world for an order, or for the kiosk itself."""

    __tablename__ = "effect"
    __table_args__ = (
        Index("ix_effect_due", "lane", "state", "not_before"),
        Index("ix_effect_order", "order_id", "id"),
        Index(
            "uq_effect_live",
            "order_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=_any_of(LIVE),
            postgresql_where=_any_of(LIVE),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(60), default="")  # a material, a payment's number, a position
    lane: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default=EffectState.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    note: Mapped[str | None] = mapped_column(String(60))  # code the page shows: what is waited for, why it failed
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # no personal data
    not_before: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    give_up_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    created_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(Instant, default=now, onupdate=now)
    order: Mapped[Order | None] = relationship()


class Task(Base):
    """Work for a clerk (待办): says what happened and what to do."""

    __tablename__ = "task"
    __table_args__ = (Index("ix_task_open", "closed_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(60), default="")
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    closed_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None] = mapped_column(String(40))
    order: Mapped[Order | None] = relationship()


class SmsCode(Base):
    """One code sent by SMS. Only its keyed digest is kept; ``phone_index`` is a blind index for the rate limits."""

    __tablename__ = "sms_code"
    __table_args__ = (Index("ix_sms_code_phone", "phone_index", "at"), Index("ix_sms_code_order", "order_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    phone_index: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(32), default="")
    tries: Mapped[int] = mapped_column(default=0)
    used: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[dt.datetime] = mapped_column(Instant)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class Message(Base):
    """A short message on its way; number and text are sealed, and wiped once the gateway has taken it."""

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_order", "order_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    kind: Mapped[str] = mapped_column(String(20))  # code, approved, rejected, done
    ref: Mapped[str] = mapped_column(String(40), unique=True)  # the number the gateway knows it by
    state: Mapped[str] = mapped_column(String(12), default="queued")  # queued, sent, failed
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    order: Mapped[Order] = relationship()


class DeviceHealth(Base):
    """What the worker last knew of a device, gateway or the CA."""

    __tablename__ = "device_health"

    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    level: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
