"""Which electronic seal belongs to a certificate of an order, and where the finished one is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.orders import journey
from kiosk.orders.book import House
from kiosk.orders.models import Certificate, Order


@dataclass(frozen=True)
class Wanted:
    """``picture``: the captured seal or signature (PNG); None: one is drawn from the holder's name. ``family``: 'unit'
    or 'personal'.
    """

    family: str
    picture: bytes | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        return "captured" if self.picture else "template"


def wanted(house: House, order: Order, certificate: Certificate) -> Wanted | None:
    """The seal to be made for this certificate; None where the order wants none."""
    _, _, offer = house.offer(order)
    if offer.seal is None:
        return None
    family = "unit" if offer.seal.capture == "unit_seal" else "personal"
    found = journey.newest_pictures(order).get(journey.seal_code(offer))
    if found is not None and found.cutout is not None and certificate.position == 0:
        return Wanted(family, house.get_file(order, found.cutout))
    chosen = journey.answers(house, order, house.data(order)).get("seal_type")
    return Wanted(family) if chosen in offer.seal.drawn_for else None


def keep(house: House, order: Order, certificate: Certificate, seal: bytes) -> None:
    """Keep the finished seal (DER): it is signed once, and the same bytes are written however often that is tried."""
    data = house.data(order)
    digest = house.put_file(order, seal)
    data["seals"] = {**data.get("seals", {}), str(certificate.position): digest}
    house.put_data(order, data)


def kept(house: House, order: Order, certificate: Certificate) -> bytes | None:
    """The finished seal (DER), if there is one."""
    digest = house.data(order).get("seals", {}).get(str(certificate.position))
    return house.get_file(order, digest) if digest else None
