"""Provinces, cities and counties for the address picker, from `places.toml` (GB/T 2260 codes).

Provinces are complete for the country; cities and counties for 湖南省. For other places `children` is empty and the
person types the rest.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).with_name("places.toml")
HOME_PROVINCE = "43"


@dataclass(frozen=True)
class Place:
    """A province (2 digits), city (4) or county (6)."""

    code: str
    name: str


@lru_cache(maxsize=1)
def _data() -> dict[str, tuple[Place, ...]]:
    data = tomllib.loads(DATA.read_text("utf-8"))
    tables = {"": data["provinces"], **data["children"]}
    return {parent: tuple(Place(code, name) for code, name in table.items()) for parent, table in tables.items()}


def provinces() -> tuple[Place, ...]:
    """All provinces, the kiosk's own first."""
    return tuple(sorted(_data()[""], key=lambda place: place.code != HOME_PROVINCE))


def children(code: str) -> tuple[Place, ...]:
    """Cities of a province, counties of a city; empty where the table has none."""
    return _data().get(code, ()) if code else ()


def full_name(code: str) -> str:
    """ "湖南省益阳市赫山区" for 430903. KeyError for an unknown code."""
    names = {place.code: place.name for places in _data().values() for place in places}
    return "".join(names[code[:length]] for length in range(2, len(code) + 1, 2)) if code in names else names[code]
