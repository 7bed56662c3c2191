"""Chinese first; English where the person asked for it."""

from __future__ import annotations

from flask import has_request_context, session
from flask_babel import Babel, gettext, lazy_gettext

babel = Babel()


def locale() -> str:
    """``zh`` or ``en``: what this visitor chose."""
    return "en" if has_request_context() and session.get("lang") == "en" else "zh"


__all__ = ["babel", "gettext", "lazy_gettext", "locale"]
