"""``python -m kiosk.setup_state``: set this kiosk up where something is missing. Looks with little more than files,
so that a start with nothing to do does not load the whole program first.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

from kiosk import config

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def missing(settings: config.Settings) -> set[str]:
    """What :func:`kiosk.setup.setup` has to make or at least to look at closely: some of ``database``, ``ca``,
    ``document key``, ``keyboard``, ``ukeys``.
    """
    parts = set() if _newest(settings) else {"database"}
    if settings.role == "centre":
        return parts
    there = {
        "ca": (settings.ca_home / "ca.pem").exists(),
        "document key": (settings.secrets / "document.pem").exists(),
        "keyboard": any((settings.home / "ime").glob("*.idx")),
        "ukeys": not settings.simulators or (settings.home / "sim" / "ukeys" / "seeded").exists(),
    }
    return parts | {name for name, found in there.items() if not found}


def _newest(settings: config.Settings) -> bool:
    """Whether an SQLite database stands at the newest migration; False for any other, which must be asked itself."""
    name = settings.database_url.removeprefix("sqlite:///")
    newest = max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    try:
        with contextlib.closing(sqlite3.connect(f"file:{name}?mode=ro", uri=True)) as raw:
            return raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
    except sqlite3.Error:
        return False


def complete() -> None:
    """Run the set-up command when something is missing; SystemExit with its code when that fails."""
    if missing(config.load()):
        done = subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "setup"], check=False)
        if done.returncode:
            raise SystemExit(done.returncode)


if __name__ == "__main__":
    complete()
