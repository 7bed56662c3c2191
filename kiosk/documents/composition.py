"""What some papers have beside plain fields: groups of a catalogue's form, applicants, delegated services, review
levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.documents.errors import PageOverflow, TextMissing
from kiosk.documents.sheet import Sheet
from kiosk.documents.text import chinese_date, clean, yuan

DELEGATIONS = (
    ("new", "新办"),
    ("update", "更新"),
    ("unlock", "解锁"),
    ("renew", "延期"),
    ("replace", "补办"),
    ("apply", "应用申请"),
)
"""What a letter of authorisation counts (授权委托书 of the platforms)."""
MAX_APPLICANTS = 10
TABLE, BAND, LOWEST_ROW = 158.5, 6.0, 5.8
_WIDE_TYPES = frozenset(("address", "org_name", "choice"))


@dataclass(frozen=True)
class Cell:
    """One field of a free form."""

    name: str
    label: str
    required: bool
    wide: bool
    boxes: bool


@dataclass(frozen=True)
class Group:
    """A band of a free form and its rows of one or two cells."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


def free_form(sheet: Sheet, fields: list[Mapping[str, Any]], first_rows: int) -> tuple[list[Group], float]:
    """The bands of a form and the height of its rows in mm, at most 9.5, so that they fill the place for them.

    `first_rows`: rows of the band above them. Where long values in rows of their own would make the rows too low, they
    are set two a row and smaller. PageOverflow when that is not enough: a page is never cut off silently.
    """
    for wide in (24, 44, 1000):
        bands = groups(sheet, fields, wide)
        rows = first_rows + sum(len(band.rows) for band in bands)
        high = (TABLE - BAND * (len(bands) + bool(first_rows))) / max(1, rows)
        if high >= LOWEST_ROW:
            return bands, round(min(9.5, high), 2)
    raise PageOverflow(paper=sheet.layout.code, rows=rows)


def groups(sheet: Sheet, fields: list[Mapping[str, Any]], wide_from: int = 24) -> list[Group]:
    """The form's fields by their group title, two short ones a row. Unanswered conditional fields are left out."""
    if not fields:
        raise TextMissing(key="fields")
    bands: dict[str, list[Cell]] = {}
    for field in fields:
        name, kind = str(field["name"]), str(field.get("type", "text"))
        if (field.get("only_if") and not sheet.text(name)) or kind == "applicants":
            continue
        wide = kind in _WIDE_TYPES or len(sheet.text(name)) > wide_from
        cell = Cell(name, clean(field.get("label")), bool(field.get("required")), wide, kind == "choice")
        bands.setdefault(clean(field.get("group_title")) or "申请信息", []).append(cell)
    return [Group(title, tuple(_pairs(cells))) for title, cells in bands.items()]


def _pairs(cells: list[Cell]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    waiting: Cell | None = None
    for cell in cells:
        if cell.wide:
            rows += [(waiting,)] if waiting else []
            rows.append((cell,))
            waiting = None
        elif waiting:
            rows.append((waiting, cell))
            waiting = None
        else:
            waiting = cell
    return rows + ([(waiting,)] if waiting else [])


def applicants(value: object, least: int = 3) -> list[tuple[str, str]]:
    """(name, number) of the personal applicants, padded with blanks.

    `value` is a list of {name, number}, or one text: people separated by a semicolon or line break, name and number by
    a space or comma.
    """
    found: list[tuple[str, str]] = []
    if isinstance(value, str):
        for person in re.split(r"[;；\n]+", value):
            words = [clean(word) for word in re.split(r"[\s,，、]+", person) if clean(word)]
            if words:
                found.append((" ".join(words[:-1]), words[-1]) if len(words) > 1 else (words[0], ""))
    elif isinstance(value, list | tuple):
        found = [(clean(item.get("name")), clean(item.get("number"))) for item in value]
    if len(found) > MAX_APPLICANTS:
        raise ValueError(f"at most {MAX_APPLICANTS} applicants")
    return found + [("", "")] * (least - len(found))


def delegations(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(service, how many) of a letter of authorisation: from `counts` {code: number}, else 1 for the service at
    hand.
    """
    counts = dict(data.get("counts") or {})
    service = clean(data.get("operation") or data.get("service"))
    if not counts and service:
        name = clean(data.get("service_name"))
        counts = {next((code for code, label in DELEGATIONS if label in name), service): 1}
    rows = [(label, int(counts.pop(code, 0))) for code, label in DELEGATIONS]
    labels = {str(item["code"]): clean(item["name"]) for item in data.get("services") or []}
    return rows + [(labels.get(code) or clean(data.get("service_name")) or code, int(n)) for code, n in counts.items()]


def principal(sheet: Sheet) -> tuple[str, str]:
    """(name, number) of who authorises: given, else the unit, else the applicant."""
    name = sheet.text("principal") or sheet.text("unit_name") or sheet.text("name")
    numbers = ("principal_number", "uscc", "org_code", "id_number")
    return name, next((sheet.text(key) for key in numbers if sheet.text(key)), "")


def representative(sheet: Sheet) -> tuple[str, str]:
    """(name, number) of who is authorised: given, else the agent."""
    numbers = ("representative_number", "agent_id")
    name = sheet.text("representative") or sheet.text("agent_name")
    return name, next((sheet.text(key) for key in numbers if sheet.text(key)), "")


def summary(sheet: Sheet, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Service, term, amount and kind of certificate, as far as they are given."""
    chosen = next((choice.label for choice in sheet.services() if choice.ticked), sheet.text("service_name"))
    years, amount = data.get("years"), data.get("amount")
    rows = (
        ("业务类型", chosen),
        ("证书类型", sheet.kind()),
        ("证书年限", f"{int(years)} 年" if years else ""),
        ("证书金额", f"{yuan(int(amount))} 元" if amount is not None else ""),
    )
    return [(label, value) for label, value in rows if value]


HELPERS = {
    "free_form": free_form,
    "applicants": applicants,
    "delegations": delegations,
    "principal": principal,
    "representative": representative,
    "summary": summary,
    "day": chinese_date,
}
"""Put into the template environment by the press."""
