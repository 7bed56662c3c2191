"""A hand that pulls the UKey in the middle of the work: after so many accesses to the token's files (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_IN_MODIFY, _IN_OPEN, _IN_CREATE = 0x2, 0x20, 0x100
_EVENT: Final = struct.Struct("iIII")


def inotify(folder: Path, mask: int) -> int:
    """A descriptor that tells of events in ``folder``, wherever it is renamed to; OSError if that cannot be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, bytes(folder), mask) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return descriptor


class PullAfter:
    """Call ``pull`` once ``folder`` has seen ``count`` accesses (a file opened, written or made), or never.

    From outside and without a pact with the library, so the exact place differs from run to run, as with a real hand.
    """

    def __init__(self, folder: Path, count: int, pull: Callable[[], object]) -> None:
        self._left = count
        self._pull = pull
        self._watch = inotify(folder, _IN_MODIFY | _IN_OPEN | _IN_CREATE)
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Take the hand away."""
        os.close(self._stopper)
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._left > 0:
                ready, _, _ = select.select([self._watch, self._stop], [], [])
                if self._stop in ready:
                    return
                self._left -= _events(os.read(self._watch, 65536))
            self._pull()
        finally:
            os.close(self._watch)
            os.close(self._stop)


def _events(raw: bytes) -> int:
    count = place = 0
    while place < len(raw):
        place += _EVENT.size + _EVENT.unpack_from(raw, place)[3]
        count += 1
    return count
