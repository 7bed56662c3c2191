"""A PostgreSQL cluster of our own: made where there is none, reached through a socket in its folder, stopped with us.

For ``make run-centre``, tests and benchmarks. A centre in service uses the cluster its operator gives it
(``KIOSK_DATABASE=postgresql+psycopg://...``). PostgreSQL refuses to run as root; root starts it as the user
``postgres`` of the Debian package, and the folder must then be one that this user can reach.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

USER = "kiosk"
READY = 60.0  # seconds a cluster may take to accept connections
SWIFT = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests only: a cluster that is thrown away needs no durability."""


class NoPostgres(Exception):
    """PostgreSQL is not installed, or did not start; the message says what to do."""


def binaries() -> Path:
    """The newest installed server's programs (Debian keeps each version in its own folder)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        raise NoPostgres("PostgreSQL is not installed; run deploy/install-packages centre")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def lasting_folder(home: Path) -> Path:
    """Where the cluster of the centre in ``home`` lives: in it, or for root where ``postgres`` may go."""
    if os.geteuid() != 0:
        return home / "postgres"
    mark = hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:12]
    return Path(pwd.getpwnam("postgres").pw_dir) / f"ca-kiosk-{mark}"


class Cluster:
    """One cluster in ``folder``; a context manager that starts and stops it. No port is opened."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.settings = folder, dict(settings or {})
        self.data = folder / "data"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str) -> str:
        """SQLAlchemy's address of one database."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    # -- life -------------------------------------------------------------------------------------

    @staticmethod
    def _as_user(command: list[str]) -> list[str]:
        return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command

    def _make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        command = [str(binaries() / "initdb"), "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8"]
        # "trust": only those who may open the folder reach the socket
        command += ["--locale=C.UTF-8", "--no-instructions"] + (["--no-sync"] if self.settings == SWIFT else [])
        done = subprocess.run(self._as_user(command), capture_output=True, text=True, cwd="/", check=False, timeout=120)
        if done.returncode:
            raise NoPostgres(f"initdb failed: {done.stderr[-500:]}")

    def start(self) -> None:
        """Make the cluster where there is none, start it, wait until it answers. Raises :class:`NoPostgres`."""
        if not (self.data / "PG_VERSION").exists():
            self._make()
        command = [str(binaries() / "postgres"), "-D", str(self.data), "-k", str(self.folder), "-h", ""]
        for name, value in {"max_connections": "100", **self.settings}.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._as_user(command), stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        until = time.monotonic() + READY
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise NoPostgres(f"PostgreSQL did not start; see {self.folder / 'server.log'}") from error
                time.sleep(0.05)

    def pid(self) -> int | None:
        """The server's own process (it may run under another user's shell)."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions and writes everything down; SIGQUIT leaves it to the next start."""
        pid, process = self.pid(), self.process
        if process is None or process.poll() is not None:
            return
        os.kill(pid if pid is not None else process.pid, how)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)

    # -- databases --------------------------------------------------------------------------------

    def make(self, database: str, template: str = "template0") -> str:
        """Create a database where there is none; returns its address."""
        with self.connect() as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, (database,)).fetchone() is None:
                names = sql.Identifier(database), sql.Identifier(template)
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url(database)
