"""What the kiosk tells its centre of the person behind an order: enough to find it, and to review it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.catalogue import FormField
from kiosk.fleet.dossiers import Dossier, Picture, Review
from kiosk.journal.models import ChainHead
from kiosk.orders import prefill, proofs, review
from kiosk.orders.book import House, NotOffered
from kiosk.orders.models import Order
from kiosk.privacy import VaultError

NAMES = ("unit_name", "name", "legal_name", "agent_name")
PHONES = ("mobile", "agent_mobile", "legal_mobile")
PERSONS = ("id_number", "legal_id", "agent_id")
UNITS = ("uscc", "org_code", "id_number")


def build(session: Session, house: House, order: Order) -> Dossier | None:
    """None when the order has no personal data any more, or its service is gone from the catalogue."""
    try:
        data = house.data(order)
        _scheme, service, _offer = house.offer(order)
    except (VaultError, NotOffered):
        return None
    given = prefill.answers(house, order, data)
    fields = [(one.name, one.label[:120], given.get(one.name, "")[:500]) for one in _visible(house, order)]
    card, token = data.get("card", {}), {**data.get("old", {}), **data.get("token", {})}
    keys = {("name", given.get(name)) for name in NAMES} | {("phone", given.get(name)) for name in PHONES}
    keys |= {("person", given.get(name)) for name in PERSONS} | {("unit", given.get(name)) for name in UNITS}
    keys |= {("name", card.get("name")), ("person", card.get("number"))}
    keys |= {("name", token.get("name")), ("unit", token.get("number"))}
    return Dossier(
        seq=_seq(session, house),
        service=f"{service.name}",
        keys=sorted((kind, str(value)[:120]) for kind, value in keys if value and str(value).strip()),
        serials=sorted({one.serial.lower() for one in order.certificates if one.serial}),
        fields=[row for row in fields if row[2]],
        review=_review(session, house, order),
    )


def _visible(house: House, order: Order) -> list[FormField]:
    return prefill.visible_fields(house, order, house.data(order))


def _seq(session: Session, house: House) -> int:
    """Up to where the journal had come when the dossier was made."""
    kiosk, epoch = house.origin
    query = select(ChainHead.seq).where(ChainHead.kiosk == kiosk, ChainHead.epoch == epoch)
    return session.scalar(query) or 1


def _review(session: Session, house: House, order: Order) -> Review | None:
    level = review.open_level(house, order)
    if level is None:
        return None
    found, rest = proofs.proofs(house, order)
    pictures = []
    for one in found:
        digest = one["picture"].shown or one["picture"].picture
        if digest:
            rows = [(label[:120], value[:500]) for label, value in one["fields"]]
            pictures.append(Picture(code=one["code"], title=one["title"][:120], digest=digest, fields=rows))
    return Review(
        level=level.code,
        name=level.name,
        who=level.who,
        pictures=pictures,
        rest=[(label[:120], value[:500]) for label, value in rest],
        materials={code: title[:120] for code, title in review.materials(house, order).items()},
        earlier=sorted(proofs.earlier(session, order)),
    )
