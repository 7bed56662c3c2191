"""What the centre keeps of its kiosks: who they are, how they are, what they told, what they are to do.

The kiosks' events stand in :class:`kiosk.journal.Event` itself, each kiosk's chain beside the centre's own. Everything
here that is made of events (:class:`FleetOrder`, :class:`FleetFigure`) changes in the transaction that takes them in.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Date, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from kiosk.db import Base, Instant, Json, now

FINAL = ("done", "refunded", "void")
"""States of an order in which nothing more happens."""
Long = BigInteger().with_variant(Integer, "sqlite")


class FleetKiosk(Base):
    """One kiosk of the fleet. ``public_key``: Ed25519, 32 octets; its other half never leaves the kiosk."""

    __tablename__ = "fleet_kiosk"
    __table_args__ = (Index("ix_fleet_kiosk_hall", "hall", "kiosk"),)

    kiosk: Mapped[str] = mapped_column(String(6), primary_key=True)
    hall: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(String(60), default="")
    credential: Mapped[str] = mapped_column(String(16))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    paired_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(Instant)


class FleetInvite(Base):
    """A one-time code to pair one kiosk. Only the code's SHA-256 is kept."""

    __tablename__ = "fleet_invite"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kiosk: Mapped[str] = mapped_column(String(6))
    hall: Mapped[str] = mapped_column(String(40))
    place: Mapped[str] = mapped_column(String(60), default="")
    by: Mapped[str] = mapped_column(String(40))
    expires_at: Mapped[dt.datetime] = mapped_column(Instant)
    used_at: Mapped[dt.datetime | None] = mapped_column(Instant)


class FleetStatus(Base):
    """What a kiosk last said of itself. ``counter`` is the highest number of a request that was accepted."""

    __tablename__ = "fleet_status"
    __table_args__ = ({"postgresql_with": {"fillfactor": "70"}},)

    kiosk: Mapped[str] = mapped_column(String(6), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    version: Mapped[str] = mapped_column(String(40), default="")
    seen_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    told: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class FleetCommand(Base):
    """Something a kiosk is to do. Numbers of one kiosk rise in the order of their commits."""

    __tablename__ = "fleet_command"
    __table_args__ = (Index("ix_fleet_command_open", "kiosk", "state", "id"),)

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    kiosk: Mapped[str] = mapped_column(String(6))
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    by: Mapped[str] = mapped_column(String(40))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    state: Mapped[str] = mapped_column(String(8), default="open")  # open, done, failed
    code: Mapped[str] = mapped_column(String(60), default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[dt.datetime | None] = mapped_column(Instant)


class FleetOrder(Base):
    """Where an order of some kiosk stands, made of its events. No personal data.

    ``day`` is the date in the order's number, so each order has one place among the months. ``review``: "" (none),
    ``waiting`` (for a person at the centre or the kiosk), ``decided`` (said here, not yet carried out there).
    ``wanted``: sequence number of the event since which the centre wants the order's dossier; None = it has it.
    """

    __tablename__ = "fleet_order"
    __table_args__ = (
        Index("ix_fleet_order_newest", "day", "opened_at", "number"),
        Index("ix_fleet_order_hall", "hall", "day", "opened_at", "number"),
        Index("ix_fleet_order_state", "state", "day", "opened_at", "number"),
        Index("ix_fleet_order_kiosk", "kiosk", "day", "opened_at", "number"),
        Index(
            "ix_fleet_order_review",
            "hall",
            "day",
            "number",
            sqlite_where=text("review <> ''"),
            postgresql_where=text("review <> ''"),
        ),
        Index(
            "ix_fleet_order_wanted",
            "holder",
            "number",
            sqlite_where=text("wanted IS NOT NULL"),
            postgresql_where=text("wanted IS NOT NULL"),
        ),
        {"postgresql_partition_by": "RANGE (day)"},
    )

    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    number: Mapped[str] = mapped_column(String(24), primary_key=True)
    kiosk: Mapped[str] = mapped_column(String(6))  # where it was begun
    holder: Mapped[str] = mapped_column(String(6))  # who may work on it
    hall: Mapped[str] = mapped_column(String(40))
    scheme: Mapped[str] = mapped_column(String(40))
    service: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(12))
    note: Mapped[str | None] = mapped_column(String(60))
    amount: Mapped[int | None]  # fen
    channel: Mapped[str | None] = mapped_column(String(12))
    opened_at: Mapped[dt.datetime] = mapped_column(Instant)
    changed_at: Mapped[dt.datetime] = mapped_column(Instant)
    review: Mapped[str] = mapped_column(String(8), default="")
    wanted: Mapped[int | None] = mapped_column(BigInteger)


class FleetDossier(Base):
    """An order's personal data at the centre, sealed under a key of its own; destroying ``wrapped_key`` shreds them."""

    __tablename__ = "fleet_dossier"
    __table_args__ = (
        Index(
            "ix_fleet_dossier_kept",
            "at",
            "number",
            sqlite_where=text("wrapped_key IS NOT NULL"),
            postgresql_where=text("wrapped_key IS NOT NULL"),
        ),
    )

    number: Mapped[str] = mapped_column(String(24), primary_key=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class FleetKey(Base):
    """A way to find an order: ``kind`` person, unit, phone, name (blind index) or serial (of a certificate)."""

    __tablename__ = "fleet_key"
    __table_args__ = (Index("ix_fleet_key_number", "number"),)

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(48), primary_key=True)
    number: Mapped[str] = mapped_column(String(24), primary_key=True)


class FleetFigure(Base):
    """One figure of one hall and Beijing day, counted as the events come in, so that reports never read the orders."""

    __tablename__ = "fleet_figure"
    __table_args__ = (Index("ix_fleet_figure_day", "day"),)

    hall: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    measure: Mapped[str] = mapped_column(String(16), primary_key=True)  # orders, states, money, ukeys
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger, default=0)  # fen for money


class FleetFault(Base):
    """Something a kiosk sent that cannot be taken in: kept for a human, never dropped. ``told`` is what was sent."""

    __tablename__ = "fleet_fault"
    __table_args__ = (Index("ix_fleet_fault_open", "kiosk", "cleared_at", "id"),)

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    kiosk: Mapped[str] = mapped_column(String(6))
    epoch: Mapped[int]
    seq: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str] = mapped_column(String(20))  # gap, fork, changed, old_epoch, fenced
    told: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    cleared_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    cleared_by: Mapped[str | None] = mapped_column(String(40))


class FleetLease(Base):
    """Who may work on an order that has left the kiosk it was begun at.

    The order belongs to one kiosk at a time. ``fence`` rises with every hand-over; what is said under an older fence is
    refused. ``state``: ``wanted`` (``taker`` asks the holder for it), ``given`` (the holder let go, the parcel is here,
    ``taker`` has until ``expires_at`` to take it up), ``free`` (nobody took it up), ``held`` (by the order's holder).
    """

    __tablename__ = "fleet_lease"
    __table_args__ = (Index("ix_fleet_lease_holder", "holder", "state"),)

    number: Mapped[str] = mapped_column(String(24), primary_key=True)
    holder: Mapped[str] = mapped_column(String(6))
    taker: Mapped[str | None] = mapped_column(String(6))
    fence: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    expires_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    parcel: Mapped[bytes | None] = mapped_column(LargeBinary)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
