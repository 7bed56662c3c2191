"""Puts the application together: the house (:mod:`kiosk.core`) with its pages, or with the operator's commands."""

from __future__ import annotations

import os
import sys

from flask import Flask

from kiosk import cli, config, core, db

NEED_PAGES = {"run", "routes", "shell"}  # commands of Flask itself that look at the pages


def build(settings: config.Settings) -> Flask:
    """All of it; for one of the operator's commands without the pages, which take longer to load than most commands
    to run.
    """
    app = core.build(settings)
    app.config["CA_HOME"] = str(settings.ca_home)
    command = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
    if command or "flask_migrate" in sys.modules:  # web and worker never migrate, and start without it
        db.migrations(app)
    if not command or NEED_PAGES & set(sys.argv):
        _pages(app, settings)
    cli.init(app)
    return app


def _pages(app: Flask, settings: config.Settings) -> None:
    from kiosk import views
    from kiosk.views.frame import Environment

    app.jinja_environment = Environment
    app.jinja_options["cache_size"] = -1  # all templates stay compiled, in a plain dictionary
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload,
        MAX_FORM_MEMORY_SIZE=settings.max_upload,
        SESSION_COOKIE_NAME="kiosk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
    )
    views.init(app)
