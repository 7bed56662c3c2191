"""WeChat Pay API v3 on the wire: signed requests, verified replies, one error tree.

Rules: WeChat Pay merchant documentation, "APIv3 signature generation" and "signature verification" — request string
``METHOD\\npath?query\\ntimestamp\\nnonce\\nbody\\n``, reply string ``timestamp\\nnonce\\nbody\\n``, 5 minutes of
tolerance; a reply to a request whose own signature was right is always signed, also a 4xx.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kiosk.payments.channel import MAX_SKEW, GatewayError, GatewayRefused, GatewayUnreachable, GatewayUntrusted
from kiosk.payments.fields import Fields
from kiosk.payments.http import MAX_REPLY, Http, HttpReply
from kiosk.payments.keys import Pem, load_private, load_public, read_pem, read_secret, sign, verify

log = logging.getLogger("kiosk.payments.wechat")
SCHEME = "WECHATPAY2-SHA256-RSA2048"
_UNDECIDED = {429, 202}


@dataclass(frozen=True, slots=True)
class WechatSettings:
    """A merchant's account at WeChat Pay.

    ``platform_keys`` maps a platform certificate's serial number (hex) or a public key id (``PUB_KEY_ID_…``) to its
    PEM; replies signed under any other name are refused. ``apiv3_key`` has 32 bytes and opens notifications.
    ``notify_url`` is demanded by WeChat with every order, also where nobody listens behind it.
    """

    base_url: str
    mchid: str
    app_id: str
    serial_no: str
    private_key: Pem = field(repr=False)
    platform_keys: Mapping[str, Pem]
    apiv3_key: bytes = field(repr=False)
    notify_url: str
    timeout: float = 8.0

    @classmethod
    def from_folder(
        cls, folder: Path, base_url: str | None = None, timeout: float = 8.0, key: bytes | None = None
    ) -> Self:
        """Read the merchant folder that the gateway simulator writes, and that an operator may fill in by hand.

        ``wechat.json`` {base_url, mchid, app_id, serial_no, platform_keys: {id: file}, notify_url} beside
        ``wechat_key.pem`` and ``wechat_apiv3.key``, both plain or sealed under ``key``. For example, after
        ``python -m kiosk.simulators.gateways --port 9100 --control 9101 --home var/gateways``::

            settings = WechatSettings.from_folder(Path("var/gateways/merchant"))
            with WechatChannel(settings) as channel:
                code_url = channel.create("K01xA7x1", 20000, "CA 证书更新", in_three_minutes)

        Raises ValueError or OSError.
        """
        values = json.loads(read_pem(folder / "wechat.json"))
        return cls(
            base_url=base_url or values["base_url"],
            mchid=values["mchid"],
            app_id=values["app_id"],
            serial_no=values["serial_no"],
            private_key=read_secret(folder / "wechat_key.pem", key),
            platform_keys={name: folder / Path(file).name for name, file in values["platform_keys"].items()},
            apiv3_key=read_secret(folder / "wechat_apiv3.key", key).strip(),
            notify_url=values["notify_url"],
            timeout=timeout,
        )


class PlatformKeys:
    """The platform's public keys: says whether bytes really come from WeChat Pay, and recently."""

    def __init__(self, keys: Mapping[str, Pem], now: Callable[[], float] = time.time) -> None:
        if not keys:
            raise ValueError("without a platform key no reply can be believed")
        self._keys = {
            name: load_public(pem, None if name.startswith("PUB_KEY_ID_") else name) for name, pem in keys.items()
        }
        self._now = now

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify the four ``Wechatpay-*`` headers over a body. Raises GatewayUntrusted with the reason as code."""
        stamp, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
        signature, serial = headers.get("wechatpay-signature", ""), headers.get("wechatpay-serial", "")
        if not (stamp and nonce and signature and serial):
            raise GatewayUntrusted("unsigned")
        key = self._keys.get(serial)
        if key is None:
            raise GatewayUntrusted("foreign_signer")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise GatewayUntrusted("bad_signature")
        if not verify(key, signature, f"{stamp}\n{nonce}\n".encode() + body + b"\n"):
            raise GatewayUntrusted("bad_signature")
        if abs(int(stamp) - self._now()) > MAX_SKEW.total_seconds():
            raise GatewayUntrusted("stale")


class WechatWire:
    """Signed exchanges with one base URL. Thread-safe. ``now`` is our clock, in seconds since the epoch."""

    def __init__(self, settings: WechatSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._key = load_private(settings.private_key)
        self._now = now
        self.platform = PlatformKeys(settings.platform_keys, now)
        self.http = Http(settings.base_url, settings.timeout)

    def authorization(self, method: str, path: str, body: bytes) -> str:
        """The Authorization header of one request; it may be used once and within five minutes."""
        stamp, nonce = str(int(self._now())), secrets.token_hex(16).upper()
        message = f"{method}\n{path}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
        return (
            f'{SCHEME} mchid="{self._settings.mchid}",nonce_str="{nonce}",signature="{sign(self._key, message)}",'
            f'timestamp="{stamp}",serial_no="{self._settings.serial_no}"'
        )

    def raw(self, method: str, path: str, body: bytes = b"", limit: int = MAX_REPLY) -> HttpReply:
        """One signed request; the reply is not verified yet. Raises GatewayUnreachable or GatewayUntrusted."""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": self.authorization(method, path, body),
        }
        names = list(self._settings.platform_keys)
        if names[0].startswith("PUB_KEY_ID_"):
            headers["Wechatpay-Serial"] = names[0]
        return self.http.send(method, path, headers, body, limit)

    def call(self, label: str, method: str, path: str, body: dict[str, Any] | None = None) -> Fields:
        """A verified exchange; a 204 gives an empty object.

        Raises GatewayUnreachable (5xx, 429, no answer), GatewayUntrusted (401 and everything that does not verify) or
        GatewayRefused (verified 4xx). ``label`` (a verb and a number, nothing secret) is all the log gets to see.
        """
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() if body is not None else b""
        started = time.monotonic()
        code = "ok"
        try:
            return self._judge(self.raw(method, path, content))
        except GatewayError as error:
            code = error.code
            raise
        finally:
            log.info("%s: %s in %d ms", label, code, (time.monotonic() - started) * 1000)

    def _judge(self, reply: HttpReply) -> Fields:
        if reply.status >= 500 or reply.status in _UNDECIDED:
            raise GatewayUnreachable(f"http_{reply.status}")
        if reply.status == 401:
            raise GatewayUntrusted("request_not_accepted")
        self.platform.check(reply.headers, reply.body)
        if reply.status == 204:
            return Fields({})
        fields = Fields.parse(reply.body)
        if reply.status == 200:
            return fields
        if 400 <= reply.status < 500:
            raise GatewayRefused(fields.code("code"))
        raise GatewayUntrusted(f"http_{reply.status}")
