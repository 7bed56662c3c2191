"""Notices to another program over HTTP (a webhook): what is out of order at a kiosk, and when it is well again.

`POST {url}` with a JSON object `{id, kiosk, hall, kind, text, items, timestamp}`; header `X-Signature` is the
hexadecimal HMAC-SHA256, under the shared secret, of `X-Timestamp + "." + body` (the signature scheme of `fleet.sms`,
so one receiver's check does for both). Any 2xx means taken. The same `id` may come again after a lost answer: the
receiver takes it once. Redirects are not followed; the answer's body is not read.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

LONGEST_URL = 300


class AddressRefused(ValueError):
    """The address cannot be a receiver: not https (http only on the premises), without a host, or with a password."""


@dataclass(frozen=True)
class Sent:
    """Whether the receiver took it; `code` says why not: unreachable, timeout, broken_off, http_NNN."""

    taken: bool
    code: str = ""


def checked(url: str) -> str:
    """The address, if notices may go there."""
    url = url.strip()
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressRefused("malformed")
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise AddressRefused("port") from error
    if not parts.hostname or parts.username or parts.password or port == 0:
        raise AddressRefused("malformed")
    if parts.scheme == "https" or (parts.scheme == "http" and _on_the_premises(parts.hostname)):
        return url
    raise AddressRefused("not_https")


def _on_the_premises(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def post(url: str, secret: bytes, message: Mapping[str, Any], timeout: float = 5.0) -> Sent:
    """Send one notice, signed. Never raises for what the network or the receiver does."""
    timestamp = str(int(time.time()))
    body = json.dumps({**message, "timestamp": int(timestamp)}, ensure_ascii=False).encode()
    signature = hmac.new(secret, timestamp.encode() + b"." + body, sha256).hexdigest()
    headers = {"X-Timestamp": timestamp, "X-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as http,
            http.stream("POST", url, content=body, headers=headers) as answer,
        ):
            return Sent(answer.is_success, "" if answer.is_success else f"http_{answer.status_code}")
    except httpx.TimeoutException:
        return Sent(False, "timeout")
    except httpx.ConnectError:
        return Sent(False, "unreachable")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return Sent(False, "broken_off")
