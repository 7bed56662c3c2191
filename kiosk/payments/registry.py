"""Channels by name: WeChat and Alipay are built in, any other (UnionPay QR, 聚合支付) is an adapter of its acquirer.

Each acquirer's interface differs and none is published, so the slot is this: a package the operator installs offers a
factory ``(folder: Path, key: bytes | None) -> QrChannel``, and ``<name>.json`` in the merchant folder names it:
``{"adapter": "package.module:factory", …}``.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

from kiosk.payments.alipay import AlipayChannel, AlipaySettings
from kiosk.payments.channel import QrChannel
from kiosk.payments.keys import read_pem
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings

_ADAPTER = re.compile(r"([a-z_][\w.]*):([A-Za-z_]\w*)", re.ASCII)


def open_channel(name: str, folder: Path, key: bytes | None = None, timeout: float = 8.0) -> QrChannel:
    """The channel of that name, set up from its merchant folder; sealed secrets open under ``key``.

    Raises ValueError for settings that do not fit, OSError for files that are missing.
    """
    if name == "wechat":
        return WechatChannel(WechatSettings.from_folder(folder, timeout=timeout, key=key))
    if name == "alipay":
        return AlipayChannel(AlipaySettings.from_folder(folder, timeout=timeout, key=key))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
        raise ValueError("not the name of a channel")
    match = _ADAPTER.fullmatch(str(json.loads(read_pem(folder / f"{name}.json")).get("adapter")))
    if match is None:
        raise ValueError(f"{name}.json names no adapter (package.module:factory)")
    try:
        channel = getattr(import_module(match[1]), match[2])(folder, key)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}.json: the adapter {match[0]} is not installed") from error
    if not isinstance(channel, QrChannel):
        raise ValueError(f"{name}.json: {match[0]} makes no payment channel")
    return channel
