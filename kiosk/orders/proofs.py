"""What a reviewer has to compare: each picture with the fields it proves; and who has approved a level before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.journal import Event
from kiosk.orders import journey, prefill, review
from kiosk.orders.book import House
from kiosk.orders.models import Order

PROVES = {
    "licence": ("unit_name", "uscc", "org_code", "legal_name", "address"),
    "id_card": ("name", "id_number", "legal_name", "legal_id", "agent_name", "agent_id"),
    "form": ("unit_name", "name", "mobile", "seal_type"),
    "seal_sheet": ("unit_name", "seal_type"),
    "letter": ("agent_name", "agent_id", "legal_name"),
    "voucher": ("invoice_title", "amount"),
}
"""Fields a kind of material proves; the others are listed at the end."""


def proofs(house: House, order: Order) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Each picture with the fields it proves, and the fields no picture proves."""
    data = house.data(order)
    _scheme, _service, offer = house.offer(order)
    given = prefill.answers(house, order, data)
    labels = {field.name: field.label for field in prefill.visible_fields(house, order, data)}
    kinds = {material.code: material.kind_of for material in offer.materials}
    titles, used, out = review.materials(house, order), set(), []
    for code, picture in journey.newest_pictures(order).items():
        names = PROVES.get(kinds.get(code.rpartition("-")[0] or code, kinds.get(code, "")), ("unit_name", "name"))
        fields = [(labels[name], given.get(name, "")) for name in names if name in labels and given.get(name)]
        used |= {name for name in names if name in labels}
        out.append({"code": code, "title": titles.get(code, code), "picture": picture, "fields": fields})
    rest = [(label, given[name]) for name, label in labels.items() if name not in used and given.get(name)]
    return out, rest


def earlier(session: Session, order: Order) -> set[str]:
    """Who approved a level of this submission: the next level wants somebody else."""
    query = select(Event.kind, Event.body).where(Event.order_no == order.number).order_by(Event.seq)
    names: set[str] = set()
    for kind, body in session.execute(query):
        if kind == "review.rejected":
            names.clear()
        elif kind == "review.approved":
            names.add(str(body.get("clerk")))
    return names
