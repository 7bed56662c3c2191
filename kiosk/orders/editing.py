"""The operator's catalogue, edited: fees, materials, hours, notices, service points of a scheme, and the official text
of an agreement.

A draft is one file of the catalogue. It is checked when it is kept; a second person publishes it; orders begun before
keep the version they began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.shelf import Shelf
from kiosk.db import now
from kiosk.orders import editing_parts
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import CatalogueDraft, Clerk

KINDS = ("unit", "personal")


@dataclass(frozen=True)
class FeeRow:
    """One price of a scheme. ``key`` names it in a form; ``amount`` is fen, None = not priced."""

    key: str
    service: str
    kind: str
    years: int | None
    amount: int | None
    split: bool  # made of parts that must add up: not editable here


def shelf_of(house: House) -> Shelf:
    if not isinstance(house.catalogue, Shelf):
        raise DeskRefused("catalogue_fixed")
    return house.catalogue


def fees(text: str) -> list[FeeRow]:
    """The price table of a scheme's file."""
    rows = []
    for service, table in tomlkit.parse(text).unwrap().get("services", {}).items():
        for kind in KINDS:
            for position, fee in enumerate(table.get(kind, {}).get("fees", ())):
                key = f"fee-{service}-{kind}-{position}"
                name = str(table.get("name", service))
                rows.append(FeeRow(key, name, kind, fee.get("years"), fee.get("amount"), bool(fee.get("parts"))))
    return rows


def notices(text: str) -> tuple[str, str]:
    """(hours as a sentence, notices one a line) of a scheme's file."""
    data: dict[str, Any] = tomlkit.parse(text).unwrap()
    return str(data.get("hours_text", "")), "\n".join(data.get("renewal_notes", ()))


def edited_scheme(text: str, form: Mapping[str, str], library: Mapping[str, Any] | None = None) -> str:
    """The file with the form's fees (yuan), hours, notices, service points, hotlines and (with their ``library``)
    materials; comments and everything else stay.
    """
    document: Any = tomlkit.parse(text)
    for row in fees(text):
        if row.split or row.key not in form:
            continue
        _, service, kind, position = row.key.split("-")
        fee = document["services"][service][kind]["fees"][int(position)]
        amount = _fen(form[row.key])
        if amount is None:
            fee.pop("amount", None)
        elif amount != row.amount:
            fee["amount"] = amount
    hours, lines = notices(text)
    if form.get("hours_text", hours).strip() != hours:
        document["hours_text"] = form["hours_text"].strip()
    wanted = [line.strip() for line in form.get("notes", lines).splitlines() if line.strip()]
    if wanted != lines.splitlines():
        document["renewal_notes"] = wanted
    editing_parts.put_lines(document, text, form)
    if library is not None:
        editing_parts.put_materials(document, text, form, library)
    return tomlkit.dumps(document)


def _fen(yuan: str) -> int | None:
    yuan = yuan.strip()
    if not yuan:
        return None
    whole, _, part = yuan.partition(".")
    if (
        not whole.isascii()
        or not whole.isdecimal()
        or len(whole) > 6
        or len(part) > 2
        or (part and not part.isdecimal())
    ):
        raise DeskRefused("amount_malformed")
    return int(whole) * 100 + int((part or "0").ljust(2, "0"))


def edited_agreement(title: str, version: str, body: str, sample: bool) -> str:
    """A new text of an agreement. Paragraphs are separated by blank lines."""
    head = tomlkit.document()
    head["title"], head["version"] = title.strip(), version.strip()
    head["sample"] = sample
    paragraphs = [" ".join(piece.split()) for piece in body.replace("\r\n", "\n").split("\n\n") if piece.strip()]
    if not head["title"] or not head["version"] or not paragraphs:
        raise DeskRefused("text_missing")
    return "+++\n" + tomlkit.dumps(head) + "+++\n\n" + "\n\n".join(paragraphs) + "\n"


# -- drafts ---------------------------------------------------------------------------------------


def draft(session: Session, house: House, clerk: Clerk, file: str, content: str) -> CatalogueDraft:
    """Keep a checked draft. Raises :class:`CatalogueError` with what is wrong in the file."""
    shelf = shelf_of(house)
    if content == shelf.text(file):
        raise DeskRefused("nothing_changed")
    shelf.tried(file, content)
    row = CatalogueDraft(file=file, content=content, base=shelf.version, by_id=clerk.id)
    session.add(row)
    session.flush()
    house.log(session, "catalogue.drafted", {"draft": row.id, "file": file, "clerk": clerk.name, "base": row.base})
    return row


def decide(session: Session, house: House, clerk: Clerk, row: CatalogueDraft, publish: bool) -> None:
    """A second person puts the draft into force, or refuses it."""
    if row.state != "draft":
        raise DeskRefused("already_decided")
    if row.by_id == clerk.id:
        raise DeskRefused("own_proposal")
    shelf = shelf_of(house)
    if publish and row.base != shelf.version:
        raise DeskRefused("catalogue_moved")
    row.state, row.decided_by_id, row.decided_at = "published" if publish else "refused", clerk.id, now()
    body = {"draft": row.id, "file": row.file, "clerk": row.by.name, "before": row.base}
    if not publish:
        house.log(session, "catalogue.refused", {**body, "approved_by": clerk.name})
        return
    try:
        row.version = shelf.publish(row.file, row.content)
    except CatalogueError as error:
        raise DeskRefused("catalogue_moved") from error
    house.log(session, "catalogue.published", {**body, "approved_by": clerk.name, "after": row.version})


def drafts(session: Session, limit: int = 50) -> list[CatalogueDraft]:
    return list(session.scalars(select(CatalogueDraft).order_by(CatalogueDraft.id.desc()).limit(limit)))
