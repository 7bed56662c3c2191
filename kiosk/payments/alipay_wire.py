"""Alipay's open gateway on the wire: RSA2-signed forms, replies verified over the exact bytes of their node.

Rules: Alipay open platform, "signing" and "verifying synchronous replies": parameters sorted and joined by ``&``,
without ``sign``; the reply's signature covers the text of the ``…_response`` member as it was sent. Replies carry no
time: freshness rests on TLS and on every caller checking that the answer speaks of its own number.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from kiosk.payments.channel import GatewayError, GatewayRefused, GatewayUnreachable, GatewayUntrusted, beijing_text
from kiosk.payments.fields import Fields
from kiosk.payments.http import Http, HttpReply
from kiosk.payments.keys import Pem, load_private, load_public, read_pem, read_secret, sign, verify

log = logging.getLogger("kiosk.payments.alipay")
UNDECIDED = {"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "isp.unknow-error", "aop.unknow-error", "SYSTEM_ERROR"}
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class AlipaySettings:
    """A merchant's application at Alipay (public-key mode).

    ``platform_key`` is Alipay's public key, not the merchant's own. ``seller_id`` (2088…) is who a notification must
    pay. ``bill_hosts`` may serve bill files besides ``base_url`` itself.
    """

    base_url: str
    app_id: str
    seller_id: str
    private_key: Pem = field(repr=False)
    platform_key: Pem
    notify_url: str = ""
    timeout: float = 8.0
    bill_hosts: tuple[str, ...] = ("dwbillcenter.alipay.com",)

    @classmethod
    def from_folder(
        cls, folder: Path, base_url: str | None = None, timeout: float = 8.0, key: bytes | None = None
    ) -> Self:
        """Read ``alipay.json`` {base_url, app_id, seller_id, notify_url} beside ``alipay_key.pem`` (plain, or sealed
        under ``key``) and ``alipay_platform.pem``: the merchant folder as the gateway simulator writes it.

        Raises ValueError or OSError.
        """
        values = json.loads(read_pem(folder / "alipay.json"))
        return cls(
            base_url=base_url or values["base_url"],
            app_id=values["app_id"],
            seller_id=values["seller_id"],
            private_key=read_secret(folder / "alipay_key.pem", key),
            platform_key=folder / "alipay_platform.pem",
            notify_url=values["notify_url"],
            timeout=timeout,
        )


def signing_text(params: Mapping[str, str]) -> bytes:
    """The bytes a request's or notification's signature covers."""
    return "&".join(f"{name}={value}" for name, value in sorted(params.items())).encode()


def members(text: str) -> dict[str, str]:
    """The members of a JSON object as the exact text of their values; duplicates and anything around it are refused.

    Raises ValueError.
    """
    found: dict[str, str] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("not an object")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(key, str) or key in found or text[at : at + 1] != ":":
            raise ValueError("not a member")
        start = _skip(text, at + 1)
        _, end = _DECODER.raw_decode(text, start)
        found[key] = text[start:end]
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "}":
                raise ValueError("a member is missing")
        elif text[at : at + 1] != "}":
            raise ValueError("not an object")
    if _skip(text, at + 1) != len(text):
        raise ValueError("something follows the object")
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


class AlipayWire:
    """Signed exchanges with ``{base_url}/gateway.do``. Thread-safe. ``now`` is our clock, in seconds since the
    epoch.
    """

    def __init__(self, settings: AlipaySettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._key = load_private(settings.private_key)
        self._platform = load_public(settings.platform_key)
        self._now = now
        self.http = Http(settings.base_url, settings.timeout)

    def raw(self, method: str, content: Mapping[str, Any]) -> HttpReply:
        """One signed form; everything is in the body, nothing in the URL. Raises GatewayUnreachable,
        GatewayUntrusted.
        """
        params = {
            "app_id": self._settings.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": beijing_text(datetime.fromtimestamp(self._now(), UTC)),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        }
        if method == "alipay.trade.precreate" and self._settings.notify_url:
            params["notify_url"] = self._settings.notify_url
        params["sign"] = sign(self._key, signing_text(params))
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self.http.send("POST", "/gateway.do", headers, urlencode(params).encode())

    def call(self, label: str, method: str, content: Mapping[str, Any]) -> Fields:
        """A verified exchange: the reply's node.

        Raises GatewayUnreachable, GatewayUntrusted (also when the gateway did not accept the request as ours) or
        GatewayRefused with the ``sub_code``. ``label`` is all the log gets to see.
        """
        started = time.monotonic()
        code = "ok"
        try:
            return self.judge(self.raw(method, content), method)
        except GatewayError as error:
            code = error.code
            raise
        finally:
            log.info("%s: %s in %d ms", label, code, (time.monotonic() - started) * 1000)

    def judge(self, reply: HttpReply, method: str) -> Fields:
        """The node of a reply, verified. Raises like :meth:`call`."""
        if reply.status != 200:
            raise GatewayUnreachable(f"http_{reply.status}")
        try:
            parts = members(reply.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise GatewayUntrusted("malformed_reply", "not JSON") from error
        node = parts.get(method.replace(".", "_") + "_response")
        if node is None:
            refusal = Fields.parse(parts.get("error_response", "{}").encode())
            raise GatewayUntrusted("request_not_accepted", refusal.code("sub_code"))
        signature = Fields.parse(f'{{"sign":{parts.get("sign", "null")}}}'.encode())
        if not signature.has("sign"):
            raise GatewayUntrusted("unsigned")
        if not verify(self._platform, signature.text("sign", 1024), node.encode()):
            raise GatewayUntrusted("bad_signature")
        return _decided(Fields.parse(node.encode()))


def _decided(fields: Fields) -> Fields:
    code, sub = fields.code("code"), fields.code("sub_code")
    if code == "10000":
        return fields
    if code == "20000" or sub in UNDECIDED:
        raise GatewayUnreachable(sub)
    if code == "40004":
        raise GatewayRefused(sub)
    raise GatewayUntrusted("request_not_accepted", sub)
