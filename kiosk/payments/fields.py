"""Typed access to what a gateway sent: JSON is parsed within limits and every field is checked before it is used."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from kiosk.payments.channel import GatewayUntrusted, fen, parse_beijing

MAX_FEN = 100_000_000_000
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class Fields:
    """A JSON object from outside. Every getter raises ``GatewayUntrusted("malformed_reply")`` naming the field,
    never its value.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    @classmethod
    def parse(cls, raw: bytes) -> Fields:
        """Read one JSON object. Duplicate keys are refused: two readers could disagree about them."""
        try:
            values = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise GatewayUntrusted("malformed_reply", "not JSON") from error
        if not isinstance(values, dict):
            raise GatewayUntrusted("malformed_reply", "not an object")
        return cls(values)

    def has(self, key: str) -> bool:
        """Is the field there, and neither null nor empty?"""
        return self._values.get(key) not in (None, "")

    def text(self, key: str, limit: int = 128) -> str:
        """A string of 1 to ``limit`` printable characters."""
        value = self._values.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= limit or not value.isprintable():
            raise GatewayUntrusted("malformed_reply", key)
        return value

    def optional(self, key: str, limit: int = 128) -> str | None:
        """Like :meth:`text`, None where the field is missing or empty."""
        return self.text(key, limit) if self.has(key) else None

    def code(self, key: str) -> str:
        """A stable code such as ``ORDERPAID`` or ``ACQ.TRADE_NOT_EXIST``; ``unnamed`` where there is none fit for a
        log.
        """
        value = self._values.get(key)
        return value if isinstance(value, str) and _CODE.fullmatch(value) else "unnamed"

    def fen(self, key: str) -> int:
        """An integer number of fen, 0 to 10^11."""
        value = self._values.get(key)
        if type(value) is not int or not 0 <= value <= MAX_FEN:
            raise GatewayUntrusted("malformed_reply", key)
        return value

    def yuan(self, key: str) -> int:
        """A string in yuan such as ``200.00``, as fen; never negative."""
        try:
            value = fen(self.text(key, 20))
        except ValueError as error:
            raise GatewayUntrusted("malformed_reply", key) from error
        if not 0 <= value <= MAX_FEN:
            raise GatewayUntrusted("malformed_reply", key)
        return value

    def rfc3339(self, key: str) -> datetime:
        """An RFC 3339 time with its offset."""
        try:
            moment = datetime.fromisoformat(self.text(key, 40))
        except ValueError as error:
            raise GatewayUntrusted("malformed_reply", key) from error
        if moment.tzinfo is None:
            raise GatewayUntrusted("malformed_reply", key)
        return moment

    def beijing(self, key: str) -> datetime:
        """A ``YYYY-MM-DD HH:MM:SS`` time, which is Beijing's."""
        try:
            return parse_beijing(self.text(key, 40))
        except ValueError as error:
            raise GatewayUntrusted("malformed_reply", key) from error

    def child(self, key: str) -> Fields:
        """A nested object."""
        value = self._values.get(key)
        if not isinstance(value, dict):
            raise GatewayUntrusted("malformed_reply", key)
        return Fields(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("duplicate key")
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
