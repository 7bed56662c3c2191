"""Every Chinese text that a page may translate, and the file that holds the translations.

``python -m kiosk.translations.texts`` brings ``messages.po`` up to date: new texts come in untranslated, others go.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from kiosk import catalogue
from kiosk.catalogue import Offer

PACKAGE = Path(__file__).parent.parent
PO = Path(__file__).parent / "en" / "LC_MESSAGES" / "messages.po"
SIDES = {1: "front", 2: "back"}
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_KEYWORDS: dict[str, Any] = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "Step": (3,)}


def written() -> set[str]:
    """Texts that stand in code and templates."""
    found = extract_from_dir(
        PACKAGE,
        method_map=_METHODS,
        options_map={"**.html": {"trimmed": "true"}},
        keywords=_KEYWORDS,
        directory_filter=lambda name: not Path(name).name.startswith("."),
    )
    texts = {message for _, _, message, _, _ in found if isinstance(message, str)}
    return {text for text in texts | set(_tables()) if any(ord(letter) > 127 for letter in text)}


def _tables() -> Iterator[str]:
    """Texts of plain tables in the views (capital names, and ``waiting`` of a page), translated when drawn."""
    for path in sorted((PACKAGE / "views").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict | ast.Tuple):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and (t.id.isupper() or t.id == "waiting") for t in targets):
                    yield from _constants(node.value)


def _constants(table: ast.expr) -> Iterator[str]:
    for node in ast.walk(table):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named() -> dict[str, str]:
    """Texts of the catalogue, each with the English that the catalogue itself gives, or nothing."""
    texts: dict[str, str] = {}
    for scheme in catalogue.load().schemes.values():
        for agreement in scheme.agreements.values():
            texts.setdefault(agreement.title, "")
        for note in (*scheme.renewal_notes, scheme.hours_text or ""):
            texts.setdefault(note, "")
        for form in scheme.forms.values():
            for field in form.fields:
                texts.setdefault(field.group_title, "")
                texts.setdefault(field.help or "", "")
        for service in scheme.services.values():
            texts.setdefault(service.summary, "")
            for offer in service.offers.values():
                texts.update(_materials(offer))
    texts.pop("", None)
    return texts


def _materials(offer: Offer) -> Iterator[tuple[str, str]]:
    for material in offer.materials:
        yield material.name, material.name_en
        if material.sides > 1:
            for side, english in SIDES.items():
                yield material.side(side), f"{material.name_en.replace(', both sides', '')} ({english})"


def update() -> Catalog:
    """Write the file anew from what is used now, keeping its translations; return the catalog."""
    old = read()
    new = Catalog(locale="en", project="ca-kiosk", version="1", charset="utf-8", fuzzy=False)
    for text, english in sorted({**dict.fromkeys(written(), ""), **named()}.items()):
        known = old.get(text)
        flags = ["python-format"] if "%(" in text else []
        new.add(text, (known.string if known and known.string else english), flags=flags)
    with PO.open("wb") as file:
        write_po(file, new, width=120, omit_header=False, sort_output=True)
    return new


def read() -> Catalog:
    """The translations as they stand in the file; empty when there is none."""
    if not PO.exists():
        return Catalog(locale="en")
    with PO.open("rb") as file:
        return read_po(file, locale="en")


if __name__ == "__main__":
    missing = [message.id for message in update() if message.id and not message.string]
    sys.stdout.write("".join(f"untranslated: {text}\n" for text in missing))
