"""What the press needs to print an order's papers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kiosk.catalogue import Offer, Service, met
from kiosk.db import BEIJING, now
from kiosk.orders import journey
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import PaymentState

CHANNELS = {"wechat": "微信支付", "alipay": "支付宝", "pos": "银行卡", "transfer": "对公转账"}


def forms(house: House, order: Order) -> list[tuple[str, dict[str, Any], list[str]]]:
    """(document code, data, names of its copies) of every paper that is made for this order."""
    _, _, offer = house.offer(order)
    data = house.data(order)
    given, agent = journey.answers(house, order, data), journey.is_agent(data)
    wanted = [paper for paper in offer.papers if met(paper.only_if, given, agent=agent)]
    content = _form_data(house, order, data, given)
    return [(paper.form, {**content, **_declared(house, order, paper.form)}, list(paper.copies)) for paper in wanted]


SHEETS = {
    "seal_sheet": ("seal_sheet", "signature_sheet"),
    "letter": ("authorisation",),
    "approval": ("approval",),
    "form": ("certificate_application", "unit_application", "personal_application"),
}
"""By the kind of a material that is to be stamped or signed: the papers it can be printed as."""


def to_sign(house: House, order: Order, subject: str) -> str | None:
    """Code of the paper that the kiosk can print for a material, filled in, to be stamped or signed and then scanned;
    ``subject``: the material as its step names it. None where the person brings his own.
    """
    _, _, offer = house.offer(order)
    if subject == journey.SEAL and offer.seal is not None:
        return "seal_sheet" if offer.seal.capture == "unit_seal" else "signature_sheet"
    kind = next((m.kind_of for m in offer.materials if subject.removesuffix("-1") == m.code), "")
    made = {paper.form for paper in offer.papers}
    return next((form for form in SHEETS.get(kind, ()) if form in made), None)


def sheet(house: House, order: Order, code: str) -> tuple[str, dict[str, Any], list[str]]:
    """What the press needs for that paper, one copy."""
    _, _, offer = house.offer(order)
    data = house.data(order)
    copies = next((list(paper.copies[:1]) for paper in offer.papers if paper.form == code), [""])
    content = _form_data(house, order, data, journey.answers(house, order, data))
    return code, {**content, **_declared(house, order, code)}, copies


def kept_only(house: House, order: Order) -> frozenset[str]:
    """Codes of the papers that are made and kept, and not printed."""
    return frozenset(paper.form for paper in house.offer(order)[2].papers if not paper.printed)


def _declared(house: House, order: Order, form: str) -> dict[str, Any]:
    """What the signer of this paper declares: an approval form has a text of its own."""
    scheme, _, offer = house.offer(order)
    wanted = "approval" if form == "approval" else "declaration"
    found = next((code for code in offer.agreements if code.startswith(f"{wanted}_")), None)
    return {"declaration": list(scheme.agreements[found].text)} if found else {}


def _form_data(house: House, order: Order, data: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    scheme, service, offer = house.offer(order)
    pictures = journey.newest_pictures(order)
    seal = pictures.get(journey.seal_code(offer))
    spec = scheme.forms[offer.form]
    shown = {field.name for field in journey.visible_fields(house, order, data)}
    content: dict[str, Any] = {
        **{name: value for name, value in given.items() if name in shown},
        "fields": [field.model_dump(mode="json") for field in spec.fields],
        "title": spec.title,
        "ca_name": scheme.vendors[0].name,
        "scheme": scheme.code,
        "scheme_name": scheme.name,
        "service": service.code,
        "service_name": service.name,
        "services": [
            {"code": other.code, "name": other.name, "ticked": other.code == service.code}
            for other in scheme.services.values()
            if other.operation != "query"
        ],
        "kind": order.kind,
        "years": order.years,
        "amount": order.amount,
        "order_number": order.number,
        "kiosk": house.settings.kiosk_id,
        "hall": house.settings.hall_name,
        "date": now().astimezone(BEIJING).date().isoformat(),
        "printed_at": now().astimezone(BEIJING).isoformat(timespec="seconds"),
        "capture_note": _capture_note(offer, given, bool(seal and seal.cutout)),
        "agent": journey.is_agent(data),
        "hotline": scheme.hotlines[0].number if scheme.hotlines else "",
        "signature": _picture(house, order, data.get("signature")),
        "seal": _picture(house, order, seal.cutout if seal else None),
        "seal_mm": seal.facts.get("diameter_mm") if seal else None,
        "levels": _levels(order, service, data.get("reviews", {})),
        "agreements": [
            {
                "code": agreement.code,
                "title": agreement.title,
                "version": agreement.version,
                "sha256": agreement.sha256,
                "sample": agreement.sample,
                "text": list(agreement.text),
            }
            for agreement in (scheme.agreements[code] for code in offer.agreements)
        ],
    }
    return content


def _capture_note(offer: Offer, given: dict[str, str], captured: bool) -> str:
    """Why the capture box stays empty; "" where it has a picture or still wants one."""
    if captured or (offer.seal is not None and offer.seal.needed(given.get("seal_type"))):
        return ""
    if offer.seal is not None and given.get("seal_type") in offer.seal.drawn_for:
        return "所选的电子签章由系统按名称生成，不采集图样，框内留空。"
    return "本次业务不采集电子签章的图样，框内留空。"


def _levels(order: Order, service: Service, decided: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """The levels of review and what each decided, who and when."""
    return [
        {
            "name": level.name,
            "who": level.who,
            "decision": "同意" if order.progress.get(f"review-{level.code}") else "",
            **decided.get(level.code, {}),
        }
        for level in service.review
    ]


def _picture(house: House, order: Order, digest: str | None) -> bytes | None:
    return house.get_file(order, digest) if digest else None


def _day(moment: dt.datetime | None) -> str:
    return moment.astimezone(BEIJING).date().isoformat() if moment else ""


def _items(name: str, order: Order) -> list[dict[str, Any]]:
    """One line for each certificate; together they are the amount that was paid."""
    many, total = max(len(order.certificates), 1), order.amount or 0
    return [{"name": name if many == 1 else f"{name}（{n + 1}）", "amount": total // many} for n in range(many)]


def receipt(house: House, order: Order) -> dict[str, Any]:
    """Order, items, amounts, payment, certificate and hotline, for the receipt printer. No identity number stands
    on it.
    """
    scheme, service, _ = house.offer(order)
    paid = next((p for p in order.payments if p.state == PaymentState.SUCCEEDED and p.refund is None), None)
    kind = "单位证书" if order.kind == "unit" else "个人证书"
    term = f"{order.years}年" if order.years else ""
    free = {} if order.amount else {"title": "业务凭条", "subtitle": "本次业务不收费"}
    return free | {
        "hall": house.settings.hall_name,
        "kiosk": house.settings.kiosk_id,
        "order_number": order.number,
        "time": now().astimezone(BEIJING).strftime("%Y-%m-%d %H:%M"),
        "items": _items(f"{kind}{service.name}{term}", order),
        "total": order.amount or 0,
        "channel": CHANNELS.get(order.channel or "", ""),
        "payment_number": paid.out_trade_no if paid else "",
        "transaction_id": paid.transaction_id or "" if paid else "",
        "paid_at": f"{paid.paid_at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" if paid and paid.paid_at else "",
        "certificates": [
            {
                "serial": certificate.serial or certificate.old_serial or "",
                "token": certificate.token_serial or "",
                "not_after": _day(certificate.not_after),
            }
            for certificate in order.certificates
        ],
        "hotline": scheme.hotlines[0].number if scheme.hotlines else "",
        "query": order.number,
    }
