"""The event table. Rows are only ever added."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kiosk.db import Base, Instant, Json


class Event(Base):
    """One thing that happened at one kiosk.

    ``body`` holds facts without personal data: codes, numbers of orders and certificates, amounts in fen, digests.
    ``hash`` is SHA-256 over the canonical JSON of the other columns, ``prev`` the hash of the event before it.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_order", "order_no", "seq"),
        Index("ix_event_kind", "kind", "seq"),
        {"postgresql_partition_by": "HASH (kiosk)"},
    )

    kiosk: Mapped[str] = mapped_column(String(6), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(Instant)
    order_no: Mapped[str | None] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ChainHead(Base):
    """Where each kiosk's chain ends; locked by whoever appends."""

    __tablename__ = "chain_head"

    kiosk: Mapped[str] = mapped_column(String(6), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
