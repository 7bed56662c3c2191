"""What the channels of both gateways share: connections that are given back, and one question that tells whether the
gateway is there, is believed, and has the same time.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kiosk.payments.channel import GatewayError, GatewayRefused, Probe
from kiosk.payments.http import Http, HttpReply

PROBE_NUMBER = "PROBE00000000"
"""A trade number that no kiosk makes."""


class Gateway(ABC):
    """Thread-safe; a context manager that gives its connections back."""

    def __init__(self, http: Http, now: Callable[[], float] = time.time) -> None:
        self._http, self._now = http, now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close_connection()

    def close_connection(self) -> None:
        """Give the connections back."""
        self._http.close()

    @abstractmethod
    def _ask_nothing(self) -> HttpReply:
        """One signed question about :data:`PROBE_NUMBER`. Raises any GatewayError."""

    @abstractmethod
    def _believe(self, reply: HttpReply) -> None:
        """Raise GatewayError unless the answer is the gateway's own; a refusal is an answer."""

    def probe(self) -> Probe:
        """Do both sides still trust each other, and each other's clock? Never raises."""
        started = self._now()
        try:
            reply = self._ask_nothing()
        except GatewayError as error:
            return Probe(False, None, error.code)
        moment = reply.moment
        skew = None if moment is None else round(moment + 0.5 - (started + self._now()) / 2, 1)
        try:
            self._believe(reply)
        except GatewayRefused:
            return Probe(True, skew)
        except GatewayError as error:
            return Probe(False, skew, error.code)
        return Probe(True, skew)

    def clock_skew(self) -> float | None:
        """Seconds the gateway's clock is ahead of ours (its ``Date`` header, half a second exact); None when
        unknown.
        """
        return self.probe().skew_seconds

    def reachable(self) -> bool:
        """Does the gateway answer, signed by a key we trust?"""
        return self.probe().reachable
