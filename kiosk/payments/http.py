"""One request to a gateway: bounded in time and size, no redirects, no proxies of the environment, no compression.

Everything that goes wrong here means "nobody knows whether it had an effect".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from kiosk.payments.channel import GatewayUnreachable, GatewayUntrusted

MAX_REPLY = 256 * 1024
MAX_BILL = 32 * 1024 * 1024
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

# Both libraries write URLs and headers (bill tokens, Authorization) at their lower levels: nothing for a log.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Status, headers (case-insensitive) and the exact bytes of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def moment(self) -> float | None:
        """The gateway's clock by the unsigned ``Date`` header, as seconds since the epoch."""
        try:
            return parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):
            return None


class Http:
    """A small keep-alive client for exactly one origin.

    ``base_url`` must be https; http is allowed on this machine's loopback only. ``timeout`` (seconds) bounds
    each wait and the reading of the body as a whole. Raises ValueError for a base URL that does not fit.
    """

    def __init__(self, base_url: str, timeout: float = 8.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("a payment gateway is spoken to over https only")
        self.origin = (parts.scheme, parts.hostname or "", parts.port)
        self._timeout = timeout
        self._client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 4.0)),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "ca-kiosk", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"", limit: int = MAX_REPLY
    ) -> HttpReply:
        """One exchange. Raises GatewayUnreachable (no whole answer in time) or GatewayUntrusted (not an answer of
        theirs).
        """
        try:
            with self._client.stream(method, path, headers=dict(headers), content=content or None) as response:
                body = self._read(response, limit)
                return HttpReply(response.status_code, response.headers, body)
        except httpx.TimeoutException as error:
            raise GatewayUnreachable("timeout") from error
        except httpx.HTTPError as error:
            raise GatewayUnreachable("no_connection", type(error).__name__) from error

    def _read(self, response: httpx.Response, limit: int) -> bytes:
        if response.is_redirect:
            raise GatewayUntrusted("redirected")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise GatewayUntrusted("compressed_reply")
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > limit:
                raise GatewayUntrusted("reply_too_large")
            if time.monotonic() > deadline:
                raise GatewayUnreachable("timeout")
        return bytes(body)
