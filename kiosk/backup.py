"""Backup of a kiosk or of the centre: one file, sealed by a passphrase, made while it runs.

Order matters. The orders' database is copied first, the CA's ledger after it, sealed files last: the ledger may then
know a certificate of which the order does not know yet (the restored worker asks for it), never the other way round;
and files are written before the row that names them. What is left out is not the kiosk's: ``run``, ``logs``, and
``sim``, the simulated outside world.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import click

from kiosk import config, restore
from kiosk.fleet import dump
from kiosk.sealed_stream import Reader, SealedStreamError, Writer

LEFT_OUT = ("run", "logs", "sim", restore.STAGING)
MASTER_KEY = "secrets/master.key"
SQLITE = b"SQLite format 3\0"
SHORTEST = 12


class BackupError(Exception):
    """The backup cannot be made, read or put back; the message is for the operator."""


class _Digest(io.RawIOBase):
    """Reads through to ``source`` and hashes on the way."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.hash = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.source.read(size)
        self.hash.update(data)
        return data


# -- making ------------------------------------------------------------------------------------------


def _members(settings: config.Settings) -> Iterator[tuple[str, Path]]:
    """(name in the backup, path) of everything that is kept, databases first."""
    home = settings.home
    found = []
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        if name.parts[0] in LEFT_OUT or name.suffix in (".part", ".lock") or name.name == ".lock":
            continue
        if path.is_file() and not path.name.endswith(("-wal", "-shm", "-journal")) and str(name) != MASTER_KEY:
            found.append((name.as_posix(), path))
    found.sort(key=lambda entry: (entry[0] != "kiosk.sqlite", not _is_database(entry[1])))
    yield from found
    yield MASTER_KEY, settings.master_key


def _all_members(settings: config.Settings, scratch: Path) -> Iterator[tuple[str, Path]]:
    """The same, with the centre's database dumped before the files it names are read."""
    if settings.database:
        target = scratch / dump.NAME
        dump.dump(settings.database, target)
        yield dump.NAME, target
        target.unlink()
    yield from _members(settings)


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except FileNotFoundError:
        return False


@contextmanager
def _still(path: Path, scratch: Path) -> Iterator[IO[bytes]]:
    """The file's bytes at one moment: a database through SQLite's online backup, others as they are."""
    if not _is_database(path):
        with path.open("rb") as file:
            yield file
        return
    copy = scratch / "copy.sqlite"
    with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    try:
        with copy.open("rb") as file:
            yield file
    finally:
        copy.unlink()


def create(settings: config.Settings, target: Path, passphrase: str) -> dict[str, Any]:
    """Write the backup and read it back; returns its manifest. Raises :class:`BackupError`."""
    if settings.database and settings.role != "centre":
        raise BackupError("this kiosk keeps its orders in a database outside its home; back that database up instead")
    if not settings.database and not (settings.home / "kiosk.sqlite").is_file():
        raise BackupError(f"there is no kiosk in {settings.home}")
    if target.exists():
        raise BackupError(f"{target} exists already")
    settings.run.mkdir(mode=0o700, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            writer = Writer(out, passphrase)
            _write(settings, writer)
            writer.finish()
            out.flush()
            os.fsync(out.fileno())
        manifest = check(part, passphrase)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _write(settings: config.Settings, writer: Writer) -> None:
    entries: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="backup-", dir=settings.run) as scratch,
        tarfile.open(fileobj=cast(IO[bytes], writer), mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in _all_members(settings, Path(scratch)):
            try:
                with _still(path, Path(scratch)) as file:
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = os.fstat(file.fileno()).st_size, path.stat().st_mode & 0o777
                    through = _Digest(file)
                    tar.addfile(info, cast(IO[bytes], through))
            except FileNotFoundError:
                if name.startswith("files/"):
                    continue  # an order was shredded in this moment
                raise
            entries[name] = {"size": info.size, "sha256": through.hash.hexdigest()}
        manifest = {
            "kiosk": settings.kiosk_id,
            "epoch": settings.epoch,
            "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "files": entries,
        }
        text = json.dumps(manifest).encode()
        info = tarfile.TarInfo(restore.MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))


# -- reading -----------------------------------------------------------------------------------------


def unpack(source: Path, passphrase: str, folder: Path, only_databases: bool = False) -> dict[str, Any]:
    """Unpack into ``folder`` and compare with the manifest, which is returned. Raises :class:`BackupError`."""
    seen: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with source.open("rb") as sealed:
            reader = Reader(sealed, passphrase)
            with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|") as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isreg() else None
                    if file is None or not _safe(member.name):
                        raise BackupError(f"unexpected entry {member.name!r}")
                    if member.name == restore.MANIFEST:
                        manifest = json.loads(file.read())
                    else:
                        seen[member.name] = _take(member, file, folder, only_databases)
            reader.finish()
    except SealedStreamError as error:
        raise BackupError(error.code) from error
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise BackupError(f"damaged: {error}") from error
    if manifest is None or manifest.get("files") != seen:
        raise BackupError("damaged: the files are not those of the manifest")
    return manifest


def _safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _take(member: tarfile.TarInfo, file: IO[bytes], folder: Path, only_databases: bool) -> dict[str, Any]:
    """Hash a member and, where wanted, write it."""
    through = _Digest(file)
    first = through.read(1024 * 1024)
    if only_databases and not first.startswith((SQLITE, dump.MAGIC)):
        while through.read(1024 * 1024):
            pass
    else:
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            block = first
            while block:
                out.write(block)
                block = through.read(1024 * 1024)
            out.flush()
            os.fsync(out.fileno())
        target.chmod(member.mode & 0o777)
    return {"size": member.size, "sha256": through.hash.hexdigest()}


def check(source: Path, passphrase: str) -> dict[str, Any]:
    """Read a backup to its end, compare every file with the manifest and look into the databases."""
    with tempfile.TemporaryDirectory(prefix="backup-check-") as scratch:
        manifest = unpack(source, passphrase, Path(scratch), only_databases=True)
        sound(Path(scratch))
    return manifest


def sound(folder: Path) -> None:
    """Every database below ``folder`` passes SQLite's own check."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _is_database(path):
            with closing(sqlite3.connect(path)) as database:
                verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise BackupError(f"damaged: {path.relative_to(folder)}: {verdict}")
        elif path.name == dump.NAME:
            dump.check(path)


# -- command line ------------------------------------------------------------------------------------


def _passphrase(file: Path | None, confirm: bool) -> str:
    if file is None:
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    else:
        text = file.read_text("utf-8").strip("\r\n")
    if confirm and len(text) < SHORTEST:
        raise click.ClickException(f"the passphrase needs {SHORTEST} characters at least")
    return str(text)


def _told(verb: str, manifest: dict[str, Any]) -> str:
    size = sum(entry["size"] for entry in manifest["files"].values())
    of = f"{manifest['kiosk']}/{manifest['epoch']} of {manifest['made_at']}"
    return f"{verb}: {of}, {len(manifest['files'])} files, {size / 1e6:.1f} MB"


FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
PASSPHRASE = click.option(
    "--passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="instead of asking for it"
)


@click.group()
def backup() -> None:
    """Backup of a kiosk or of the centre: one sealed file."""


@backup.command("create")
@FILE
@PASSPHRASE
def create_command(file: Path, passphrase_file: Path | None) -> None:
    """Write FILE and read it back. The kiosk may go on working meanwhile."""
    settings = config.load()
    with _said():
        click.echo(_told("made and checked", create(settings, file, _passphrase(passphrase_file, confirm=True))))
    for path in (settings.merchant, settings.sms.secret, settings.catalogue_folder):
        if path and settings.home not in Path(path).absolute().parents:
            click.echo(f"not in it, because it lies outside the kiosk's home: {path}", err=True)


@backup.command("check")
@FILE
@PASSPHRASE
def check_command(file: Path, passphrase_file: Path | None) -> None:
    """Read FILE to its end and compare everything with its manifest, without putting anything back."""
    with _said():
        click.echo(_told("whole", check(file, _passphrase(passphrase_file, confirm=False))))


@backup.command("restore")
@FILE
@PASSPHRASE
def restore_command(file: Path, passphrase_file: Path | None) -> None:
    """Put FILE back into an empty home. The kiosk must be stopped."""
    settings = config.load()
    with _said():
        restore.refuse_unless_empty(settings)
        passphrase = _passphrase(passphrase_file, confirm=False)
        with restore.staging(settings.home) as folder:
            manifest = unpack(file, passphrase, folder)
            sound(folder)
            if (folder / dump.NAME).exists():
                dump.restore(settings.database, folder / dump.NAME)
            epoch = restore.put_back(settings, folder, manifest)
    click.echo(_told("put back", manifest))
    click.echo(f"the kiosk goes on as {manifest['kiosk']}/{epoch}")


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (BackupError, dump.DumpError, restore.NotEmpty, config.ConfigError, OSError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sys.exit(backup())
