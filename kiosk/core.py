"""The house without its pages: settings, catalogue, keys, files and the database, as the worker needs them."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from kiosk import config, db
from kiosk.catalogue.shelf import Shelf
from kiosk.fleet import models as fleet_models  # noqa: F401 (every role knows every table)
from kiosk.journal import models as journal_models  # noqa: F401
from kiosk.orders import desk_models, money_models  # noqa: F401
from kiosk.orders import models as order_models  # noqa: F401
from kiosk.orders.book import House
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder, Store, StoreError, open_objects


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
    """A Flask application with its house in ``extensions["house"]`` and its database, and nothing a browser may ask."""
    for folder in (settings.home, settings.secrets, settings.files, settings.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = Flask("kiosk", root_path=str(Path(__file__).parent))
    vault = Vault.from_file(settings.master_key)
    app.config.update(
        SECRET_KEY=vault.blind("flask session", "secret key"), SQLALCHEMY_DATABASE_URI=settings.database_url
    )
    operator = Path(settings.catalogue_folder) if settings.catalogue_folder else settings.home / "catalogue"
    app.extensions["house"] = House(settings, Shelf(operator), vault, SealedFiles(_store(settings), vault))
    db.init(app)
    return app
