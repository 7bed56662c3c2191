"""CA self-service kiosk."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from flask import Flask

    from kiosk.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The application for one role; ``settings`` default to :func:`kiosk.config.load`.

    The import is done here, so that a device's process, which needs one driver, does not load the web.
    """
    from kiosk.app import build
    from kiosk.config import load

    return build(settings or load())
