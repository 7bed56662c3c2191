"""The inside of a driver's process: ``python -m kiosk.hardware.child_process NAME SOCKET_FD LIFE_FD``, started by
Child only.

First message in: ``{"factory", "options", "memory_mb"}``. Then ``("call", method, keywords)`` answered by ``("done",
value)`` or ``("error", exception)``; ``("close",)`` or the end of the stream closes the driver and ends the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import logging
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from kiosk.hardware import wire
from kiosk.hardware.errors import DeviceError, DeviceFailed

log = logging.getLogger("kiosk.hardware.child")


class Served:
    """The object a factory makes, entered when first needed and made again after a failed start."""

    def __init__(self, factory: str, options: dict[str, Any]) -> None:
        module, _, name = factory.partition(":")
        target: Any = importlib.import_module(module)
        for part in name.split(".") if name else []:
            target = getattr(target, part)
        self._make: Callable[[], Any] = (lambda: target(**options)) if name else (lambda: target)
        self._object: Any = None
        self._stack = contextlib.ExitStack()

    def call(self, method: str, keywords: dict[str, Any]) -> Any:
        if self._object is None:
            made = self._make()
            self._object = self._stack.enter_context(made) if hasattr(made, "__enter__") else made
        return getattr(self._object, method)(**keywords)

    def close(self) -> None:
        self._stack.close()


def _die_with_parent(life: int) -> None:
    """Let the kernel kill this process when the parent's end of the pipe closes, even while a library holds the
    interpreter.

    ``PR_SET_PDEATHSIG`` would not do: it fires when the parent's *thread* that started the child ends (prctl(2)).
    """
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        if os.read(life, 1) == b"":  # the parent was gone before the signal was armed
            os._exit(1)


def _limit(memory_mb: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold PINs and faces
    if memory_mb is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"  # noqa: PTH119


def portable(error: Exception) -> Exception:
    """The error as the worker shall see it: the kiosk's own kinds as they are, anything else as DeviceFailed.

    The text of a foreign error may quote what was being read, so only its kind and place are kept.
    """
    if type(error).__module__.partition(".")[0] not in {"builtins", "_thread"} or isinstance(error, DeviceError):
        with contextlib.suppress(Exception):
            if type(pickle.loads(pickle.dumps(error))) is type(error):  # noqa: S301
                return error
    code = "out_of_memory" if isinstance(error, MemoryError) else "driver_error"
    log.error("%s: %s at %s", code, type(error).__name__, _where(error))
    return DeviceFailed(code, kind=type(error).__name__, where=_where(error))


def _answer(served: Served, method: str, keywords: dict[str, Any]) -> tuple[str, Any]:
    try:
        return "done", served.call(method, keywords)
    except Exception as error:
        return "error", portable(error)


def serve(sock: socket.socket) -> None:
    """Answer requests until told to close or the parent is gone."""
    setup = wire.receive(sock)
    _limit(setup["memory_mb"])
    try:
        served = Served(setup["factory"], setup["options"])
    except Exception as error:
        log.error("cannot load %s: %s at %s", setup["factory"], type(error).__name__, _where(error))
        wire.send(sock, ("error", DeviceFailed("driver_not_loadable", kind=type(error).__name__, where=_where(error))))
        return
    wire.send(sock, ("ready", os.getpid()))
    try:
        while (request := wire.receive(sock))[0] == "call":
            reply = _answer(served, request[1], request[2])
            try:
                wire.send(sock, reply)
            except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
                wire.send(sock, ("error", portable(error)))
    finally:
        served.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    logging.basicConfig(format=f"%(asctime)s {sys.argv[1]} %(levelname)s %(message)s")
    _die_with_parent(int(sys.argv[3]))
    with socket.socket(fileno=int(sys.argv[2])) as sock, contextlib.suppress(wire.WireClosed):
        serve(sock)


if __name__ == "__main__":
    main()
