"""Forms and agreements: what is asked, in which order, under which condition; what is accepted.

Labels are Chinese (what users see), `*_en` the English beside them. `ref` names the place in the scheme's own document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class Model(BaseModel):
    """Base of every piece of the catalogue: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=20_000)


class Option(Model):
    """One choice of a field."""

    code: Code
    label: Text
    label_en: Text = ""


FieldType = Literal[
    "text", "name", "org_name", "uscc", "org_code", "id_document", "id_number", "phone", "mobile", "email", "address",
    "choice", "social_insurance", "ic_registration", "tax_number", "yes_no", "applicants", "bank_account", "count",
]  # fmt: skip


SOURCES = frozenset(
    f"{who}.{what}"
    for who, whats in {
        "card": ("name", "number", "kind", "address"),
        "legal": ("name", "number"),
        "applicant": ("name", "number", "kind", "address"),
        "licence": ("name", "uscc", "legal_name", "address", "unit_type"),
        "id_copy": ("name", "number"),
        "token": ("unit_name", "uscc", "org_code", "name", "number", "document_kind"),
        "answers": ("unit_name", "uscc", "mobile", "email"),
    }.items()
    for what in whats
)
"""Keys of what was read. card: the ID card of the person in front, whatever his part; legal, applicant: the same card,
when he is the legal representative or the applicant himself; licence: read by QR or OCR; id_copy: the copy
of an ID card whose owner is not here, read by OCR; token: the certificate on the UKey; answers: another answer of the
same order."""


class FormField(Model):
    """One field of a form.

    `group`: fields of the same group stand on one page. `either`: name of an either/or group: one of its fields must be
    filled. `only_if`: see `met`. `source`: keys of what was read, best first ("card.name", "licence.uscc",
    "token.unit_name"; all keys: `SOURCES`).
    `locked`: cannot be changed by the user once read from the ID card or the UKey, or copied from an answer (what was
    read from a picture stays open: it may be misread). `default`: the answer before anything is read or typed.
    `max_length`: of what is typed, spaces and dashes included. `by`: name of the choice that says which document a
    number of type id_document is of. `ref`: section of the scheme's document.
    """

    name: Code
    label: Text
    label_en: Text
    help: str = ""
    type: FieldType = "text"
    required: bool = True
    group: Code
    group_title: Text
    options: tuple[Option, ...] = ()
    either: str = ""
    only_if: str = ""
    max_length: Annotated[int, Field(ge=1, le=500)] = 100
    source: tuple[str, ...] = ()
    locked: bool = False
    default: str = ""
    by: str = ""
    ref: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type == "choice") != bool(self.options):
            raise ValueError("options belong to type choice, and only to it（只有 choice 才有选项）")
        if self.default and self.options and self.default not in {option.code for option in self.options}:
            raise ValueError("default is not an option（默认值不在选项中）")
        unknown = sorted(set(self.source) - SOURCES)
        if unknown:
            raise ValueError(f"unknown source（不认识的来源）: {unknown[0]}")
        return self


class FormSpec(Model):
    """A form: its title, the document it is printed as (None: a screen form only), and its fields in order."""

    code: Code
    title: Text
    document: Code | None = None
    fields: Annotated[tuple[FormField, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [field.name for field in self.fields]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"field named twice（字段重名）: {', '.join(doubled)}")
        return self

    @cached_property
    def groups(self) -> tuple[tuple[str, tuple[FormField, ...]], ...]:
        """(group code, its fields) in the order of the first field of each group."""
        found: dict[str, list[FormField]] = {}
        for field in self.fields:
            found.setdefault(field.group, []).append(field)
        return tuple((code, tuple(fields)) for code, fields in found.items())

    def field(self, name: str) -> FormField:
        """The field of that name; KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


class Agreement(Model):
    """A text the person accepts. `sample` = our own wording (示范文本), to be replaced by the CA's official text."""

    code: Code
    title: Text
    version: Text
    sample: bool = True
    text: Annotated[tuple[Text, ...], Field(min_length=1)]

    @cached_property
    def sha256(self) -> str:
        """Hex digest over title, version and paragraphs: what a signed order keeps."""
        return hashlib.sha256("\n".join((self.title, self.version, *self.text)).encode()).hexdigest()


def met(only_if: str, answers: Mapping[str, str], *, agent: bool) -> bool:
    """Whether a condition holds.

    '' always; 'agent' / 'legal' by who came; "a=b" by an answer; several joined with ' and '. ValueError if unreadable.
    """
    for part in filter(None, (piece.strip() for piece in only_if.split(" and "))):
        name, equals, wanted = part.partition("=")
        if not equals:
            if name not in ("agent", "legal"):
                raise ValueError(f"unknown condition: {part!r}")
            if (name == "agent") != agent:
                return False
        elif answers.get(name) != wanted:
            return False
    return True
