"""Tells systemd that a process is ready, alive or stopping (``sd_notify(3)``); without systemd it does nothing."""

from __future__ import annotations

import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable


def notify(*lines: str) -> bool:
    """Send assignments such as ``READY=1`` to the socket named by ``NOTIFY_SOCKET``; False when nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # Linux abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(2)
            sock.sendto("\n".join(lines).encode(), address)
    except OSError:
        return False
    return True


def interval() -> float | None:
    """Seconds between two signs of life, a third of what the unit allows; None when no watchdog waits for us."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        allowed = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return allowed / 3_000_000 if allowed > 0 else None


class Pulse:
    """``WATCHDOG=1`` at the right times, for a loop that turns more often than it has to say so."""

    def __init__(self) -> None:
        self._every = interval()
        self._next = 0.0

    def beat(self, alive: Callable[[], bool]) -> None:
        """Say that all is well, if it is time to and ``alive()`` holds."""
        if self._every is not None and time.monotonic() >= self._next and alive():
            notify("WATCHDOG=1")
            self._next = time.monotonic() + self._every


def answers(address: str, timeout: float) -> bool:
    """Whether a web server answers at all within ``timeout`` seconds; an error page is an answer, silence is not."""
    try:
        with urllib.request.urlopen(address, timeout=timeout):  # noqa: S310 - the process's own http address
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def watch_web(address: str) -> threading.Thread | None:
    """In a thread: ``READY=1`` at the first page served, then a sign of life for every page served in time.

    The page is asked for over the same socket as a visitor's, so a stuck server or a pool of stuck threads stays
    silent and is started again. Returns None, and asks nothing, without systemd.
    """
    if not os.environ.get("NOTIFY_SOCKET"):
        return None

    def watch() -> None:
        while not answers(address, timeout=5):
            time.sleep(0.1)
        notify("READY=1")
        every = interval()
        while every is not None:
            if answers(address, timeout=every):
                notify("WATCHDOG=1")
            time.sleep(every)

    thread = threading.Thread(target=watch, name="systemd", daemon=True)
    thread.start()
    return thread
