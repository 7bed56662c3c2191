"""``python -m kiosk.simulators.ukeys --control PORT --home DIR``: UKeys to put into the kiosk and to pull out again.

The driver talks real PKCS#11 to SoftHSM with ``DIR/softhsm2.conf``; this process only moves tokens in and out. Verbs:
``list``, ``insert {name}``, ``remove {name?}``, ``create {name, label, pin, so_pin, note?}``, ``destroy {name}`` and
``pull_after {name, accesses}``, a hand that pulls in the middle of the work (accesses 0 takes it away).
"""

from __future__ import annotations

import threading
from typing import Any

from kiosk.simulators.control import Control, Refused, arguments, serve
from kiosk.simulators.ukeys_drawer import Drawer
from kiosk.simulators.ukeys_pull import PullAfter
from kiosk.simulators.ukeys_seed import SO_PIN


def text(body: dict[str, Any], key: str, longest: int = 64, default: str | None = None) -> str:
    """A short text of the request; Refused if it is missing, empty, too long or no text."""
    value = body.get(key, default)
    if not isinstance(value, str) or not (value or default == "") or len(value) > longest:
        raise Refused(f"{key} must be a text of 1 to {longest} characters")
    return value


class Desk:
    """The verbs."""

    def __init__(self, drawer: Drawer) -> None:
        self.drawer = drawer
        self._hand: PullAfter | None = None
        self._lock = threading.Lock()

    def state(self) -> dict[str, Any]:
        tokens = self.drawer.tokens()
        return {"tokens": tokens, "inserted": [token["name"] for token in tokens if token["inserted"]]}

    def insert(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.drawer.insert(text(body, "name"))

    def remove(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.drawer.remove(text(body, "name") if body.get("name") else None)

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        pin, so_pin = text(body, "pin", 16), text(body, "so_pin", 16)
        if min(len(pin), len(so_pin)) < 4:
            raise Refused("a PIN has 4 to 16 characters")
        label, note = text(body, "label", 32), text(body, "note", 80, default="")
        return self.drawer.create(text(body, "name"), label, pin, so_pin, note)

    def destroy(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.drawer.destroy(text(body, "name"))

    def pull_after(self, body: dict[str, Any]) -> dict[str, Any]:
        name, accesses = text(body, "name"), body.get("accesses")
        if not isinstance(accesses, int) or not 0 <= accesses <= 100_000:
            raise Refused("accesses must be a number from 0 to 100000")
        with self._lock:
            if self._hand is not None:
                self._hand.cancel()
                self._hand = None
            if accesses:
                folder = self.drawer.folder_in_slot(name)
                self._hand = PullAfter(folder, accesses, lambda: self.drawer.remove(name))
        return {"name": name, "accesses": accesses}


def main() -> None:
    options = arguments("UKeys in a drawer, on SoftHSM").parse_args()
    drawer = Drawer(options.home)
    for token in drawer.tokens():
        if token["inserted"]:
            drawer.insert(token["name"])
    desk = Desk(drawer)
    verbs = {
        "list": lambda _: desk.state(),
        "insert": desk.insert,
        "remove": desk.remove,
        "create": desk.create,
        "destroy": desk.destroy,
        "pull_after": desk.pull_after,
    }
    control = Control(desk.state, verbs, port=options.control)
    try:
        serve(control, {"module": drawer.module, "config": str(drawer.config), "so_pin": SO_PIN})
    finally:
        drawer.close()


if __name__ == "__main__":
    main()
