"""What is known before anybody types: the ID card, the licence, the certificate on the UKey, other answers."""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from typing import Any

from kiosk.catalogue import FormField, Kind, met
from kiosk.orders.book import House
from kiosk.orders.models import Order

DOCUMENT_KINDS = {"resident": "id_card", "hmt": "other", "foreigner": "other"}
PICTURES = ("licence.", "id_copy.")
"""Sources that may be misread."""
OPEN = (*PICTURES, "earlier.")
"""What comes from these is shown to the person, who confirms or corrects it."""
CARRIED = (
    "unit_name", "uscc", "org_code", "unit_type", "unit_type_other", "social_insurance_no", "ic_registration_no",
    "legal_name", "legal_id", "legal_mobile", "landline", "mobile", "address", "email",
    "name", "id_type", "id_type_other", "id_number", "agent_mobile", "agent_email", "agent_address",
)  # fmt: skip
"""Answers that go on into the next order of the same unit or person in one visit."""
SUBJECT = ("uscc", "org_code", "id_number")
COPIED = ("unit_name", "uscc", "mobile", "email")


def is_agent(data: dict[str, Any]) -> bool:
    """Whether somebody else than the legal representative or the applicant stands at the kiosk."""
    return data.get("role") == "agent"


def form_fields(house: House, order: Order) -> tuple[FormField, ...]:
    """All fields of the order's form."""
    scheme, _, offer = house.offer(order)
    return scheme.forms[offer.form].fields


def sources(order: Order, data: dict[str, Any]) -> dict[str, str]:
    """Values read from outside, by the keys the catalogue's ``source`` uses.

    ``card.*`` is whoever stands here; ``legal.*`` / ``applicant.*`` the same card when he is that person himself. A
    certificate found at the CA tells the same as the one on a UKey.
    """
    known: dict[str, str] = {"kind": order.kind}
    card, token = data.get("card", {}), {**data.get("old", {}), **data.get("token", {})}
    roles = ["card"] if is_agent(data) else ["card", "legal" if order.kind == Kind.unit else "applicant"]
    for role in roles if card else ():
        for part in ("name", "number", "address"):
            known[f"{role}.{part}"] = card.get(part) or ""
        known[f"{role}.kind"] = DOCUMENT_KINDS.get(card.get("kind", ""), "")
    number = token.get("number") or ""
    if token.get("kind") == Kind.unit:
        known["token.unit_name"] = token["name"]
        known["token.uscc" if len(number) == 18 else "token.org_code"] = number
    elif token.get("kind") == Kind.personal:
        known["token.name"], known["token.number"] = token["name"], number
        known["token.document_kind"] = token.get("document_kind") or "id_card"
    for source in ("licence", "id_copy"):
        for part, value in data.get(source, {}).items():
            known[f"{source}.{part}"] = value
    return known


@dataclass(frozen=True)
class Told:
    """All that is known of the form's fields at one moment: (value, source) of what was read, the names that are
    locked, and every field's value.
    """

    read: dict[str, tuple[str, str]]
    locked: frozenset[str]
    answers: dict[str, str]


def told(house: House, order: Order, data: dict[str, Any]) -> Told:
    """Kept with the order object while neither its data nor its service changes: a page asks about twenty times."""
    now = (order.catalogue_version, order.scheme, order.service, order.kind, marshal.dumps(data))
    kept: tuple[Any, Told] | None = vars(order).get("_told")
    if kept is None or kept[0] != now:
        kept = (now, _told(form_fields(house, order), order, data))
        vars(order)["_told"] = kept
    return kept[1]


def remember(house: House, order: Order, earlier: Order) -> None:
    """Take along what the order before this one in the same visit knew (see `_carried` for when it counts)."""
    data = house.data(earlier)
    answers = told(house, earlier, data).answers
    kept = {name: answers[name] for name in CARRIED if answers.get(name)}
    told_by = data.get("card", {}).get("number", "")
    house.put_data(order, {"earlier": {"kind": earlier.kind, "card": told_by, "answers": kept}})


def _carried(
    fields: tuple[FormField, ...], order: Order, data: dict[str, Any], known: dict[str, str]
) -> dict[str, str]:
    """Answers of the visit's order before this one: only for whoever laid the same ID card, and not for another unit or
    person than that order was for.
    """
    earlier = data.get("earlier", {})
    card = data.get("card", {}).get("number")
    if earlier.get("kind") != order.kind or not card or card != earlier["card"]:
        return {}
    answers: dict[str, str] = earlier["answers"]
    names = {field.name for field in fields}
    if any(known.get(name) and known[name] != answers.get(name) for name in SUBJECT):
        return {}
    return {name: value for name, value in answers.items() if name in names}


def _told(fields: tuple[FormField, ...], order: Order, data: dict[str, Any]) -> Told:
    found, typed = _read(fields, order, data), data.get("form", {})
    known = {name: value for name, (value, _) in found.items()} | typed
    for name, value in _carried(fields, order, data, known).items():
        found.setdefault(name, (value, f"earlier.{name}"))
    locked = frozenset(name for name, source in found.items() if _locked(source, name, fields, data))
    values = {field.name: field.default for field in fields if field.default}
    values |= {name: value for name, (value, _) in found.items()} | typed
    return Told(found, locked, values | {name: found[name][0] for name in locked})


def _read(fields: tuple[FormField, ...], order: Order, data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Sources ``answers.*`` copy other answers."""
    known, typed = sources(order, data), data.get("form", {})
    out = _pick(fields, known)
    for name in COPIED:
        value = out[name][0] if name in out and _locked(out[name], name, fields, data) else typed.get(name)
        value = value or (out[name][0] if name in out else "")
        if value:
            known[f"answers.{name}"] = value
    return _pick(fields, known)


def _pick(fields: tuple[FormField, ...], known: dict[str, str]) -> dict[str, tuple[str, str]]:
    out = {}
    for field in fields:
        key = next((key for key in field.source if known.get(key)), None)
        if key is not None:
            out[field.name] = (known[key], key)
    return out


def _locked(found: tuple[str, str], name: str, fields: tuple[FormField, ...], data: dict[str, Any]) -> bool:
    spec = next(field for field in fields if field.name == name)
    return spec.locked and not found[1].startswith(OPEN) and name not in data.get("corrected", {})


def prefilled(house: House, order: Order, data: dict[str, Any]) -> dict[str, str]:
    """What card, UKey, licence and other answers already told, by field name."""
    return {name: value for name, (value, _) in told(house, order, data).read.items()}


def certain(house: House, order: Order, data: dict[str, Any]) -> frozenset[str]:
    """Names of the fields that need not be asked: told, and not by a picture that may be misread."""
    found = told(house, order, data).read
    return frozenset(name for name, (_, source) in found.items() if not source.startswith(OPEN))


def recognised(house: House, order: Order, data: dict[str, Any]) -> dict[str, str]:
    """What a picture alone told, by field name: a proposal."""
    found = told(house, order, data).read
    return {name: value for name, (value, source) in found.items() if source.startswith(PICTURES)}


def locked(house: House, order: Order, data: dict[str, Any]) -> frozenset[str]:
    """Names of the fields the person cannot change: read from card or UKey, or copied from an answer."""
    return told(house, order, data).locked


def answers(house: House, order: Order, data: dict[str, Any]) -> dict[str, str]:
    """Every field's value: what was read (locked fields first), else what was typed, else the form's default."""
    return dict(told(house, order, data).answers)


def visible_fields(house: House, order: Order, data: dict[str, Any], group: str | None = None) -> list[FormField]:
    """The fields that apply now, of one group or of all."""
    given, agent = told(house, order, data).answers, is_agent(data)
    return [
        field
        for field in form_fields(house, order)
        if (group is None or field.group == group) and met(field.only_if, given, agent=agent)
    ]
