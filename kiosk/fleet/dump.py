"""The centre's database in a backup: ``pg_dump`` out, ``pg_restore`` in, both as a child process at one moment.

The password, where there is one, goes through the environment, never through the arguments.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from kiosk.fleet.postgres import binaries

NAME = "centre.pgdump"
MAGIC = b"PGDMP"
LONGEST = 6 * 3600.0  # seconds


class DumpError(Exception):
    """The database could not be dumped or put back; the message is for the operator."""


def _place(url: str) -> tuple[list[str], dict[str, str], str]:
    """(arguments, environment, libpq's address without the password) of SQLAlchemy's address."""
    parsed = make_url(url)
    host = parsed.host or str(parsed.query.get("host", ""))
    facts: dict[str, Any] = {"host": host, "port": parsed.port, "user": parsed.username, "dbname": parsed.database}
    address = make_conninfo(**{key: value for key, value in facts.items() if value})
    environ = {**os.environ, "PGPASSWORD": parsed.password} if parsed.password else dict(os.environ)
    return ["--no-password", "--dbname", address], environ, address


def _run(program: str, words: list[str], environ: dict[str, str]) -> None:
    command = [str(binaries() / program), *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise DumpError(f"{program}: {done.stderr.strip()[-500:]}")


def dump(url: str, target: Path) -> None:
    """Everything in the database, as it is at this moment, into one compressed file."""
    words, environ, _ = _place(url)
    _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}", *words], environ)


def check(source: Path) -> None:
    """The file has a readable table of contents. Raises :class:`DumpError`."""
    _run("pg_restore", ["--list", str(source)], dict(os.environ))


def is_empty(url: str) -> bool:
    """Whether the database has no table yet."""
    _, environ, address = _place(url)
    password = environ.get("PGPASSWORD") if make_url(url).password else None
    with psycopg.connect(address, password=password) as connection:
        query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        row = connection.execute(query).fetchone()
        return row is not None and row[0] == 0


def restore(url: str, source: Path) -> None:
    """Put a dump into an empty database, all or nothing."""
    words, environ, _ = _place(url)
    done = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", *words, str(source)]
    _run("pg_restore", done, environ)
