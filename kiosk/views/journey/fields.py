"""Plain objects for the form macros, and what is taken back from a form."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from kiosk.catalogue import FormField, met
from kiosk.db import BEIJING
from kiosk.orders import forms, journey, prefill
from kiosk.views.journey.context import Walk
from kiosk.views.language import gettext as _
from kiosk.views.language import locale


@dataclass
class Shown:
    """One field as the macro draws it."""

    name: str
    label: str
    type: str = "text"
    help: str = ""
    value: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    required: bool = True
    locked: bool = False
    keyboard: str = "none"
    max_length: int | None = None
    error: str | None = None
    only_if: str = ""  # "name=value" of a choice on the same page: hidden until chosen


def choice(name: str, label: str, options: list[tuple[str, str]], value: str | None) -> Shown:
    return Shown(name=name, label=label, type="radio", value=value, options=tuple(options))


def _label(spec: FormField) -> str:
    return spec.label_en if locale() == "en" and spec.label_en else spec.label


def _options(spec: FormField) -> tuple[tuple[str, str], ...]:
    if spec.type == "yes_no":
        return (("yes", _("是")), ("no", _("否")))
    english = locale() == "en"
    return tuple((o.code, o.label_en if english and o.label_en else o.label) for o in spec.options)


def _locked(walk: Walk) -> frozenset[str]:
    return prefill.locked(walk.house, walk.order, walk.data)


def recognised(walk: Walk, specs: Sequence[FormField]) -> list[str]:
    """Labels of the fields that a picture filled and nobody has confirmed yet."""
    told, typed = prefill.recognised(walk.house, walk.order, walk.data), walk.data.get("form", {})
    return [_label(spec) for spec in specs if spec.name in told and spec.name not in typed]


def group(walk: Walk, group: str) -> list[FormField]:
    """The fields of a group, with those that depend on a choice of the same group (the page shows them all)."""
    visible = journey.visible_fields(walk.house, walk.order, walk.data, group)
    form = walk.scheme.forms[walk.offer.form]
    names = {spec.name for spec in visible}
    return [
        spec
        for spec in form.fields
        if spec.group == group and (spec.name in names or spec.only_if.partition("=")[0] in names)
    ]


def named(walk: Walk, names: Sequence[str]) -> list[FormField]:
    """The form's fields of these names."""
    return [spec for spec in walk.scheme.forms[walk.offer.form].fields if spec.name in names]


def shown(
    walk: Walk,
    specs: Sequence[FormField],
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Shown]:
    """The fields as the macros draw them."""
    given = {**journey.answers(walk.house, walk.order, walk.data), **(values or {})}
    locked, names = _locked(walk), {spec.name for spec in specs}
    return [
        Shown(
            name=spec.name,
            label=_label(spec),
            type="radio" if spec.type in ("choice", "yes_no") else "text",
            help=spec.help if locale() != "en" else "",
            value=given.get(spec.name) or "",
            options=_options(spec),
            required=spec.required and not spec.either and not spec.only_if,
            locked=spec.name in locked,
            keyboard=forms.KEYBOARDS.get(spec.type, "digits"),
            max_length=spec.max_length,
            error=(errors or {}).get(spec.name),
            only_if=spec.only_if if spec.only_if.partition("=")[0] in names else "",
        )
        for spec in specs
    ]


def take(walk: Walk, specs: Sequence[FormField], form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed, normalised, and what is wrong with it. Locked fields cannot be overwritten."""
    answers = journey.answers(walk.house, walk.order, walk.data)
    given = {spec.name: form.get(spec.name, "") for spec in specs}
    locked = _locked(walk) & given.keys()
    given |= {name: answers[name] for name in locked}
    known, agent = {**answers, **given}, journey.is_agent(walk.data)
    applying = [spec for spec in specs if met(spec.only_if, known, agent=agent)]
    values, errors = forms.validate(applying, given, known)
    return {name: value for name, value in values.items() if name not in locked}, errors


def step_address(code: str, from_check: bool = False) -> str:
    """Address of a step's page; ``from_check`` brings the person back to the check page afterwards."""
    address = url_for("journey.step", code=code)
    return f"{address}?from=check" if from_check else address


def summary(walk: Walk) -> list[tuple[str, str, str | None]]:
    """(label, value, address of 修改) of everything the person said."""
    change = {step.code for step in walk.way}

    def link(code: str) -> str | None:
        return step_address(code, from_check=True) if code in change else None

    name = walk.service.name_en if locale() == "en" else walk.service.name
    scheme = walk.scheme.name_en if locale() == "en" else walk.scheme.name
    kind = _("单位证书") if walk.order.kind == "unit" else _("个人证书")
    rows: list[tuple[str, str, str | None]] = [(_("业务"), f"{scheme} · {name} · {kind}", None)]
    if walk.order.years:
        rows.append((_("使用年限"), _("%(n)s 年", n=walk.order.years), link("term")))
    old = walk.data.get("old")
    if old:
        rows.append((_("要办理的证书"), f"{old['name']} · {old['certificate'][-8:].upper()}", link("certificate")))
    if walk.data.get("token"):
        rows.append((_("UKey 编号"), walk.data["token"]["serial"], None))
    given, locked = journey.answers(walk.house, walk.order, walk.data), _locked(walk)
    for spec in journey.visible_fields(walk.house, walk.order, walk.data):
        value = given.get(spec.name)
        if value:
            said = dict(_options(spec)).get(value, value)
            rows.append((_label(spec), said, None if spec.name in locked else link(f"form-{spec.group}")))
    pictures = journey.newest_pictures(walk.order)
    for step in walk.way:
        if step.kind == "material" and step.arg in pictures:
            rows.append((_(step.title), _("已扫描"), link(step.code)))
    return rows


def day(instant: str) -> str:
    """The Beijing date of an ISO time."""
    return dt.datetime.fromisoformat(instant).astimezone(BEIJING).date().isoformat()


def weak_pin(pin: str, data: Mapping[str, Any]) -> str | None:
    """Why a PIN may not be chosen: 6 to 16 characters, no runs, nothing of the birthday or the ID number."""
    if not 6 <= len(pin) <= 16 or not pin.isascii() or not pin.isalnum():
        return _("密码为 6 到 16 位数字或字母。")
    digits = pin if pin.isdecimal() else ""
    steps = {(ord(b) - ord(a)) for a, b in itertools.pairwise(pin)}
    if len(set(pin)) <= 2 or steps in ({1}, {-1}):
        return _("密码太简单，请不要用相同或连续的数字。")
    number = data.get("card", {}).get("number", "")
    if digits and number and (digits in number or digits in number[6:14]):
        return _("请不要用生日或证件号码作密码。")
    return None
