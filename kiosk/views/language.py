"""Chinese first; English where the person asked for it."""

from __future__ import annotations

from flask import has_request_context, session
from flask_babel import Babel, lazy_gettext
from flask_babel import gettext as _translate

babel = Babel()


def gettext(text: str, **values: object) -> str:
    """The text in the visitor's language; the Chinese text itself is the key."""
    return str(_translate(text, **values))


def locale() -> str:
    """``zh`` or ``en``: what this visitor chose."""
    return "en" if has_request_context() and session.get("lang") == "en" else "zh"


__all__ = ["babel", "gettext", "lazy_gettext", "locale"]
