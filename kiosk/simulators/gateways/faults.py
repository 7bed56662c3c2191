"""Mischief on the way: which fault hits which exchange.

Kinds: ``drop_before`` and ``error_before`` (nothing was done), ``drop_after`` and ``error_after`` (done, but the
answer is lost or an error), ``delay`` (seconds), ``bad_signature``, ``foreign_signature``, ``tampered`` and ``stale``
(answers not to be believed).
"""

from __future__ import annotations

import random
import threading
from collections import Counter
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
    """Ordered faults first, then chance: the n-th exchange of a kind meets the same fault in every run of a seed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []
        self._rate = 0.0
        self._kinds: Sequence[str] = KINDS
        self._seed = 0
        self._seen: Counter[str] = Counter()
        self._hit: Counter[str] = Counter()

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
            self._rate, self._kinds, self._seed = rate, list(kinds), seed
            self._seen.clear()

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()
            self._rate = 0.0

    def take(self, label: str) -> Fault | None:
        """The fault that hits this exchange, if any."""
        with self._lock:
            fault = self._ordered(label) or self._chance(label)
            if fault is not None:
                self._hit[fault.kind] += 1
            return fault

    def _ordered(self, label: str) -> Fault | None:
        for fault in self._queue:
            if label.startswith(fault.match):
                fault.times -= 1
                if fault.times == 0:
                    self._queue.remove(fault)
                return fault
        return None

    def _chance(self, label: str) -> Fault | None:
        self._seen[label] += 1
        dice = random.Random(f"{self._seed}:{label}:{self._seen[label]}")
        if dice.random() >= self._rate:
            return None
        return Fault(dice.choice(self._kinds), seconds=dice.uniform(0.05, 0.3))

    def state(self) -> dict[str, object]:
        """``queued``, ``rate``, and how often each kind has ``hit`` since the start."""
        with self._lock:
            queued = [vars(fault) for fault in self._queue]
            return {"queued": queued, "rate": self._rate, "hit": dict(self._hit)}
