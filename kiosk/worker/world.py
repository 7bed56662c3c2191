"""The outside world as the worker sees it: one child process per device, the CA, the payment channels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.ca.connector import Connector
from kiosk.config import Settings
from kiosk.hardware.child import Child
from kiosk.hardware.errors import DeviceMissing
from kiosk.payments.channel import QrChannel


class World:
    """Opens each part when it is first needed. ``deadline`` values are seconds for one call to a device."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._children: dict[str, Child] = {}
        self._channels: dict[str, QrChannel] = {}
        self._accounts: dict[str, tuple[str, str]] = {}
        self._ca: Connector | None = None
        self._lock = threading.Lock()

    # -- devices ----------------------------------------------------------------------------------

    def _child(self, name: str, factory: str, options: dict[str, Any], **more: Any) -> Child:
        with self._lock:
            if name not in self._children:
                self._children[name] = Child(name, factory, options, **more)
            return self._children[name]

    @property
    def id_card(self) -> Child:
        port = self._known("id_card", self.settings.devices.id_card)
        return self._child("id_card", "kiosk.hardware.id_card:IdCardReader", {"port": port})

    @property
    def scanner(self) -> Child:
        devices = self.settings.devices
        options: dict[str, Any] = {"device": self._known("scanner", devices.scanner)}
        if devices.scanner_config:
            options["config_dir"] = devices.scanner_config
        return self._child("scanner", "kiosk.hardware.scanner:Scanner", options)

    @property
    def ukey(self) -> Child:
        devices = self.settings.devices
        options: dict[str, Any] = {"module": devices.ukey_module}
        if devices.ukey_config:
            options["config"] = devices.ukey_config
        return self._child("ukey", "kiosk.hardware.ukey:UKeyReader", options)

    @property
    def receipt_printer(self) -> Child:
        address = self._known("receipt_printer", self.settings.devices.receipt_printer)
        return self._child("receipt_printer", "kiosk.hardware.receipt_printer:ReceiptPrinter", {"address": address})

    @property
    def a4_printer(self) -> Child:
        uri = self._known("a4_printer", self.settings.devices.a4_printer)
        return self._child("a4_printer", "kiosk.hardware.a4_printer:A4Printer", {"uri": uri})

    @property
    def inspector(self) -> Child:
        return self._child("inspector", "kiosk.imaging.inspector:Inspector", {}, memory_mb=2048)

    @property
    def press(self) -> Child:
        return self._child("press", "kiosk.documents.press:Press", {})

    @staticmethod
    def _known(name: str, address: str) -> str:
        if not address:
            raise DeviceMissing("not_configured", device=name)
        return address

    # -- certification authority ------------------------------------------------------------------

    @property
    def ca(self) -> Connector:
        with self._lock:
            if self._ca is None:
                from kiosk.ca.embedded import EmbeddedCa

                self._ca = EmbeddedCa(self.settings.ca_home)
            return self._ca

    # -- money ------------------------------------------------------------------------------------

    def channel(self, name: str) -> QrChannel:
        """The payment channel of that name; :class:`DeviceMissing` when the operator has not set it up."""
        makers: dict[str, Callable[[], QrChannel]] = {"wechat": self._wechat, "alipay": self._alipay}
        with self._lock:
            if name not in self._channels:
                self._channels[name] = makers[name]()
            return self._channels[name]

    def _wechat(self) -> QrChannel:
        from kiosk.payments.wechat import WechatChannel
        from kiosk.payments.wechat_wire import WechatSettings

        settings = WechatSettings.from_folder(self._merchant("wechat"))
        self._accounts["wechat"] = (settings.mchid, settings.app_id)
        return WechatChannel(settings)

    def _alipay(self) -> QrChannel:
        from kiosk.payments.alipay import AlipayChannel, AlipaySettings

        settings = AlipaySettings.from_folder(self._merchant("alipay"))
        self._accounts["alipay"] = (settings.seller_id, settings.app_id)
        return AlipayChannel(settings)

    def _merchant(self, name: str) -> Path:
        folder = Path(self._known(name, self.settings.merchant))
        if not (folder / f"{name}.json").is_file():
            raise DeviceMissing("not_configured", device=name)
        return folder

    def account(self, name: str) -> tuple[str, str]:
        """(merchant or seller id, app id) that a trade of this channel must carry."""
        self.channel(name)
        return self._accounts[name]

    def close(self) -> None:
        for child in self._children.values():
            child.close()
        for channel in self._channels.values():
            channel.close_connection()
