"""A serial port made of a pseudo terminal: the far end belongs to a simulator, the near end has a lasting name."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.simulators.control import Verb


class SerialLine(ABC):
    """Plugged from the start. Unplugging closes it, plugging makes another one under the same symbolic link.

    A subclass says in :meth:`heard` what happens to the bytes that come in, and in :meth:`quiet` what it wants to say
    by itself when none come; both write to ``master``.
    """

    TICK = 0.05  # seconds between two looks at a silent line

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = self.slave = -1
        self._pulled, self._thread = threading.Event(), threading.Thread()
        self.plug()

    @property
    def plugged(self) -> bool:
        return self.master >= 0

    def plug(self) -> None:
        if self.plugged:
            return
        master, self.slave = os.openpty()
        tty.setraw(self.slave)
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self.slave))
        fresh.replace(self.link)
        self.master, self._pulled = master, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(master, self._pulled), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        if not self.plugged:
            return
        master, self.master = self.master, -1
        self.link.unlink(missing_ok=True)
        self._pulled.set()
        self._thread.join(1)  # else the next line may get this one's number while it is still being read
        os.close(self.slave)
        os.close(master)

    def verbs(self) -> dict[str, Verb]:
        """``plug`` and ``unplug`` for the control port; both answer the state."""

        def told(act: Callable[[], None]) -> Verb:
            def verb(_: dict[str, Any]) -> dict[str, Any]:
                act()
                return self.state()

            return verb

        return {"plug": told(self.plug), "unplug": told(self.unplug)}

    def state(self) -> dict[str, Any]:
        return {"plugged": self.plugged, "port": str(self.link)}

    @abstractmethod
    def heard(self, master: int, held: bytes) -> bytes:
        """Answer the whole frames in ``held``; what is left waits for more."""

    def quiet(self, master: int) -> None:  # noqa: B027 - most lines have nothing to say of their own accord
        """Nothing came for a moment."""

    def _run(self, master: int, pulled: threading.Event) -> None:
        held = b""
        with contextlib.suppress(OSError, ValueError):
            while not pulled.is_set():
                if select.select([master], [], [], self.TICK)[0]:
                    held = self.heard(master, held + os.read(master, 4096))
                else:
                    self.quiet(master)
