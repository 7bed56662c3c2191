"""Notifications of the gateways: believed or not. What is believed is only ever a reason to ask the gateway."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from kiosk.config import Settings
from kiosk.payments.alipay import AlipayChannel
from kiosk.payments.channel import GatewayUntrusted, QrChannel
from kiosk.payments.notify import Notice, alipay_notice, wechat_notice
from kiosk.payments.registry import open_channel
from kiosk.payments.wechat import WechatChannel
from kiosk.worker.world import merchant_key

_open: dict[tuple[str, str], QrChannel] = {}
_lock = threading.Lock()


class Unbelieved(Exception):
    """Not signed by the platform, stale, for another merchant, or for a channel that is not set up."""


def believe(settings: Settings, channel: str, headers: Mapping[str, str], body: bytes) -> Notice:
    """The notice behind one request; raises :class:`Unbelieved` with a stable code."""
    try:
        known = _channel(settings, channel)
        if isinstance(known, WechatChannel):
            return wechat_notice(known.settings, headers, body)
        if isinstance(known, AlipayChannel):
            return alipay_notice(known.settings, body)
    except GatewayUntrusted as error:
        raise Unbelieved(error.code) from error
    except (ValueError, OSError) as error:
        raise Unbelieved("not_configured") from error
    raise Unbelieved("no_notices")


def _channel(settings: Settings, name: str) -> QrChannel:
    if name not in ("wechat", "alipay") or not settings.merchant:
        raise Unbelieved("not_configured")
    with _lock:
        place = (settings.merchant, name)
        if place not in _open:
            _open[place] = open_channel(name, Path(settings.merchant), merchant_key(settings))
        return _open[place]
