"""The outside world as the worker sees it: one child process per device, the CA, the payment channels."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from kiosk.ca.connector import Connector
from kiosk.config import Settings
from kiosk.fleet.sms import SmsGateway
from kiosk.hardware.child import Child
from kiosk.hardware.errors import DeviceFailed, DeviceMissing
from kiosk.payments.channel import QrChannel
from kiosk.payments.registry import open_channel
from kiosk.privacy import Vault

READER_IDLE = 60.0  # seconds without a picture to read, after which the reader's process ends


def merchant_key(settings: Settings) -> bytes:
    """The key that seals the merchant's secrets at rest: derived from this kiosk's master key, never stored."""
    return Vault.from_file(settings.master_key).derived("merchant secrets")


class World:
    """Opens each part when it is first needed. ``deadline`` values are seconds for one call to a device."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._children: dict[str, Child] = {}
        self._channels: dict[str, QrChannel] = {}
        self._ca: Connector | None = None
        self._sms: SmsGateway | None = None
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
    def pos(self) -> Child:
        port = self._known("pos", self.settings.devices.pos)
        options = {"port": port, "profile": self.settings.devices.pos_profile}
        return self._child("pos", "kiosk.hardware.pos_terminal:PosTerminal", options)

    @property
    def clerk_card(self) -> Child:
        devices = self.settings.devices
        options = {
            "module": self._known("clerk_card", devices.clerk_card_module),
            "config": devices.clerk_card_config,
            "pcsc_socket": devices.pcsc_socket,
            "reader": devices.clerk_card_reader,
        }
        return self._child("clerk_card", "kiosk.hardware.clerk_card:ClerkCardReader", options)

    @property
    def inspector(self) -> Child:
        return self._child("inspector", "kiosk.imaging.inspector:Inspector", {}, memory_mb=2048)

    @property
    def reader(self) -> Child:
        """Reads words from pictures; some hundred megabytes while it lives, and it lives only while it is used."""
        return self._child("reader", "kiosk.imaging.ocr:Reader", {}, memory_mb=2048, idle_exit=READER_IDLE)

    @property
    def seal_maker(self) -> Child:
        """Who signs electronic seals: the operator's connector; a key of one's own only where that is said, or among
        simulators.
        """
        named = self.settings.seal_maker or ("local" if self.settings.simulators else "")
        if named == "local":
            options: dict[str, Any] = {"home": str(self.settings.secrets / "seal-maker")}
            return self._child("seal_maker", "kiosk.imaging.seal_maker:LocalSealMaker", options)
        return self._child("seal_maker", self._known("seal_maker", named), dict(self.settings.seal_maker_options))

    @property
    def press(self) -> Child:
        return self._child("press", "kiosk.documents.press:Press", {})

    @property
    def sealer(self) -> Child | None:
        """Seals finished forms; None where the kiosk has no document key."""
        folder = self.settings.secrets
        files = {"key": "document.key", "certificate": "document.pem", "chain": "document-chain.pem"}
        options = {name: str(folder / file) for name, file in files.items()}
        if not all(Path(path).is_file() for path in options.values()):
            return None
        return self._child("sealer", "kiosk.documents.sealing:Sealer", options)

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

    # -- short messages ---------------------------------------------------------------------------

    @property
    def sms(self) -> SmsGateway:
        with self._lock:
            if self._sms is None:
                address = self._known("sms", self.settings.sms.base_url)
                secret = Path(self._known("sms", self.settings.sms.secret)).read_bytes().strip()
                self._sms = SmsGateway(address, secret)
            return self._sms

    # -- money ------------------------------------------------------------------------------------

    def channel(self, name: str) -> QrChannel:
        """The payment channel of that name; :class:`DeviceMissing` when the operator has not set it up."""
        with self._lock:
            if name not in self._channels:
                try:
                    self._channels[name] = open_channel(name, self._merchant(name), merchant_key(self.settings))
                except (ValueError, OSError) as error:
                    raise DeviceFailed("channel_misconfigured", device=name) from error
            return self._channels[name]

    def channels(self) -> list[str]:
        """Names of the channels the merchant folder has settings for."""
        folder = self.settings.merchant
        return sorted(path.stem for path in Path(folder).glob("*.json")) if folder else []

    def _merchant(self, name: str) -> Path:
        folder = Path(self._known(name, self.settings.merchant))
        if not (folder / f"{name}.json").is_file():
            raise DeviceMissing("not_configured", device=name)
        return folder

    def account(self, name: str) -> tuple[str | None, str | None]:
        """(merchant or seller id, app id) that a trade of this channel must carry; None where an adapter has none."""
        known = getattr(self.channel(name), "settings", None)
        merchant = getattr(known, "mchid", None) or getattr(known, "seller_id", None)
        return merchant, getattr(known, "app_id", None)

    def close(self) -> None:
        for child in self._children.values():
            child.close()
        for channel in self._channels.values():
            channel.close_connection()
        if self._sms is not None:
            self._sms.close()
