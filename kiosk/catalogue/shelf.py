"""The catalogue in force, and the versions orders were begun with.

The operator's folder lies over the shipped schemes. :meth:`Shelf.publish` puts one file into it, keeps a copy of the
folder as it was and as it is under ``versions/<version>/``, and touches ``published``: every process that holds a shelf
on the folder takes the new version up at its next look.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.loader import SHIPPED, Catalogue, load
from kiosk.catalogue.models import Scheme

log = logging.getLogger("kiosk.catalogue")
STAMP = "published"
LOOK = 1.0  # seconds between two looks at the stamp


class Shelf(Catalogue):
    """A :class:`Catalogue` that renews itself; ``of`` gives the one an order was begun with."""

    def __init__(self, folder: Path) -> None:
        state = self.__dict__
        state["folder"], state["lock"] = folder, threading.Lock()
        state["known"], state["looked"], state["older"] = "", 0.0, {}
        state["now"] = load(folder if folder.is_dir() else None)
        state["known"] = self._stamp()

    @property
    def schemes(self) -> Mapping[str, Scheme]:
        return self.current().schemes

    @property
    def version(self) -> str:
        return self.current().version

    def _stamp(self) -> str:
        folder: Path = self.__dict__["folder"]
        try:
            return str((folder / STAMP).stat().st_mtime_ns)
        except OSError:
            return ""

    def current(self) -> Catalogue:
        """The catalogue in force; a folder that cannot be read leaves the last good one in force."""
        state = self.__dict__
        if time.monotonic() - state["looked"] > LOOK:
            with state["lock"]:
                state["looked"], stamp = time.monotonic(), self._stamp()
                if stamp != state["known"]:
                    state["known"] = stamp
                    try:
                        state["now"] = load(state["folder"])
                    except CatalogueError:
                        log.exception("the operator's catalogue cannot be read; the last good one stays in force")
        found: Catalogue = state["now"]
        return found

    def of(self, version: str) -> Catalogue:
        """The catalogue of that version where it was kept; else the one in force."""
        now = self.current()
        if version == now.version:
            return now
        state = self.__dict__
        kept: Path = state["folder"] / "versions" / version
        if version not in state["older"] and version.isalnum() and kept.is_dir():
            state["older"][version] = load(kept)
        found: Catalogue = state["older"].get(version, now)
        return found

    # -- publishing -------------------------------------------------------------------------------

    def text(self, file: str) -> str:
        """What a file says now: the operator's, else the shipped one."""
        for folder in (self.__dict__["folder"], SHIPPED / "schemes", SHIPPED):
            if (folder / file).is_file():
                found: str = (folder / file).read_text("utf-8")
                return found
        raise CatalogueError(file, "", "没有这个文件 (no such file)")

    def own_files(self) -> dict[str, str]:
        """Name and text of every file of the operator."""
        folder: Path = self.__dict__["folder"]
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in _own(folder)}

    def adopt(self, files: Mapping[str, str]) -> str:
        """Put the operator's files of another place into force, all together; returns the version they make.

        Raises :class:`CatalogueError` and changes nothing when they do not make a catalogue.
        """
        folder: Path = self.__dict__["folder"]
        for name in files:
            _checked(name)
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in files.items():
                _write(Path(scratch) / name, content)
            new, old = load(Path(scratch)).version, self.current().version
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._keep(folder, old)
            self._keep(Path(scratch), new)
            for path in _own(folder):
                if str(path.relative_to(folder)) not in files:
                    path.unlink()
            _copy(Path(scratch), folder)
        _write(folder / STAMP, new)
        self.__dict__["looked"] = 0.0
        return new

    def tried(self, file: str, content: str) -> Catalogue:
        """The catalogue as it would be with that file. Raises :class:`CatalogueError` for what is wrong in it."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _copy(self.__dict__["folder"], folder)
            _write(folder / _checked(file), content)
            return load(folder)

    def publish(self, file: str, content: str) -> str:
        """Put the file into force; returns the new version."""
        folder: Path = self.__dict__["folder"]
        new, old = self.tried(file, content).version, self.current().version
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._keep(folder, old)
        _write(folder / _checked(file), content)
        self._keep(folder, new)
        _write(folder / STAMP, new)
        self.__dict__["looked"] = 0.0
        return new

    def _keep(self, source: Path, version: str) -> None:
        """A copy of the operator's files under their version, with its name in it: a version of shipped files alone has
        no file else, and empty folders are in no backup.
        """
        target: Path = self.__dict__["folder"] / "versions" / version
        _copy(source, target)
        _write(target / "version", version)


def _checked(file: str) -> str:
    folder, _, name = file.rpartition("/")
    stem, dot, kind = name.rpartition(".")
    fits = (folder, kind) in (("", "toml"), ("schemes", "toml"), ("agreements", "md"))
    if not (fits and dot and stem.replace("_", "").isalnum() and stem.isascii()):
        raise CatalogueError(file, "", "不是办理方案的文件 (not a file of the catalogue)")
    return file


def _own(folder: Path) -> list[Path]:
    return [*folder.glob("*.toml"), *folder.glob("agreements/*.md"), *folder.glob("schemes/*.toml")]


def _copy(source: Path, target: Path) -> None:
    """The operator's own files, without the versions."""
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in _own(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
