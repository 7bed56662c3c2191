"""What finance keeps: the result of each day's reconciliation, invoice requests, and which notifications were seen."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kiosk.db import Base, Instant, Json, now
from kiosk.orders.models import Order


class Reconciled(Base):
    """The reconciliation (对账) of one Beijing date; made again it replaces itself until somebody has signed it."""

    __tablename__ = "reconciled"

    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    counts: Mapped[dict[str, int]] = mapped_column(Json)  # verdict -> findings
    report: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # rows of kiosk.payments.reconcile.ReportRow
    exceptions: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    carry: Mapped[list[str]] = mapped_column(Json)  # keys of records the next day has to find
    early: Mapped[list[str]] = mapped_column(Json)  # keys of records of the next day that stood here already
    made_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    signed_by: Mapped[str | None] = mapped_column(String(40))
    signed_at: Mapped[dt.datetime | None] = mapped_column(Instant)


class Invoice(Base):
    """What became of one order's request for an invoice (开票申请)."""

    __tablename__ = "invoice"
    __table_args__ = (Index("ix_invoice_state", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), unique=True)
    state: Mapped[str] = mapped_column(String(12))  # requested, issued, failed, red
    number: Mapped[str | None] = mapped_column(String(20))
    issued_on: Mapped[dt.date | None] = mapped_column(Date)
    reason: Mapped[str | None] = mapped_column(String(200))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    order: Mapped[Order] = relationship()


class Notice(Base):
    """A believed notification that was acted upon; its id is never acted upon again."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_at", "at"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)  # channel:id of the gateway
    number: Mapped[str] = mapped_column(String(32))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
