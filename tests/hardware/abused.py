"""A driver that misbehaves on demand, served by the child process tests."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.hardware.errors import PinIncorrect


class Abused:
    def __init__(self, log: str = "") -> None:
        self._log = log

    def __enter__(self) -> Abused:
        return self

    def __exit__(self, *_: object) -> None:
        if self._log:
            Path(self._log).write_text("closed")

    def echo(self, value: object) -> object:
        return value

    def pid(self) -> int:
        return os.getpid()

    def segfault(self) -> None:
        ctypes.string_at(0)

    def leave(self, status: int) -> None:
        os._exit(status)

    def hang(self, mark: str = "") -> None:
        """Hang in C with the interpreter's lock held, as a bad vendor library does."""
        if mark:
            Path(mark).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(60)

    def nap(self, seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()

    def refuse(self) -> None:
        raise PinIncorrect(attempts_left=3)

    def stumble(self) -> None:
        raise ValueError("110101199003070011 must not leave")

    def hoard(self, size: int) -> int:
        return len(bytearray(size))

    def unsendable(self) -> Callable[[], None]:
        return lambda: None


def double(value: int) -> int:
    return value * 2


class NotStarting:
    def __init__(self, path: str) -> None:
        if not Path(path).exists():
            raise PinIncorrect("not_yet", attempts_left=None)

    def hello(self) -> str:
        return "hello"
