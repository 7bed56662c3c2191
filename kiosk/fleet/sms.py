"""Short messages through a gateway that speaks JSON over HTTP.

`POST {base}/v1/messages` with `{id, to, text, timestamp}`, timestamp in Unix seconds; header `X-Signature` is the
hexadecimal HMAC-SHA256, under the shared secret, of `timestamp + "." + body`. The gateway takes an id once (202, then
200), so sending again is harmless. `GET {base}/v1/messages/<id>` with `X-Timestamp` and the signature over an empty
body tells what became of a message.

Numbers and texts are neither logged nor put into errors or addresses.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import TracebackType
from typing import Any

import httpx

MAX_TEXT = 500
MAX_ANSWER = 16 * 1024
_MOBILE = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATES = {"sent": "sent", "delivered": "sent", "accepted": "sent", "failed": "failed", "rejected": "failed"}


class Delivery(StrEnum):
    """`unknown`: the message may be on its way; ask again with `SmsGateway.find` or send it again under the same id."""

    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True)
class SmsOutcome:
    """How a message ended. `code`: why it failed or is unknown, a snake_case word; empty when sent."""

    delivery: Delivery
    code: str = ""


class SmsRefused(ValueError):
    """The message was not sent because of its own content: `code` is number_malformed, text_malformed or
    id_malformed.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SmsGateway:
    """The client of one gateway at `base_url` with the shared `secret`; `timeout` in seconds per request."""

    def __init__(self, base_url: str, secret: bytes, timeout: float = 5.0) -> None:
        if not secret:
            raise ValueError("the gateway's secret is empty")
        self._secret = secret
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"), timeout=timeout, follow_redirects=False, trust_env=False
        )

    def __enter__(self) -> SmsGateway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, message_id: str, to: str, text: str) -> SmsOutcome:
        """Send `text` (1–500 characters) to a mainland mobile number. When the answer is lost, the gateway is asked
        once.

        `message_id` (1–64 of `A-Z a-z 0-9 . _ -`) belongs to this message for ever. Raises `SmsRefused`.
        """
        number = _MOBILE.fullmatch(to)
        if number is None:
            raise SmsRefused("number_malformed")
        if not text.strip() or len(text) > MAX_TEXT:
            raise SmsRefused("text_malformed")
        _check_id(message_id)
        timestamp = int(time.time())
        message = {"id": message_id, "to": number[1], "text": text, "timestamp": timestamp}
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {"X-Signature": self._sign(timestamp, body), "Content-Type": "application/json; charset=utf-8"}
        outcome = self._ask("POST", "/v1/messages", body, headers)
        if outcome.delivery is not Delivery.UNKNOWN:
            return outcome
        return self.find(message_id) or outcome

    def find(self, message_id: str) -> SmsOutcome | None:
        """What became of a message; None: the gateway never took it. Raises `SmsRefused("id_malformed")`."""
        _check_id(message_id)
        timestamp = int(time.time())
        headers = {"X-Signature": self._sign(timestamp, b""), "X-Timestamp": str(timestamp)}
        outcome = self._ask("GET", f"/v1/messages/{message_id}", None, headers)
        return None if outcome.code == "http_404" else outcome

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> SmsOutcome:
        try:
            with self._http.stream(method, path, content=body, headers=headers) as response:
                status, answer = response.status_code, _read(response)
        except httpx.TimeoutException:
            return SmsOutcome(Delivery.UNKNOWN, "timeout")
        except httpx.ConnectError:
            return SmsOutcome(Delivery.UNKNOWN, "unreachable")
        except httpx.HTTPError:
            return SmsOutcome(Delivery.UNKNOWN, "broken_off")
        if status in (200, 202):
            return _outcome(answer)
        if status >= 500 or status in (408, 425, 429) or status < 400:
            return SmsOutcome(Delivery.UNKNOWN, f"http_{status}")
        return SmsOutcome(Delivery.FAILED, f"http_{status}")

    def _sign(self, timestamp: int, body: bytes) -> str:
        return hmac.new(self._secret, str(timestamp).encode() + b"." + body, sha256).hexdigest()


def _check_id(message_id: str) -> None:
    if not _ID.fullmatch(message_id):
        raise SmsRefused("id_malformed")


def _read(response: httpx.Response) -> bytes:
    """At most `MAX_ANSWER` octets of the body."""
    read = bytearray()
    for chunk in response.iter_bytes(4096):
        read += chunk
        if len(read) > MAX_ANSWER:
            return b""
    return bytes(read)


def _outcome(answer: bytes) -> SmsOutcome:
    try:
        told: Any = json.loads(answer)
        state = _STATES.get(told["state"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return SmsOutcome(Delivery.UNKNOWN, "answer_malformed")
    if state is None:
        return SmsOutcome(Delivery.UNKNOWN, "state_unknown")
    return SmsOutcome(Delivery(state), "" if state == "sent" else "gateway_refused")
