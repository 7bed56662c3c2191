"""Notifications: the gateway tells the merchant that money has moved.

They leave this machine never: only a ``notify_url`` on 127.0.0.1 is called, three times at most until it answers 2xx.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable
from sqlite3 import Row
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kiosk.simulators.gateways.faults import Faults
from kiosk.simulators.gateways.keys import Home
from kiosk.simulators.gateways.ledger import Ledger, beijing
from kiosk.simulators.gateways.wechat import Reply, Wechat

Message = tuple[bytes, dict[str, str]]


class Notifier:
    """Builds, signs and delivers notifications of both gateways."""

    def __init__(self, home: Home, ledger: Ledger, wechat: Wechat, faults: Faults) -> None:
        self._home, self._ledger, self._wechat, self._faults = home, ledger, wechat, faults
        self._builders: dict[str, Callable[[Row], Message]] = {"wechat": self.wechat_message}

    def register(self, gateway: str, builder: Callable[[Row], Message]) -> None:
        self._builders[gateway] = builder

    def later(self, trade: Row) -> None:
        """Deliver in the background, if the merchant listens on this machine."""
        if _local(trade["notify_url"]):
            threading.Thread(target=self._deliver, args=(trade,), daemon=True).start()

    def _deliver(self, trade: Row) -> None:
        for pause in (0.0, 1.0, 3.0):
            time.sleep(pause)
            if 200 <= self.send(trade, trade["notify_url"])["status"] < 300:
                return

    def send(self, trade: Row, url: str) -> dict[str, Any]:
        """One delivery; ``status`` 0 means nobody answered. Raises ValueError for an address beyond this machine."""
        if not _local(url):
            raise ValueError("notifications go to 127.0.0.1 only")
        body, headers = self._builders[trade["gateway"]](trade)
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=5)
        try:
            connection.request("POST", parts.path or "/", body, headers)
            answer = connection.getresponse()
            return {"status": answer.status, "body": answer.read(10_000).decode("utf-8", "replace")}
        except (OSError, http.client.HTTPException) as error:
            return {"status": 0, "body": type(error).__name__}
        finally:
            connection.close()

    def wechat_message(self, trade: Row) -> Message:
        """TRANSACTION.SUCCESS with the trade encrypted under the APIv3 key."""
        nonce, bound = secrets.token_hex(6), "transaction"
        plain = json.dumps(self._wechat.describe(trade), ensure_ascii=False).encode()
        sealed = AESGCM(self._home.apiv3_key).encrypt(nonce.encode(), plain, bound.encode())
        body = {
            "id": secrets.token_hex(16),
            "create_time": beijing(self._ledger.now()).isoformat(timespec="seconds"),
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": bound,
                "nonce": nonce,
            },
        }
        reply = Reply(200, json.dumps(body, ensure_ascii=False).encode())
        self._wechat.signed(reply, self._faults.take("wechat.notify"))
        return reply.body, {**reply.headers, "Content-Type": "application/json"}


def _local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname == "127.0.0.1"
