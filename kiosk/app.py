"""Puts the application together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flask import Flask

from kiosk import cli, config, db, views
from kiosk.catalogue.shelf import Shelf
from kiosk.fleet import models as fleet_models  # noqa: F401 (every role knows every table)
from kiosk.orders.book import House
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder, Store, StoreError, open_objects
from kiosk.views.frame import Environment


def _store(settings: config.Settings) -> Store:
    """Where this house keeps its sealed files."""
    told = settings.store
    if not told.url:
        return Folder(settings.files)
    try:
        return open_objects(told.url, told.endpoint, told.region, told.credentials)
    except (ValueError, StoreError) as error:
        raise config.ConfigError(f"setting store: {error}") from error


def build(settings: config.Settings) -> Flask:
    """A Flask application with its house (settings, catalogue, keys, files) in ``extensions["house"]``."""
    for folder in (settings.home, settings.secrets, settings.files, settings.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = Flask("kiosk", root_path=str(Path(__file__).parent))
    app.jinja_environment = Environment
    app.jinja_options["cache_size"] = -1  # all templates stay compiled, in a plain dictionary
    vault = Vault.from_file(settings.master_key)
    app.config.update(
        SECRET_KEY=vault.blind("flask session", "secret key"),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=settings.max_upload,
        MAX_FORM_MEMORY_SIZE=settings.max_upload,
        SESSION_COOKIE_NAME="kiosk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        CA_HOME=str(settings.ca_home),
        WTF_CSRF_TIME_LIMIT=None,
    )
    operator = Path(settings.catalogue_folder) if settings.catalogue_folder else settings.home / "catalogue"
    app.extensions["house"] = House(settings, Shelf(operator), vault, SealedFiles(_store(settings), vault))
    db.init(app)
    if os.environ.get("FLASK_RUN_FROM_CLI") == "true" or "flask_migrate" in sys.modules:
        # commands and tests migrate; web and worker never do, and start without it
        db.migrations(app)
    views.init(app)
    cli.init(app)
    return app
