"""First start: database, embedded CA, demo UKeys. Each part is skipped when it is already there."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import upgrade

from kiosk import setup_sealing
from kiosk.ca.connector import Kind
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Subject
from kiosk.config import Settings
from kiosk.db import db
from kiosk.fleet import months
from kiosk.ime.build import DictionaryMissing, index_path
from kiosk.setup_state import MIGRATIONS, missing
from kiosk.views.ime import place_names


def setup(settings: Settings, say: Callable[[str], object]) -> None:
    """Make what is missing in ``settings.home``; ``say`` gets one line for each part that was made."""
    parts = missing(settings)
    if "database" in parts and not database_is_current():
        say("migrating the database")
        upgrade(directory=str(MIGRATIONS))
    if settings.role == "centre":
        months.make_missing()
        return
    if "ca" in parts:
        say("making the embedded CA")
        EmbeddedCa.create(settings.ca_home)
    if "document key" in parts:
        say("making the key that seals documents")
        setup_sealing.document_key(settings)
    if "keyboard" in parts:
        say("making the index of the pinyin keyboard")
        with contextlib.suppress(DictionaryMissing):  # the keyboard says so when it is opened
            index_path(settings.home / "ime", place_names())
    if "ukeys" in parts:
        say("making the demo UKeys")
        seed_ukeys(settings)


def database_is_current() -> bool:
    """Whether the newest migration has been applied."""
    wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == wanted


def seed_ukeys(settings: Settings) -> None:
    """Fill the simulated drawer: certificates that end soon, late, are expired, and blank UKeys."""
    from kiosk.simulators.ukeys_seed import seed

    home = settings.home / "sim" / "ukeys"
    home.mkdir(parents=True, exist_ok=True)
    with EmbeddedCa(settings.ca_home) as ca:

        def issue(csr: bytes, subject: Subject, kind: str, not_before: dt.datetime, not_after: dt.datetime) -> bytes:
            of: Kind = "unit" if kind == "unit" else "personal"
            return ca.seed_certificate(csr, subject, of, not_before, not_after).certificate

        for token in seed(home, issue):
            ca.register_token(token["serial"], token["so_pin"])
        ca.publish()
    (home / "seeded").touch()
