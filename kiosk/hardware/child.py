"""A driver in a process of its own: a vendor library that crashes, hangs or leaks costs one request, never the
kiosk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Self

from kiosk.hardware import wire
from kiosk.hardware.errors import DeviceBusy, DeviceCrashed, DeviceFailed, DeviceTimeout

CLOSING = 3.0


class _Running:
    """One living process: its socket, and the pipe whose closing kills it."""

    def __init__(self, name: str, setup: dict[str, Any], timeout: float) -> None:
        self.sock, theirs = socket.socketpair()
        life, self._life = os.pipe()
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "kiosk.hardware.child_process", name, str(theirs.fileno()), str(life)],
                    pass_fds=(theirs.fileno(), life),
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(part or "." for part in sys.path)},
                )
            except BaseException:
                self.sock.close()
                os.close(self._life)
                raise
            finally:
                os.close(life)
        try:
            self._greet(setup, time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def _greet(self, setup: dict[str, Any], until: float) -> None:
        try:
            wire.send(self.sock, setup, until)
            word, value = wire.receive(self.sock, until)
        except TimeoutError:
            raise DeviceTimeout("start_timeout") from None
        except wire.WireClosed:
            raise self.crashed() from None
        if word == "error":
            raise value

    def crashed(self) -> DeviceCrashed:
        """The process's last word: the signal or exit status it died of. It is reaped here."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.kill()
        status = self.process.returncode
        name = signal.Signals(-status).name if status < 0 else None
        return DeviceCrashed(signal=name, status=None if name else status)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.sock.close()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    def close(self) -> None:
        with contextlib.suppress(TimeoutError, wire.WireClosed, subprocess.TimeoutExpired):
            wire.send(self.sock, ("close",), time.monotonic() + 0.5)
            self.process.wait(CLOSING)
        self.kill()


class Child:
    """A lazily started process serving one object; one request at a time, usable from any thread.

    ``factory`` is ``"module:callable"`` (called with ``options``, entered if it is a context manager) or
    ``"module"``, whose functions are then the methods. ``memory_mb`` caps the address space (RLIMIT_AS);
    ``start_timeout`` (s) covers importing; after ``idle_exit`` seconds without a request the process ends, and the
    next request starts another.
    """

    def __init__(
        self,
        name: str,
        factory: str,
        options: dict[str, Any] | None = None,
        memory_mb: int | None = None,
        start_timeout: float = 20,
        idle_exit: float | None = None,
    ) -> None:
        self.name = name
        self._setup = {"factory": factory, "options": options or {}, "memory_mb": memory_mb}
        self._start_timeout = start_timeout
        self._idle_exit = idle_exit
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._used = 0.0
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The living process's id, if there is one."""
        running = self._running
        return running.process.pid if running and running.process.poll() is None else None

    def call(self, method: str, /, *, deadline: float, **kwargs: Any) -> Any:
        """Call ``method`` in the process and return its value.

        ``deadline`` (s) covers waiting for earlier requests (then DeviceBusy: not begun) and the work itself, not the
        start of a new process. Raises DeviceTimeout (killed, outcome unknown), DeviceCrashed (died, outcome unknown),
        and whatever the method raised: the kiosk's errors as they are, others as DeviceFailed with ``kind`` and
        ``where``.
        """
        begin = time.monotonic()
        if not self._lock.acquire(timeout=deadline):
            raise DeviceBusy(device=self.name)
        try:
            waited = time.monotonic() - begin
            return self._call(("call", method, kwargs), deadline - waited)
        finally:
            self._used = time.monotonic()
            self._watch_idleness()
            self._lock.release()

    def close(self) -> None:
        """End the process in good order; a later call starts another."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            self._stop()

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running:
            running.close()

    def _call(self, request: tuple[Any, ...], allowed: float) -> Any:
        try:
            return self._ask(self._ready(), request, time.monotonic() + allowed)
        except wire.WireUnread:  # it died while idle, before it had read the whole request: nothing was begun
            running = self._ready()
        try:
            return self._ask(running, request, time.monotonic() + allowed)
        except wire.WireUnread:
            raise DeviceCrashed(device=self.name) from None

    def _ready(self) -> _Running:
        if self._running and self._running.process.poll() is not None:
            self._running.kill()
            self._running = None
        if self._running is None:
            self._running = _Running(self.name, self._setup, self._start_timeout)
        return self._running

    def _drop(self, running: _Running) -> None:
        self._running = None
        running.kill()

    def _ask(self, running: _Running, request: tuple[Any, ...], until: float) -> Any:
        sent = False
        try:
            wire.send(running.sock, request, until)
            sent = True
            word, value = wire.receive(running.sock, until)
        except TimeoutError:
            self._drop(running)
            raise DeviceTimeout(device=self.name) from None
        except wire.WireClosed as closed:
            self._running = None
            crash = running.crashed()
            if not sent or isinstance(closed, wire.WireUnread):
                raise wire.WireUnread from None
            raise crash from None
        except BaseException:  # an interrupt: the late answer must not be taken for the next one's
            self._drop(running)
            raise
        if word == "done":
            return value
        if isinstance(value, Exception):
            raise value
        raise DeviceFailed("driver_protocol", device=self.name)

    def _watch_idleness(self) -> None:
        if self._idle_exit is None or self._timer is not None or self._running is None:
            return
        self._timer = threading.Timer(max(0.01, self._used + self._idle_exit - time.monotonic()), self._idle)
        self._timer.daemon = True
        self._timer.start()

    def _idle(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return
            self._timer = None
            if self._idle_exit is not None and time.monotonic() - self._used >= self._idle_exit:
                self._stop()
            else:
                self._watch_idleness()
