"""A drawer full of UKeys and the slot they are put into.

Each UKey is a SoftHSM token folder. ``DIR/drawer/NAME/`` holds it while it is out, with ``token.json`` about it;
inserting renames the folder into ``DIR/slot/``, which is all that SoftHSM looks at (``DIR/softhsm2.conf``), and pulling
renames it back, whatever is going on with it: the files of a SoftHSM token are opened by path, so what comes too late
finds nothing. Where a UKey is, is read from the disk each time; a killed simulator forgets nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path
from typing import Any

from kiosk.hardware.child import Child
from kiosk.simulators.control import Refused
from kiosk.simulators.ukeys_guard import GOOD, Guard, mend
from kiosk.simulators.ukeys_maker import configuration, softhsm_module

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\Z")
PATIENCE = 30.0


class Drawer:
    """The drawer in ``home``; safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.module = softhsm_module()
        self.slot = self.home / "slot"
        self._drawer = self.home / "drawer"
        self._making = self.home / "making"
        for folder in (self.slot, self._drawer, self._making):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.config = configuration(self.home / "softhsm2.conf", self.slot)
        self.making_config = configuration(self.home / "making.conf", self._making)
        self._lock = threading.Lock()
        self._guards: dict[str, Guard] = {}
        for token in self.tokens():
            self._mend(token["name"], token["folder"])

    def tokens(self) -> list[dict[str, Any]]:
        """All UKeys: what ``token.json`` says of each, its name and whether it is inserted."""
        found = []
        for folder in sorted(self._drawer.iterdir()):
            about = self._about(folder.name)
            found.append({**about, "name": folder.name, "inserted": (self.slot / about["folder"]).is_dir()})
        return found

    def create(self, name: str, label: str, pin: str, so_pin: str, note: str = "") -> dict[str, Any]:
        """Make a blank UKey with its factory PIN and put it into the drawer."""
        with self._lock:
            self._new(name)
            self._clear()
            with Child("ukey-maker", "kiosk.simulators.ukeys_maker:TokenMaker", self.maker_options()) as maker:
                serial = maker.call("make", deadline=PATIENCE, label=label, pin=pin, so_pin=so_pin)
            return self._keep(name, serial, {"label": label, "pin": pin, "so_pin": so_pin, "note": note})

    def maker_options(self) -> dict[str, str]:
        """Options of a TokenMaker, and of a UKeyReader that works on the token in the making."""
        return {"module": self.module, "config": str(self.making_config)}

    def keep(self, name: str, serial: str, about: dict[str, Any]) -> dict[str, Any]:
        """Move the finished token ``serial`` from the making into the drawer as ``name``."""
        with self._lock:
            self._new(name)
            return self._keep(name, serial, about)

    def clear_making(self) -> None:
        """Throw away what an interrupted run left unfinished."""
        with self._lock:
            self._clear()

    def insert(self, name: str) -> dict[str, Any]:
        """Put ``name`` into the slot. Others may be in already, as in life."""
        with self._lock:
            about = self._about(name)
            if not (self.slot / about["folder"]).is_dir():
                (self._drawer / name / about["folder"]).rename(self.slot / about["folder"])
            self._watch(name, about["folder"])
        return {"inserted": name, "serial": about["serial"]}

    def remove(self, name: str | None = None) -> dict[str, Any]:
        """Pull ``name``, or all."""
        pulled = []
        with self._lock:
            for token in self.tokens():
                if token["inserted"] and name in (None, token["name"]):
                    (self.slot / token["folder"]).rename(self._drawer / token["name"] / token["folder"])
                    pulled.append(token["name"])
            if name is not None:
                self._about(name)
        return {"removed": pulled}

    def destroy(self, name: str) -> dict[str, Any]:
        """Break the UKey for good, wherever it is."""
        with self._lock:
            about = self._about(name)
            if name in self._guards:
                self._guards.pop(name).stop()
            shutil.rmtree(self.slot / about["folder"], ignore_errors=True)
            shutil.rmtree(self._drawer / name)
        return {"destroyed": name}

    def folder_in_slot(self, name: str) -> Path:
        """The token folder of the inserted ``name``."""
        folder = self.slot / str(self._about(name)["folder"])
        if not folder.is_dir():
            raise Refused(f"{name} is not inserted")
        return folder

    def _about(self, name: str) -> dict[str, Any]:
        path = self._drawer / name / "token.json" if NAME.match(name) else None
        if path is None or not path.is_file():
            raise Refused("no UKey of that name")
        about: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return about

    def close(self) -> None:
        """Let go of the UKeys; they stay where they are."""
        with self._lock:
            while self._guards:
                self._guards.popitem()[1].stop()

    def _watch(self, name: str, folder: str) -> None:
        """From the first insertion on the UKey is kept whole."""
        self._mend(name, folder)
        if name not in self._guards:
            self._guards[name] = Guard(self.slot / folder, lambda: self._mend(name, folder))

    def _mend(self, name: str, folder: str) -> None:
        home = self._drawer / name
        place = self.slot / folder if (self.slot / folder).is_dir() else home / folder
        mend(place, home / GOOD)

    def _clear(self) -> None:
        for folder in self._making.iterdir():
            shutil.rmtree(folder)

    def _new(self, name: str) -> None:
        if not NAME.match(name):
            raise Refused("a name is small letters, digits, - and _")
        if (self._drawer / name / "token.json").exists():
            raise Refused(f"there is a UKey called {name} already")

    def _keep(self, name: str, serial: str, about: dict[str, Any]) -> dict[str, Any]:
        """SoftHSM names a token's folder after a UUID whose last 16 hexadecimal digits are the serial number."""
        (made,) = [path for path in self._making.iterdir() if path.name.replace("-", "").endswith(serial)]
        folder = self._drawer / name
        folder.mkdir(mode=0o700, exist_ok=True)
        made.rename(folder / made.name)
        about = {"serial": serial, "folder": made.name, **about}
        path = folder / "token.json"
        path.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        path.chmod(0o600)
        return {**about, "name": name, "inserted": False}
