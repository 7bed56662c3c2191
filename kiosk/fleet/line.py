"""The kiosk's line to its centre: signed requests, short timeouts, two ways to fail.

::

    LineError
    ├── Cut        nothing came back: the centre may or may not have taken it; saying it again is harmless
    └── Refused    the centre said no: ``status`` and ``code``
"""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from kiosk.fleet.signing import Signer
from kiosk.fleet.wire import API

MAX_REPLY = 32 * 1024 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LineError(Exception):
    """The request did not succeed."""


class Cut(LineError):
    """No answer, or half of one."""


class Refused(LineError):
    """The centre's answer was no."""

    def __init__(self, status: int, code: str, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.body = status, code, body


def checked_url(url: str) -> str:
    """The address without its last slash. ValueError for one that would send in the clear over a network."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.query or parts.fragment or "@" in url:
        raise ValueError("the centre's address begins with https://")
    return url.rstrip("/")


class Line:
    """``signer`` None is good for pairing alone. ``timeout`` in seconds per request."""

    def __init__(self, url: str, signer: Signer | None = None, ca_file: str = "", timeout: float = 10.0) -> None:
        self._signer, self._counter = signer, 0
        self._http = httpx.Client(
            base_url=checked_url(url), timeout=timeout, follow_redirects=False, trust_env=False, verify=ca_file or True
        )

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """The body of the centre's 200. Raises :class:`Cut` or :class:`Refused`."""
        try:
            return self._once(method, path, body, kind)
        except Refused as error:
            last = error.body.get("counter")
            if error.code != "old_counter" or not isinstance(last, int) or last < self._counter:
                raise
            self._counter = last  # the clock was set back since: count on from there
            return self._once(method, path, body, kind)

    def _once(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        headers = {"Content-Type": kind, "Accept": "application/json"}
        if self._signer is not None:
            self._counter = max(self._counter + 1, time.time_ns() // 1_000_000)
            headers |= self._signer.headers(method, API + path, self._counter, body)
        try:
            with self._http.stream(method, API + path, content=body, headers=headers) as response:
                read = bytearray()
                for chunk in response.iter_bytes(65536):
                    read += chunk
                    if len(read) > MAX_REPLY:
                        raise Cut("the answer is too long")
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Cut(type(error).__name__) from error
        if response.status_code == 200:
            return bytes(read)
        if response.status_code >= 500:
            raise Cut(f"http {response.status_code}")
        told = _told(bytes(read))
        raise Refused(response.status_code, str(told.get("code", "http"))[:60], told)


def _told(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
