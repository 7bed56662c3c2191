"""Puts an unpacked backup into a kiosk's home: never over anything, complete before it counts, in a new epoch."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk import config
from kiosk.fleet import dump

STAGING = ".restoring"
MANIFEST = "manifest.json"
FRESH = ("kiosk.toml", "secrets/master.key")
"""What a home holds before its first start: its settings, and a key that has sealed nothing yet."""


class NotEmpty(Exception):
    """The home holds a kiosk, or one is running there."""


def refuse_unless_empty(settings: config.Settings) -> None:
    """:class:`NotEmpty` when anything could be lost in ``settings.home``."""
    if settings.database and settings.role != "centre":
        raise NotEmpty("this kiosk keeps its orders in a database outside its home")
    if settings.database and not dump.is_empty(settings.database):
        raise NotEmpty("the centre's database is not empty; give an empty one")
    home = settings.home
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        if name.parts[0] in ("run", "logs", STAGING) or path.is_dir() or name.as_posix() in FRESH:
            continue
        raise NotEmpty(f"{home} is not empty: {name.as_posix()}; move it away first")
    lock = home / "run" / "worker.lock"
    if lock.exists():
        with lock.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise NotEmpty("a worker is running here; stop the kiosk first") from error


@contextmanager
def staging(home: Path) -> Iterator[Path]:
    """A folder inside the home, on the same disk, gone afterwards."""
    folder = home / STAGING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_back(settings: config.Settings, folder: Path, manifest: dict[str, Any]) -> int:
    """Move everything into place, the orders' database last; returns the new epoch.

    What the kiosk did after the backup is lost here but may be known outside, so its journal goes on in a new epoch and
    never gives a sequence number twice. A key or settings file that is in the way is kept beside the restored one.
    """
    home, epoch = settings.home, int(manifest["epoch"]) + 1
    owner = home.stat()
    text = (folder / "kiosk.toml").read_text("utf-8") if (folder / "kiosk.toml").exists() else ""
    values: dict[str, int | str] = {"epoch": epoch, "kiosk_id": manifest["kiosk"]}
    if settings.database:
        values["database"] = settings.database  # where it was put back to
    _write(home / "kiosk.toml", with_values(text, values).encode(), 0o600)
    _write(settings.master_key, (folder / "secrets" / "master.key").read_bytes(), 0o600)
    settings.run.mkdir(mode=0o700, exist_ok=True)
    names = sorted(manifest["files"], key=lambda name: name == "kiosk.sqlite")
    for name in names:
        if name in FRESH or name == dump.NAME:
            continue
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / name).rename(target)
    if os.geteuid() == 0:
        for path in (home, *home.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.sync()
    return epoch


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write through a symbolic link, as the settings of an installed kiosk are; what was there is kept beside it."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = None
    if path.exists():
        if path.read_bytes() == data:
            return
        found = path.stat()
        owner, mode = (found.st_uid, found.st_gid), found.st_mode & 0o777
        path.rename(path.with_name(path.name + ".before-restore"))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if owner is not None and os.geteuid() == 0:
        os.chown(path, *owner)


def with_values(text: str, values: dict[str, int | str]) -> str:
    """The TOML ``text`` with these top-level keys set; comments and everything else stay."""
    head, table, rest = re.match(r"(?s)(.*?)(^\s*\[|\Z)(.*)", text, re.MULTILINE).groups()  # type: ignore[union-attr]
    for key, value in values.items():
        shown = str(value) if isinstance(value, int) else f'"{value}"'
        line = re.compile(rf"^{key}\s*=\s*[^\s#]+", re.MULTILINE)
        if line.search(head):
            head = line.sub(f"{key} = {shown}", head)
        else:
            head = f"{key} = {shown}\n" + head
    done: str = head + table + rest
    try:
        read = tomllib.loads(done)
    except tomllib.TOMLDecodeError as error:
        raise config.ConfigError(f"the kiosk.toml of the backup: {error}") from error
    if any(read.get(key) != value for key, value in values.items()):
        raise config.ConfigError("the kiosk.toml of the backup could not be changed")
    return done
