"""Chinese first; English where the person asked for it."""

from __future__ import annotations

from flask import has_request_context, session
from flask_babel import Babel, get_translations, lazy_gettext
from flask_babel import gettext as _translate

babel = Babel()


def gettext(text: str, **values: object) -> str:
    """The text in the visitor's language; the Chinese text itself is the key, so Chinese needs no look-up."""
    if locale() == "zh":
        return text % values if values else text
    return str(_translate(text, **values))


def in_template(text: str) -> str:
    """What ``_("…")`` in a template looks up; Jinja fills in and escapes the values."""
    return text if locale() == "zh" else str(get_translations().ugettext(text))


def plural_in_template(one: str, many: str, count: int) -> str:
    if locale() == "zh":
        return many
    return str(get_translations().ungettext(one, many, count))


def locale() -> str:
    """``zh`` or ``en``: what this visitor chose."""
    return "en" if has_request_context() and session.get("lang") == "en" else "zh"


__all__ = ["babel", "gettext", "in_template", "lazy_gettext", "locale", "plural_in_template"]
