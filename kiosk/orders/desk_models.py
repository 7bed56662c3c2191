"""What the staff's side keeps: accounts, sessions, proposals, UKey stock, the kiosk's standing, drafts, day figures."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kiosk.db import Base, Instant, Json, now
from kiosk.orders.models import Order, Task


class Clerk(Base):
    """A member of staff. ``totp`` is sealed; ``last_step`` is the newest time step a code was taken for."""

    __tablename__ = "clerk"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    display: Mapped[str] = mapped_column(String(40))
    password: Mapped[str] = mapped_column(String(200))  # argon2id
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    totp: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(default=0)
    roles: Mapped[list[str]] = mapped_column(Json, default=list)
    hall: Mapped[str] = mapped_column(String(40))
    disabled: Mapped[bool] = mapped_column(default=False)
    failed: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None] = mapped_column(Instant)
    created_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class ClerkSession(Base):
    """A clerk who is signed in. The cookie holds the token, the table its SHA-256."""

    __tablename__ = "clerk_session"
    __table_args__ = (Index("ix_clerk_session_clerk", "clerk_id", "ended_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    clerk_id: Mapped[int] = mapped_column(ForeignKey("clerk.id"))
    place: Mapped[str] = mapped_column(String(8))  # kiosk, admin
    begun_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    seen_at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    ended_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    clerk: Mapped[Clerk] = relationship()


class LoginTry(Base):
    """A refused attempt to sign in, for the rate limit; the address is a blind index."""

    __tablename__ = "login_try"
    __table_args__ = (Index("ix_login_try_source", "source", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(32))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class Proposal(Base):
    """What one clerk wants done and another has to approve (four eyes). ``facts`` hold no personal data."""

    __tablename__ = "proposal"
    __table_args__ = (Index("ix_proposal_state", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"))
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reason: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12), default="open")  # open, approved, refused
    by_id: Mapped[int] = mapped_column(ForeignKey("clerk.id"))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("clerk.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    order: Mapped[Order | None] = relationship()
    task: Mapped[Task | None] = relationship()
    by: Mapped[Clerk] = relationship(foreign_keys=[by_id])
    decided_by: Mapped[Clerk | None] = relationship(foreign_keys=[decided_by_id])


class Standing(Base):
    """A named fact about the whole kiosk: ``service`` (in or out, and why), ``self_test``, ``stock``."""

    __tablename__ = "standing"

    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now, onupdate=now)


class StockMove(Base):
    """A movement of blank UKeys: ``in``, ``used``, ``spoilt``, ``counted`` (correction after counting, signed)."""

    __tablename__ = "stock_move"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    amount: Mapped[int]  # signed pieces: in is positive, used and spoilt are negative
    token_serial: Mapped[str | None] = mapped_column(String(40), unique=True)  # a UKey is used or spoilt once
    reason: Mapped[str] = mapped_column(String(40), default="")
    by: Mapped[str] = mapped_column(String(40), default="")
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)


class CatalogueDraft(Base):
    """A file of the operator's catalogue as somebody wants it; a second person publishes it."""

    __tablename__ = "catalogue_draft"
    __table_args__ = (Index("ix_catalogue_draft_state", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[str] = mapped_column(String(80))  # yiyang.toml, agreements/privacy.md
    content: Mapped[str] = mapped_column(Text)
    base: Mapped[str] = mapped_column(String(64))  # the catalogue's version it was made from
    state: Mapped[str] = mapped_column(String(12), default="draft")  # draft, published, refused
    version: Mapped[str | None] = mapped_column(String(64))  # the catalogue's version it made
    by_id: Mapped[int] = mapped_column(ForeignKey("clerk.id"))
    at: Mapped[dt.datetime] = mapped_column(Instant, default=now)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("clerk.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(Instant)
    by: Mapped[Clerk] = relationship(foreign_keys=[by_id])


class DayFigure(Base):
    """One figure of one closed Beijing day of one kiosk, so that reports never read the orders again."""

    __tablename__ = "day_figure"

    kiosk: Mapped[str] = mapped_column(String(6), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    measure: Mapped[str] = mapped_column(String(16), primary_key=True)  # orders, states, steps, refusals, ukeys, money
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    amount: Mapped[int]
    total: Mapped[int] = mapped_column(default=0)  # milliseconds for steps, fen for money
