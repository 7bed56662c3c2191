"""A WTForms class for each group of fields; it validates, the templates draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from wtforms import Form, StringField
from wtforms.validators import StopValidation

from kiosk.catalogue import FormField
from kiosk.orders.numbers import DOCUMENT_TYPES, Invalid, check

KEYBOARDS = {
    "name": "zh",
    "org_name": "zh",
    "text": "zh",
    "address": "address",
    "applicants": "zh",
    "bank_account": "zh",
    "id_number": "id",
    "id_document": "id",
    "uscc": "latin",
    "org_code": "latin",
    "tax_number": "latin",
    "email": "email",
    "choice": "none",
    "yes_no": "none",
}
YES_NO = (("yes", "是"), ("no", "否"))


class Checked(StringField):  # type: ignore[misc]
    """A text field whose value is normalised and judged by the rules of its kind."""

    data: Any

    def __init__(self, spec: FormField, **kwargs: Any) -> None:
        super().__init__(spec.label, **kwargs)
        self.spec = spec

    def pre_validate(self, form: Form) -> None:
        value = (self.data or "").strip()
        self.data = value
        if not value:
            if self.spec.required and not self.spec.either:
                raise StopValidation(
                    f"请{'选择' if self.spec.type in ('choice', 'yes_no') else '填写'}{self.spec.label}。"
                )
            return
        if len(value) > self.spec.max_length:
            raise StopValidation(f"{self.spec.label}最多 {self.spec.max_length} 个字。")
        if self.spec.type in ("choice", "yes_no"):
            allowed = [option.code for option in self.spec.options] or ["yes", "no"]
            if value not in allowed:
                raise StopValidation(f"请选择{self.spec.label}。")
            return
        try:
            self.data = check(self.spec.type, value)
        except Invalid as error:
            raise StopValidation(error.message_zh) from error


@lru_cache(maxsize=512)
def _form_class(fields: tuple[FormField, ...]) -> type[Form]:
    return type("Group", (Form,), {spec.name: Checked(spec) for spec in fields})


def _typed(spec: FormField, given: Mapping[str, str]) -> FormField:
    """A document's number is judged by the kind of document that was chosen."""
    kind = DOCUMENT_TYPES.get(given.get(spec.by, "")) if spec.by else None
    return spec.model_copy(update={"type": kind}) if kind else spec


def validate(
    fields: Sequence[FormField], given: Mapping[str, str], known: Mapping[str, str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """(normalised values, sentence per wrong field). Either/or groups want at least one of theirs. ``known``: answers
    of other pages.
    """
    fields = [_typed(spec, {**(known or {}), **given}) for spec in fields]
    form = _form_class(tuple(fields))(data={})
    for field in form:
        field.process(None, given.get(field.name, ""))
    form.validate()
    errors = {field.name: str(field.errors[0]) for field in form if field.errors}
    values = {field.name: field.data or "" for field in form}
    for spec in fields:
        group = [other for other in fields if other.either and other.either == spec.either]
        if group and spec is group[0] and not any(values[other.name] for other in group):
            errors.setdefault(spec.name, f"{'、'.join(other.label for other in group)}，请填写其中一项。")
    return values, errors
