"""Whom an order is for, at the centre: what a search finds it by, and what a reviewer has to see.

A dossier comes sealed to the centre's key, is opened in memory once, and kept under a key of its own; the ways to find
the order become blind indexes of the centre. Pictures come only for orders under review, one by one, named by the
digest of their content, so that an upload goes on where it stopped.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError
from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import box
from kiosk.fleet.models import FINAL, FleetDossier, FleetKey, FleetKiosk, FleetLease, FleetOrder
from kiosk.fleet.wire import Digest, Message, Sequence, day_of
from kiosk.privacy import Vault, VaultError
from kiosk.privacy.files import SealedFiles

MAX_PICTURE = 3 * 1024 * 1024
Short = Annotated[str, StringConstraints(max_length=120)]
Row = tuple[Short, Annotated[str, StringConstraints(max_length=500)]]
Field3 = tuple[Short, Short, Annotated[str, StringConstraints(max_length=500)]]  # name, label, value
Place = tuple[dt.datetime, str]  # when a dossier last changed, and of which order it is
FIRST: Place = (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), "")
BATCH = 200
Key = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class Picture(Message):
    """A material: its picture by digest, and the fields it proves."""

    code: Short
    title: Short
    digest: Digest
    fields: list[Row] = Field(default=[], max_length=40)


class Review(Message):
    """What the reviewer of one level has to decide. ``earlier``: who approved a level of this submission."""

    level: Short
    name: Short
    who: Short
    pictures: list[Picture] = Field(default=[], max_length=40)
    rest: list[Row] = Field(default=[], max_length=80)
    materials: dict[Short, Short] = Field(default={}, max_length=120)
    earlier: list[Short] = Field(default=[], max_length=10)


class Dossier(Message):
    """``keys``: kind (person, unit, phone, name) and plain value; ``serials``: hexadecimal, of certificates."""

    seq: Sequence
    service: Short
    keys: list[tuple[Annotated[str, StringConstraints(pattern="^(person|unit|phone|name)$")], Key]] = Field(
        default=[], max_length=40
    )
    serials: list[Annotated[str, StringConstraints(pattern="^[0-9a-f]{1,48}$")]] = Field(default=[], max_length=40)
    fields: list[Field3] = Field(default=[], max_length=80)
    review: Review | None = None


class NotYours(Exception):
    """The order is not this kiosk's, or is not known."""


def place(number: str, kiosk: str) -> str:
    """What a dossier's box is bound to."""
    return f"dossier.{number}.{kiosk}"


def file_place(number: str, digest: str, kiosk: str) -> str:
    return f"file.{number}.{digest}.{kiosk}"


def _order(session: Session, kiosk: FleetKiosk, number: str) -> FleetOrder:
    day = day_of(number)
    found = session.get(FleetOrder, (day, number), with_for_update=True) if day else None
    if found is None or found.holder != kiosk.kiosk:
        raise NotYours(number)
    return found


def put(session: Session, vault: Vault, files: SealedFiles, kiosk: FleetKiosk, number: str, sealed: bytes) -> list[str]:
    """Keep a dossier; returns the digests of pictures that are to be sent. Raises :class:`NotYours`, VaultError."""
    order = _order(session, kiosk, number)
    plain = box.open_box(box.centre_key(vault), sealed, place(number, kiosk.kiosk))
    try:
        found = Dossier.model_validate_json(plain)
    except ValidationError as error:
        raise VaultError("not a dossier") from error
    row = session.get(FleetDossier, number, with_for_update=True)
    if row is None:
        row = FleetDossier(number=number, seq=found.seq)
        session.add(row)
    if row.wrapped_key is None:  # new, or its time was over and the order has come to life again
        row.wrapped_key = vault.new_key(number)
    row.sealed, row.seq, row.at = (
        vault.seal(row.wrapped_key, number, plain, f"fleet_dossier.{number}"),
        found.seq,
        now(),
    )
    _index(session, vault, number, found)
    missing = [digest for digest in _pictures(found) if not files.has(number, digest)]
    if not missing:
        _have(order, found)
    return missing


def _pictures(found: Dossier) -> list[str]:
    return list(dict.fromkeys(one.digest for one in found.review.pictures)) if found.review else []


def _have(order: FleetOrder, found: Dossier) -> None:
    """Nothing is asked for any more, unless something has happened since."""
    if order.wanted is not None and order.wanted <= found.seq:
        order.wanted = None


def _index(session: Session, vault: Vault, number: str, found: Dossier) -> None:
    wanted = {(kind, vault.blind(value, kind)) for kind, value in found.keys}
    wanted |= {("serial", serial) for serial in found.serials}
    query = select(FleetKey.kind, FleetKey.value).where(FleetKey.number == number)
    known = set(session.execute(query))
    for kind, value in known - wanted:
        session.execute(
            delete(FleetKey).where(FleetKey.number == number, FleetKey.kind == kind, FleetKey.value == value)
        )
    if wanted - known:
        rows = [{"kind": kind, "value": value, "number": number} for kind, value in sorted(wanted - known)]
        session.execute(insert(FleetKey), rows)


def ask_again(session: Session, number: str) -> None:
    """A picture that was here is gone (a restored database, another store): the kiosk is asked for it."""
    row = session.get(FleetDossier, number)
    order = session.get(FleetOrder, (day_of(number), number), with_for_update=True)
    if row is not None and order is not None and order.wanted is None:
        order.wanted = row.seq


def belongs_to(session: Session, vault: Vault, number: str, document: str) -> bool:
    """Whether somebody with that identity or unit number stands in the order."""
    pairs = [(kind, vault.blind(document, kind)) for kind in ("person", "unit")]
    query = select(FleetKey.number).where(FleetKey.number == number, tuple_(FleetKey.kind, FleetKey.value).in_(pairs))
    return session.scalar(query.limit(1)) is not None


def put_file(
    session: Session, vault: Vault, files: SealedFiles, kiosk: FleetKiosk, number: str, digest: str, sealed: bytes
) -> None:
    """Keep a picture the order's dossier names. Raises :class:`NotYours`, VaultError."""
    order = _order(session, kiosk, number)
    row, found = read(session, vault, number)
    if row is None or found is None or digest not in _pictures(found):
        raise NotYours(order.number)
    plain = box.open_box(box.centre_key(vault), sealed, file_place(number, digest, kiosk.kiosk))
    if len(plain) > MAX_PICTURE or hashlib.sha256(plain).hexdigest() != digest:
        raise VaultError("not this picture")
    files.put(row.wrapped_key, number, plain)
    if all(files.has(number, one) for one in _pictures(found)):
        _have(order, found)


def read(session: Session, vault: Vault, number: str) -> tuple[FleetDossier | None, Dossier | None]:
    """The dossier as it stands; (row, None) when its key was destroyed."""
    row = session.get(FleetDossier, number)
    if row is None or row.wrapped_key is None or row.sealed is None:
        return row, None
    plain = vault.open(row.wrapped_key, number, row.sealed, f"fleet_dossier.{number}")
    return row, Dossier.model_validate_json(plain)


# -- when their time is over ----------------------------------------------------------------------


def shred(session: Session, before: dt.datetime, after: Place = FIRST) -> tuple[list[FleetOrder], Place | None]:
    """Destroy the keys of dossiers whose order is over, and that nothing has changed since ``before``.

    One batch in the caller's transaction, from ``after`` on; returns the orders, and where the next batch begins (None
    after the last). What lies in the store without a key is noise: the caller removes it after the commit.
    """
    query = select(FleetDossier.at, FleetDossier.number).where(FleetDossier.wrapped_key.is_not(None))
    query = query.where(FleetDossier.at < before, tuple_(FleetDossier.at, FleetDossier.number) > after)
    found = session.execute(query.order_by(FleetDossier.at, FleetDossier.number).limit(BATCH)).all()
    orders = _over(session, [number for _, number in found], before)
    numbers = [order.number for order in orders]
    gone = {"wrapped_key": None, "sealed": None}
    session.execute(update(FleetDossier).where(FleetDossier.number.in_(numbers)).values(gone))
    session.execute(delete(FleetKey).where(FleetKey.number.in_(numbers), FleetKey.kind != "serial"))
    session.execute(
        update(FleetLease).where(FleetLease.number.in_(numbers)).values({"wrapped_key": None, "parcel": None})
    )
    for order in orders:
        order.wanted = None
    return orders, (found[-1].at, found[-1].number) if len(found) == BATCH else None


def _over(session: Session, numbers: list[str], before: dt.datetime) -> list[FleetOrder]:
    """Those of these orders that are over since then, locked; one that is being worked on is left to the next time."""
    places = [(day_of(number), number) for number in numbers]
    query = select(FleetOrder).where(tuple_(FleetOrder.day, FleetOrder.number).in_(places))
    query = query.where(FleetOrder.state.in_(FINAL), FleetOrder.changed_at < before).order_by(FleetOrder.number)
    return list(session.scalars(query.with_for_update(skip_locked=True)))
