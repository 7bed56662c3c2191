"""Keeps a SoftHSM token as whole as a chip keeps itself.

SoftHSM 2.6 rewrites ``token.object`` in place at every login: truncated first, written a moment later. A driver killed
in between would leave a UKey that no longer exists, which no real UKey does. So each good state is copied beside
``token.json``, and an empty file is filled again from there as soon as its writer is gone (it holds an fcntl lock).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiosk.simulators.ukeys_pull import inotify

_IN_CLOSE_WRITE: Final = 0x8
FILE: Final = "token.object"
GOOD: Final = "token.object.good"


def mend(token: Path, good: Path) -> bool:
    """Copy a whole ``token.object`` in ``token`` to ``good``, or fill an empty one from there; True if it was mended.

    The file is far smaller than a buffer, so its one write makes it whole at once: it is empty or good.
    """
    with contextlib.suppress(FileNotFoundError), (token / FILE).open("rb") as stream:
        fcntl.lockf(stream, fcntl.LOCK_SH)
        content = stream.read()
        if content:
            if not good.exists() or good.read_bytes() != content:
                fresh = good.with_suffix(".new")
                fresh.touch(mode=0o600)
                fresh.write_bytes(content)
                fresh.replace(good)
            return False
    if not good.exists():
        return False
    with contextlib.suppress(FileNotFoundError), (token / FILE).open("r+b") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        if not stream.read():
            stream.write(good.read_bytes())
            return True
    return False


class Guard:
    """Calls ``check`` each time a file in ``folder`` was closed after writing, until it is stopped."""

    def __init__(self, folder: Path, check: Callable[[], object]) -> None:
        self._watch = inotify(folder, _IN_CLOSE_WRITE)
        self._check = check
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        os.close(self._stopper)
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                ready, _, _ = select.select([self._watch, self._stop], [], [])
                if self._stop in ready:
                    return
                os.read(self._watch, 65536)
                self._check()
        finally:
            os.close(self._watch)
            os.close(self._stop)
