"""What a picture on the glass has to show, and what is wrong when the words read from it say something else.

Faults refuse the picture (a clerk may keep it after looking at the original); notes are told and refuse nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from kiosk.catalogue import Kind, Material, Operation
from kiosk.db import today
from kiosk.documents.geometry import parse_qr
from kiosk.orders import journey
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.prefill import answers, is_agent

OTHER_ORDER, SEAL_NAME, OTHER_UNIT = "other_order", "seal_name", "other_unit"
OTHER_PERSON, COPY_EXPIRED = "other_person", "copy_expired"
NAME_CHANGED, UNREAD, SEAL_UNREAD = "name_changed", "unread", "seal_unread"
NO_END = "长期"
LICENCE = {"name": "name", "credit_code": "uscc", "legal_representative": "legal_name", "address": "address"}
"""From the reader's words to the catalogue's (``source = ["licence.uscc"]``)."""


@dataclass(frozen=True)
class Wanted:
    """One picture that is asked for. ``check``: "seal" or "document"; ``kind``: family of the seal or kind of document;
    ``reads``: which words are read from it ("seal", "licence", "id_front", "id_back" or ""). ``name`` and ``number``:
    what the certificate, the ID card or the form say of its owner, empty where nobody knows; ``renamed``: the owner's
    name may have changed.
    """

    material: str
    check: str
    kind: str
    sealed: bool = False
    reads: str = ""
    order_number: str = ""
    name: str = ""
    number: str = ""
    renamed: bool = False


def wanted(house: House, order: Order, subject: str) -> Wanted:
    """The picture of that material (a code, with "-1" or "-2" for a side)."""
    _, service, offer = house.offer(order)
    data = house.data(order)
    material = material_of(offer.materials, subject)
    if material is None or material.kind_of == "seal_sheet":
        unit = order.kind == Kind.unit
        name = answers(house, order, data).get("unit_name", "") if unit else ""
        family = "unit" if unit else "personal"
        return Wanted(subject, "seal", family, reads="seal" if name else "", order_number=order.number, name=name)
    kind: str = material.kind_of
    if kind == "id_card":
        kind = "id_back" if subject.endswith("-2") else "id_front"
    name, number = _owner(order, data, material)
    return Wanted(
        material=material.code,
        check="document",
        kind="form" if kind == "approval" else kind,
        sealed=material.sealed,
        reads=kind if kind in ("licence", "id_front", "id_back") else "",
        order_number=order.number,
        name=name,
        number=number,
        renamed=service.operation == Operation.change,
    )


def material_of(materials: tuple[Material, ...], subject: str) -> Material | None:
    """The material a picture belongs to; None for the seal's own step."""
    if subject == journey.SEAL:
        return None
    code = subject.rpartition("-")[0] if subject.endswith(("-1", "-2")) else subject
    return next((material for material in materials if material.code in (subject, code)), None)


def _owner(order: Order, data: dict[str, Any], material: Material) -> tuple[str, str]:
    """Name and number of the material's owner as the certificate or the ID card says; empty where nobody knows."""
    if material.kind_of == "licence":
        told = {**data.get("old", {}), **data.get("token", {})}
        known = told if order.kind == Kind.unit else {}
    else:
        whose = "agent" if is_agent(data) else "legal" if order.kind == Kind.unit else "applicant"
        known = data.get("card", {}) if material.of in (whose, "") or not is_agent(data) else {}
    return known.get("name") or "", known.get("number") or ""


def judged(asked: Wanted, read: dict[str, str]) -> tuple[list[str], list[str]]:
    """Faults and notes of what was read. An empty value is nothing known and never a fault."""
    number, name = read.get("credit_code") or read.get("number", ""), read.get("name", "")
    match asked.reads:
        case "seal":
            if read.get("same") == "yes":
                return [], []
            return ([SEAL_NAME], []) if read.get("sure") == "yes" else ([], [SEAL_UNREAD])
        case "licence":
            if asked.number and number and len(asked.number) == len(number) and asked.number != number:
                return [OTHER_UNIT], []
            renamed = asked.name and name and asked.name != name and not asked.renamed
            return [], [NAME_CHANGED] if renamed else [] if name and number else [UNREAD]
        case "id_front":
            if asked.number and number and asked.number != number:
                return [OTHER_PERSON], []
            return [], [] if number else [UNREAD]
        case "id_back":
            return ([COPY_EXPIRED], []) if _over(read.get("valid_to", "")) else ([], [])
    return [], []


def _over(valid_to: str) -> bool:
    return bool(valid_to) and valid_to != NO_END and dt.date.fromisoformat(valid_to) < today()


def of_another_order(asked: Wanted, codes: tuple[str, ...]) -> bool:
    """Whether the page is a sheet this or another kiosk printed for another order."""
    sheets = [sheet for sheet in map(parse_qr, codes) if sheet is not None]
    return bool(sheets) and all(sheet.order_number != asked.order_number for sheet in sheets)


def keep_reading(house: House, order: Order, asked: Wanted, read: dict[str, str]) -> bool:
    """Put what was read into the order's sealed data, as a proposal that the form's pages show. True if they have to be
    shown again: the proposal is another one than before.
    """
    data = house.data(order)
    data["read"] = {**data.get("read", {}), asked.material + asked.kind: read}
    part, found = "", {}
    if asked.reads == "licence":
        part, found = "licence", {ours: read[theirs] for theirs, ours in LICENCE.items() if read.get(theirs)}
    elif asked.reads == "id_front" and not asked.number:
        part, found = "id_copy", {key: read[key] for key in ("name", "number") if read.get(key)}
    changed = bool(part) and data.get(part) != found
    if changed:
        _forget_copied(data, part, found)
        data[part] = found
    house.put_data(order, data)
    return changed


def _forget_copied(data: dict[str, Any], part: str, found: dict[str, str]) -> None:
    """Answers that were only taken over from the reading before are not the person's own words."""
    before = data.get(part, {})
    gone = {value for key, value in before.items() if value and value != found.get(key)}
    data["form"] = {name: value for name, value in data.get("form", {}).items() if value not in gone}


def reading_of(data: dict[str, Any], asked: Wanted) -> dict[str, str]:
    """What was read from the newest picture of that kind."""
    found: dict[str, str] = data.get("read", {}).get(asked.material + asked.kind, {})
    return found
