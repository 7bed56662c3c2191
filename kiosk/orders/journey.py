"""The steps a person walks, derived from the service; which of them are done; which one is next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kiosk.catalogue import FormField, Kind, Material, Offer, met
from kiosk.orders.book import House
from kiosk.orders.models import Material as Picture
from kiosk.orders.models import Order

SEAL = "seal"  # material code of the captured seal or signature


@dataclass(frozen=True)
class Step:
    """One page of the journey. ``code`` stands in its address, ``kind`` says which page draws it, ``arg`` which
    one of a kind.
    """

    code: str
    kind: str
    title: str
    arg: str = ""


def is_agent(data: dict[str, Any]) -> bool:
    """Whether somebody else than the legal representative or the applicant stands at the kiosk."""
    return data.get("role") == "agent"


def prefilled(house: House, order: Order, data: dict[str, Any]) -> dict[str, str]:
    """What the card, the UKey and the licence already told, by field name."""
    _, _, offer = house.offer(order)
    known = sources(order, data)
    out = {}
    for field in house.catalogue.schemes[order.scheme].forms[offer.form].fields:
        for key in field.source:
            if known.get(key):
                out[field.name] = known[key]
                break
    return out


DOCUMENT_KINDS = {"resident": "id_card", "hmt": "other", "foreigner": "other"}


def sources(order: Order, data: dict[str, Any]) -> dict[str, str]:
    """Values read from outside, by the keys the catalogue's ``source`` uses.

    ``card.*`` is whoever stands here; ``legal.*`` / ``applicant.*`` the same card when he is that person himself.
    """
    known: dict[str, str] = {"kind": order.kind}
    card, token = data.get("card", {}), data.get("token", {})
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
    for part, value in data.get("licence", {}).items():
        known[f"licence.{part}"] = value
    return known


def answers(house: House, order: Order, data: dict[str, Any]) -> dict[str, str]:
    """Every field's value: what was read (locked fields first), else what was typed."""
    _, _, offer = house.offer(order)
    read, typed = prefilled(house, order, data), dict(data.get("form", {}))
    out = {**read, **typed}
    for field in house.catalogue.schemes[order.scheme].forms[offer.form].fields:
        if field.locked and field.name in read and field.name not in data.get("corrected", {}):
            out[field.name] = read[field.name]
    return out


def visible_fields(house: House, order: Order, data: dict[str, Any], group: str | None = None) -> list[FormField]:
    """The fields that apply now, of one group or of all."""
    _, _, offer = house.offer(order)
    form = house.catalogue.schemes[order.scheme].forms[offer.form]
    given, agent = answers(house, order, data), is_agent(data)
    return [f for f in form.fields if (group is None or f.group == group) and met(f.only_if, given, agent=agent)]


def materials(offer: Offer, data: dict[str, Any], given: dict[str, str]) -> list[Material]:
    """What this person has to lay on the glass."""
    agent = is_agent(data)
    return [
        material
        for material in offer.materials
        if material.how == "scan" and material.required and met(material.only_if, given, agent=agent)
    ]


def steps(house: House, order: Order, data: dict[str, Any]) -> list[Step]:
    """The whole way, in order. It may grow or shrink with the answers."""
    scheme, _, offer = house.offer(order)
    way = [Step(f"agree-{code}", "agreement", scheme.agreements[code].title, code) for code in offer.agreements]
    if "id_card" in offer.identity:
        way.append(Step("id_card", "id_card", "读取身份证"))
        way.append(Step("role", "role", "您的身份"))
    if offer.token == "existing":  # noqa: S105
        way.append(Step("token", "token", "插入 UKey"))
        if "token_pin" in offer.identity:
            way.append(Step("pin", "pin", "UKey 密码"))
    elif offer.token == "blank":  # noqa: S105
        way.append(Step("token", "blank_token", "插入新的 UKey"))
        way.append(Step("new_pin", "new_pin", "设置 UKey 密码"))
    if offer.terms:
        way.append(Step("term", "term", "选择年限"))
    way += _form_steps(house, order, data, offer)
    given = answers(house, order, data)
    for material in materials(offer, data, given):
        for side in range(1, material.sides + 1):
            suffix = f"-{side}" if material.sides > 1 else ""
            title = material.name + ({1: "（正面）", 2: "（反面）"}[side] if suffix else "")
            way.append(Step(f"material-{material.code}{suffix}", "material", title, f"{material.code}{suffix}"))
    if offer.seal and offer.seal.needed(given.get("seal_type")):
        title = "采集公章" if offer.seal.capture == "unit_seal" else "采集签名"
        way.append(Step("seal", "material", title, SEAL))
    way.append(Step("check", "check", "核对信息"))
    return way


def _form_steps(house: House, order: Order, data: dict[str, Any], offer: Offer) -> list[Step]:
    """One page for each group in which something is still to be asked (or was asked before)."""
    form = house.catalogue.schemes[order.scheme].forms[offer.form]
    read, typed = prefilled(house, order, data), data.get("form", {})
    out = []
    for code, fields in form.groups:
        shown = visible_fields(house, order, data, code)
        asked = [field for field in shown if field.name not in read or field.name in typed]
        if asked:
            out.append(Step(f"form-{code}", "form", fields[0].group_title, code))
    return out


def missing(house: House, order: Order, data: dict[str, Any], group: str) -> list[str]:
    """Names of required fields of a group that have no value yet."""
    given = answers(house, order, data)
    fields = visible_fields(house, order, data, group)
    out = []
    for field in fields:
        if given.get(field.name):
            continue
        if field.either:
            others = [f for f in fields if f.either == field.either]
            if any(given.get(other.name) for other in others):
                continue
            out.append(field.name)
        elif field.required:
            out.append(field.name)
    return out


def is_done(house: House, order: Order, data: dict[str, Any], step: Step, pictures: dict[str, Picture]) -> bool:
    """Whether nothing is left to do on that page."""
    if step.kind == "material":
        picture = pictures.get(step.arg)
        return picture is not None and picture.state == "kept"
    if step.kind == "form":
        return bool(order.progress.get(step.code)) and not missing(house, order, data, step.arg)
    if step.kind == "term":
        return order.years is not None
    return bool(order.progress.get(step.code))


def newest_pictures(order: Order) -> dict[str, Picture]:
    """The newest picture of each material."""
    return {picture.code: picture for picture in order.materials}


def first_open(house: House, order: Order, data: dict[str, Any], way: list[Step]) -> Step:
    """The step the person has to do next; the last one (check) when all are done."""
    pictures = newest_pictures(order)
    for step in way:
        if not is_done(house, order, data, step, pictures):
            return step
    return way[-1]
