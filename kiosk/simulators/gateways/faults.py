"""Mischief on the way: which fault hits which exchange.

Kinds: ``drop_before`` and ``error_before`` (nothing was done), ``drop_after`` and ``error_after`` (done, but the
answer is lost or an error), ``delay`` (seconds), ``bad_signature``, ``foreign_signature``, ``tampered`` and ``stale``
(answers not to be believed).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "drop_before",
    "drop_after",
    "error_before",
    "error_after",
    "delay",
    "bad_signature",
    "foreign_signature",
    "tampered",
    "stale",
)


@dataclass
class Fault:
    """``match`` is the beginning of an exchange's label (``wechat.create``); ``times`` -1 lasts until cleared."""

    kind: str
    match: str = ""
    times: int = 1
    seconds: float = 0.5


class Faults:
    """Ordered faults first, then chance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []
        self._rate = 0.0
        self._kinds: Sequence[str] = KINDS
        self._random = random.Random(0)

    def add(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"unknown fault {fault.kind!r}; known: {', '.join(KINDS)}")
        with self._lock:
            self._queue.append(fault)

    def chaos(self, rate: float, seed: int, kinds: Sequence[str]) -> None:
        """From now on this share of all exchanges goes wrong, at random from ``seed``."""
        if not 0 <= rate <= 1 or not kinds or set(kinds) - set(KINDS):
            raise ValueError("rate is 0 to 1, kinds are known faults")
        with self._lock:
            self._rate, self._kinds, self._random = rate, list(kinds), random.Random(seed)

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()
            self._rate = 0.0

    def take(self, label: str) -> Fault | None:
        """The fault that hits this exchange, if any."""
        with self._lock:
            for fault in self._queue:
                if label.startswith(fault.match):
                    fault.times -= 1
                    if fault.times == 0:
                        self._queue.remove(fault)
                    return fault
            if self._rate and self._random.random() < self._rate:
                return Fault(self._random.choice(self._kinds), seconds=self._random.uniform(0.05, 0.3))
        return None

    def state(self) -> dict[str, object]:
        with self._lock:
            return {"queued": [vars(fault) for fault in self._queue], "rate": self._rate}
