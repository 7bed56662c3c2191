"""Notifications of both gateways: believed only when signed by the platform, recent and meant for our merchant.

A notification never settles anything by itself: it is a reason to query the trade. That one is acted upon once
(``Notice.id``), answered within five seconds and limited in rate is the web's matter.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kiosk.payments.alipay_wire import AlipaySettings, signing_text
from kiosk.payments.channel import MAX_SKEW, GatewayUntrusted
from kiosk.payments.fields import Fields
from kiosk.payments.keys import load_public, verify
from kiosk.payments.wechat_wire import PlatformKeys, WechatSettings

MAX_NOTICE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Notice:
    """What a believed notification says: its own id, and the trade to ask about. ``event`` is the gateway's own
    word.
    """

    channel: str
    id: str
    event: str
    out_trade_no: str


def wechat_notice(
    settings: WechatSettings, headers: Mapping[str, str], body: bytes, now: Callable[[], float] = time.time
) -> Notice:
    """Verify and open a WeChat Pay notification (headers with any capitals, the exact bytes of the body).

    Raises GatewayUntrusted; answer it with 401 and the gateway tries again. The vendor sends deliberately wrong ones
    (signature ``WECHATPAY/SIGNTEST/…``), which end here too.
    """
    if len(body) > MAX_NOTICE:
        raise GatewayUntrusted("notice_too_large")
    lower = {name.lower(): value for name, value in headers.items()}
    PlatformKeys(settings.platform_keys, now).check(lower, body)
    fields = Fields.parse(body)
    inner = Fields.parse(open_resource(fields.child("resource"), settings.apiv3_key))
    if not hmac.compare_digest(inner.text("mchid"), settings.mchid):
        raise GatewayUntrusted("foreign_merchant")
    return Notice("wechat", fields.text("id"), fields.code("event_type"), inner.text("out_trade_no"))


def open_resource(resource: Fields, apiv3_key: bytes) -> bytes:
    """The plain text of an ``AEAD_AES_256_GCM`` resource. Raises GatewayUntrusted."""
    if resource.text("algorithm") != "AEAD_AES_256_GCM":
        raise GatewayUntrusted("unknown_algorithm")
    nonce, bound = resource.text("nonce"), resource.optional("associated_data") or ""
    try:
        sealed = base64.b64decode(resource.text("ciphertext", MAX_NOTICE), validate=True)
        return AESGCM(apiv3_key).decrypt(nonce.encode(), sealed, bound.encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise GatewayUntrusted("undecipherable") from error


def alipay_notice(settings: AlipaySettings, body: bytes, now: Callable[[], float] = time.time) -> Notice:
    """Verify an Alipay notification, an URL-encoded form. Raises GatewayUntrusted; believed ones are answered
    ``success``.

    The signature covers every parameter but ``sign`` and ``sign_type``; ``notify_time`` is Beijing's.
    """
    if len(body) > MAX_NOTICE:
        raise GatewayUntrusted("notice_too_large")
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=200
        )
    except ValueError as error:
        raise GatewayUntrusted("malformed_reply", "not a form") from error
    params = dict(pairs)
    if len(params) != len(pairs):
        raise GatewayUntrusted("malformed_reply", "duplicate parameter")
    signature, kind = params.pop("sign", ""), params.pop("sign_type", "")
    if kind != "RSA2" or not verify(load_public(settings.platform_key), signature, signing_text(params)):
        raise GatewayUntrusted("bad_signature")
    fields = Fields(dict(params))
    if abs(fields.beijing("notify_time").timestamp() - now()) > MAX_SKEW.total_seconds():
        raise GatewayUntrusted("stale")
    if fields.text("app_id") != settings.app_id or fields.text("seller_id") != settings.seller_id:
        raise GatewayUntrusted("foreign_merchant")
    return Notice("alipay", fields.text("notify_id"), fields.code("trade_status"), fields.text("out_trade_no"))
