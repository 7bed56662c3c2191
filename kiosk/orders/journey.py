"""The steps a person walks, derived from the service; which of them are done; which one is next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kiosk.catalogue import Kind, Material, Offer, Operation, Scheme, Service, met
from kiosk.orders import causes
from kiosk.orders.book import House
from kiosk.orders.models import Material as Picture
from kiosk.orders.models import Order
from kiosk.orders.prefill import answers, certain, is_agent, prefilled, sources, visible_fields

__all__ = [
    "SEAL", "Step", "answers", "first_open", "is_agent", "is_done", "materials", "missing", "newest_pictures",
    "prefilled", "seal_code", "sources", "steps", "visible_fields",
]  # fmt: skip
SEAL = "seal"  # material code of the captured seal or signature
NUMBER_FIELDS = {Kind.unit: ("uscc", "org_code", "unit_id_type"), Kind.personal: ("id_type", "id_number")}


@dataclass(frozen=True)
class Step:
    """One page of the journey. ``code`` stands in its address, ``kind`` says which page draws it, ``arg`` which
    one of a kind.
    """

    code: str
    kind: str
    title: str
    arg: str = ""


def materials(offer: Offer, data: dict[str, Any], given: dict[str, str]) -> list[Material]:
    """What this person has to lay on the glass."""
    agent = is_agent(data)
    return [
        material
        for material in offer.materials
        if material.how == "scan" and material.required and met(material.only_if, given, agent=agent)
    ]


def seal_code(offer: Offer) -> str:
    """Under which code the seal or signature is captured: the sheet among the materials, else a step of its own."""
    return next((m.code for m in offer.materials if m.kind_of == "seal_sheet" and m.how == "scan"), SEAL)


def steps(house: House, order: Order, data: dict[str, Any]) -> list[Step]:
    """The whole way, in order. It may grow or shrink with the answers."""
    scheme, service, offer = house.offer(order)
    way = [Step(f"agree-{code}", "agreement", scheme.agreements[code].title, code) for code in offer.agreements]
    if service.operation == Operation.query:
        return way + _query_steps(house, order, data)
    if service.operation == Operation.renew and scheme.renewal_notes:
        way.append(Step("notes", "notes", "办理前请确认"))
    if "id_card" in offer.identity:
        way.append(Step("id_card", "id_card", "读取身份证"))
        if offer.agent_allowed:
            way.append(Step("role", "role", "您的身份"))
    way += _token_steps(order, service, offer, data)
    if offer.terms:
        way.append(Step("term", "term", "选择年限"))
    laid = materials(offer, data, answers(house, order, data))
    first = [material for material in laid if _read_first(material, data)]
    way += _material_steps(first)
    way += _form_steps(house, order, data, offer)
    way += _material_steps([material for material in laid if material not in first])
    way += _seal_step(offer, answers(house, order, data))
    if causes.irreversible(service):
        way.append(Step("warning", "warning", "请再想一想"))
    way.append(Step("check", "check", "核对信息"))
    return way


def _token_steps(order: Order, service: Service, offer: Offer, data: dict[str, Any]) -> list[Step]:
    """The UKey, or the certificate found by its owner's number, and the codes that prove who asks."""
    way = []
    if offer.token == "existing":  # noqa: S105
        way.append(Step("token", "token", "插入 UKey"))
        if "token_pin" in offer.identity:
            way.append(Step("pin", "pin", "UKey 密码"))
    searched = offer.token != "existing" and service.operation != Operation.new  # noqa: S105
    if searched and (order.kind == Kind.unit or is_agent(data)):
        way.append(Step("number", "number", "证件号码"))
    if "sms" in offer.identity:
        way.append(Step("sms", "sms", "短信验证"))
    if searched:
        way.append(Step("certificate", "certificate", "选择证书"))
    if offer.token == "blank":  # noqa: S105
        way.append(Step("token", "blank_token", "插入新的 UKey"))
    if offer.token == "blank" or causes.work_of(service) == "same":  # noqa: S105
        way.append(Step("new_pin", "new_pin", "设置 UKey 密码"))
    return way


def _query_steps(house: House, order: Order, data: dict[str, Any]) -> list[Step]:
    """By ID card, or by number and SMS code."""
    way = [Step("way", "way", "查询方式")]
    if data.get("way") == "card":
        way.append(Step("id_card", "id_card", "读取身份证"))
    else:
        way += [Step("number", "number", "证件号码"), Step("sms", "sms", "短信验证")]
    return [*way, Step("history", "history", "业务记录")]


def _form_steps(house: House, order: Order, data: dict[str, Any], offer: Offer) -> list[Step]:
    """One page for each group in which something is still to be asked (or was asked before)."""
    form = house.offer(order)[0].forms[offer.form]
    fixed, typed = certain(house, order, data), data.get("form", {})
    out = []
    for code, fields in form.groups:
        shown = visible_fields(house, order, data, code)
        asked = [field for field in shown if field.name not in fixed or field.name in typed]
        if asked:
            out.append(Step(f"form-{code}", "form", fields[0].group_title, code))
    return out


def _read_first(material: Material, data: dict[str, Any]) -> bool:
    """Pictures whose words fill the form come before it: the licence, and the ID card of somebody who is not here."""
    absent = is_agent(data) and material.of in ("legal", "applicant")
    return material.kind_of == "licence" or (material.kind_of == "id_card" and absent)


def _material_steps(wanted: list[Material]) -> list[Step]:
    way = []
    for material in wanted:
        for side in range(1, material.sides + 1):
            suffix = f"-{side}" if material.sides > 1 else ""
            code = f"{material.code}{suffix}"
            way.append(Step(f"material-{code}", "material", material.side(side), code))
    return way


def _seal_step(offer: Offer, given: dict[str, str]) -> list[Step]:
    if not (offer.seal and offer.seal.needed(given.get("seal_type")) and seal_code(offer) == SEAL):
        return []
    title = "采集公章" if offer.seal.capture == "unit_seal" else "采集签名"
    return [Step("seal", "material", title, SEAL)]


def number_fields(scheme: Scheme, offer: Offer, kind: str) -> list[str]:
    """Names of the form's fields that hold the owner's number."""
    return [field.name for field in scheme.forms[offer.form].fields if field.name in NUMBER_FIELDS[Kind(kind)]]


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


def is_done(house: House, order: Order, data: dict[str, Any], step: Step) -> bool:
    """Whether nothing is left to do on that page."""
    if step.kind == "material":
        picture = newest_pictures(order).get(step.arg)
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
    return next((step for step in way if not is_done(house, order, data, step)), way[-1])
