"""Who the certificates of an order are for: one unit, one person, or several applicants of one visit."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.catalogue import Kind
from kiosk.orders.numbers import applicants

MORE = "more_applicants"


@dataclass(frozen=True)
class Holder:
    """``document``: uscc, org_code, id_card, passport, officer or other."""

    name: str
    number: str
    document: str


def holders(kind: str, given: dict[str, str], most: int = 1) -> list[Holder]:
    """The holders in the order in which their UKeys are written, at most ``most``. Raises KeyError while name or number
    are not answered.
    """
    if kind == Kind.unit:
        number = given.get("uscc") or given["org_code"]
        return [Holder(given["unit_name"], number, "uscc" if len(number) == 18 else "org_code")]
    first = Holder(given["name"], given["id_number"], given.get("id_type") or "id_card")
    found = [first]
    for name, number in applicants(given.get(MORE, "")) if given.get(MORE) else ():
        if number not in {one.number for one in found}:
            found.append(Holder(name, number, "id_card"))
    return found[:most]


def number_of(kind: str, given: dict[str, str]) -> str | None:
    """The number an order is found by: credit or organisation code of the unit, document number of the applicant."""
    if kind == Kind.unit:
        return given.get("uscc") or given.get("org_code") or None
    return given.get("id_number") or None
