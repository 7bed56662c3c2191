"""Lists of a scheme's file, edited: hours, service points and hotlines (one a line), and the materials of each offer.

Everything stays a draft of the whole file, which :mod:`kiosk.orders.editing` has checked by the catalogue's own schema.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

import tomlkit
from tomlkit.items import Array, InlineTable

from kiosk.orders.desk_acts import DeskRefused

WEEKDAYS = "一二三四五六日"
_HOURS = re.compile(r"周([一二三四五六日])\s*(\d{1,2}):(\d{2})\s*[-—–~至]\s*(\d{1,2}):(\d{2})")
KINDS = ("unit", "personal")
MOST_COPIES = 9


# -- lines: hours, service points, hotlines -------------------------------------------------------


def lines(text: str) -> dict[str, str]:
    """The lists of a scheme's file as people read them: ``hours``, ``points``, ``hotlines``, one entry a line."""
    data = tomllib.loads(text)
    hours = [f"周{WEEKDAYS[h['weekday'] - 1]} {h['opens']:%H:%M}-{h['closes']:%H:%M}" for h in data.get("hours", ())]
    points = [" | ".join((p["area"], p["address"], p.get("phone", ""))) for p in data.get("service_points", ())]
    hotlines = [" | ".join((h["name"], h["number"])) for h in data.get("hotlines", ())]
    return {"hours": "\n".join(hours), "points": "\n".join(points), "hotlines": "\n".join(hotlines)}


def put_lines(document: Any, text: str, form: Mapping[str, str]) -> None:
    """Write back the lists that were changed in the form; untouched ones keep their layout and comments."""
    shown = lines(text)
    for name, key, read in LISTS:
        given = [line.strip() for line in form.get(name, shown[name]).splitlines() if line.strip()]
        if given != shown[name].splitlines():
            document[key] = _array([read(line) for line in given])


def _hours(line: str) -> dict[str, Any]:
    found = _HOURS.fullmatch(line)
    if found is None:
        raise DeskRefused("line_malformed")
    day, *clock = found.groups()
    try:
        opens, closes = time(int(clock[0]), int(clock[1])), time(int(clock[2]), int(clock[3]))
    except ValueError as error:
        raise DeskRefused("line_malformed") from error
    return {"weekday": WEEKDAYS.index(day) + 1, "opens": opens, "closes": closes}


def _parts(line: str, least: int, most: int) -> list[str]:
    parts = [part.strip() for part in line.replace("｜", "|").split("|")]
    if not least <= len(parts) <= most or not all(parts[:least]):
        raise DeskRefused("line_malformed")
    return parts


def _point(line: str) -> dict[str, Any]:
    area, address, *phone = _parts(line, 2, 3)
    return {"area": area, "address": address} | ({"phone": phone[0]} if phone and phone[0] else {})


def _hotline(line: str) -> dict[str, Any]:
    name, number = _parts(line, 2, 2)
    return {"name": name, "number": number}


def _array(rows: list[Any]) -> Array:
    made = tomlkit.array()
    for row in rows:
        made.append(_inline(row) if isinstance(row, dict) else row)
    return made.multiline(True)


def _inline(row: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(row)
    return table


LISTS = (("hours", "hours", _hours), ("points", "service_points", _point), ("hotlines", "hotlines", _hotline))


# -- materials ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaterialRow:
    """One material of one list. ``key`` names it in a form: ``mat-<list>-<place>``."""

    key: str
    code: str
    name: str
    copies: int
    required: bool


@dataclass(frozen=True)
class MaterialList:
    """The materials of one kind, for the whole scheme (``service`` empty) or for one service that has its own."""

    key: str
    service: str
    kind: str
    rows: tuple[MaterialRow, ...]


def _lists(data: Any) -> Iterator[tuple[str, str, str, Any]]:
    """(key, service's name, kind, the table that holds ``materials``) of every list written in the file."""
    for kind in KINDS:
        if "materials" in data.get("defaults", {}).get(kind, {}):
            yield f"defaults-{kind}", "", kind, data["defaults"][kind]
    for code, service in data.get("services", {}).items():
        for kind in KINDS:
            if "materials" in service.get(kind, {}):
                yield f"{code}-{kind}", str(service.get("name", code)), kind, service[kind]


def _row(key: str, item: Any, library: Mapping[str, Any]) -> MaterialRow:
    table = {"use": item} if isinstance(item, str) else dict(item)
    known = {**library.get(table.get("use", ""), {}), **table}
    code = str(table.get("code") or table.get("use", ""))
    name, copies = str(known.get("name", code)), int(known.get("copies", 1))
    return MaterialRow(key, code, name, copies, bool(known.get("required", True)))


def library_of(text: str) -> dict[str, Any]:
    """The materials of ``library.toml``, by code."""
    found: dict[str, Any] = tomllib.loads(text).get("materials", {})
    return found


def materials(text: str, library: Mapping[str, Any]) -> list[MaterialList]:
    """Every list of materials in a scheme's file."""
    out = []
    for key, service, kind, table in _lists(tomllib.loads(text)):
        rows = tuple(_row(f"mat-{key}-{place}", item, library) for place, item in enumerate(table["materials"]))
        out.append(MaterialList(key, service, kind, rows))
    return out


def put_materials(document: Any, text: str, form: Mapping[str, str], library: Mapping[str, Any]) -> None:
    """Write back the lists that were changed. Fields: ``<row>`` = must, may or drop; ``<row>-copies``; ``add-<list>`` =
    code of a material of the library.
    """
    tables = {key: table for key, _service, _kind, table in _lists(document)}
    for one in materials(text, library):
        items, changed = [], False
        for place, row in enumerate(one.rows):
            item = tables[one.key]["materials"][place]
            mended = _mended(item, row, form)
            changed = changed or mended is not item
            if mended is not None:
                items.append(mended)
        extra = form.get(f"add-{one.key}", "")
        if extra:
            if extra not in library:
                raise DeskRefused("unknown_material")
            items.append(extra)
        if changed or extra:
            tables[one.key]["materials"] = _array(items)


def _mended(item: Any, row: MaterialRow, form: Mapping[str, str]) -> Any:
    """The item as the form wants it; the very same where nothing changed, None where it goes."""
    choice = form.get(row.key, "must" if row.required else "may")
    if choice == "drop":
        return None
    if choice not in ("must", "may"):
        raise DeskRefused("unknown_material")
    copies = form.get(f"{row.key}-copies", str(row.copies)).strip()
    if not copies.isascii() or not copies.isdecimal() or not 1 <= int(copies[:2]) <= MOST_COPIES:
        raise DeskRefused("copies_malformed")
    changes: dict[str, Any] = {}
    if int(copies) != row.copies:
        changes["copies"] = int(copies)
    if (choice == "must") != row.required:
        changes["required"] = choice == "must"
    if not changes:
        return item
    return {**({"use": str(item)} if isinstance(item, str) else dict(item)), **changes}
