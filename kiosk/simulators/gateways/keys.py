"""Keys of both platforms and of the merchant, made on the first start and kept in the simulator's home.

As at the real gateways the platform keeps what it has to know of the merchant (two public keys, the APIv3 key) on its
own side: the merchant may seal his secrets and take the plain files away.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

MCHID = "1900000109"
WECHAT_APP = "wxd678efh567hg6787"
ALIPAY_APP = "2021000000000001"
SELLER = "2088000000000001"


@dataclass(frozen=True)
class Platform:
    """One gateway's side: its own key, a foreign key for mischief, and the merchant's public key."""

    private: rsa.RSAPrivateKey
    foreign: rsa.RSAPrivateKey
    merchant: rsa.RSAPublicKey
    key_id: str
    merchant_serial: str


@dataclass(frozen=True)
class Home:
    """Everything that survives a restart."""

    folder: Path
    wechat: Platform
    alipay: Platform
    apiv3_key: bytes

    @property
    def merchant(self) -> Path:
        return self.folder / "merchant"


def open_home(folder: Path, port: int) -> Home:
    """Make what is missing, read the rest, and write the merchant's settings for the present port."""
    merchant, platform = folder / "merchant", folder / "platform"
    for place in (merchant, platform):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o700)
    apiv3 = _known(merchant / "wechat_apiv3.key", platform / "merchant_apiv3.key", _secret)
    ids = _ids(platform / "ids.json")
    foreign = _private(platform / "foreign_key.pem")
    sides = {}
    for name in ("wechat", "alipay"):
        own = _private(platform / f"{name}_key.pem")
        pem = _known(merchant / f"{name}_key.pem", platform / f"merchant_{name}.pem", _public)
        theirs = serialization.load_pem_public_key(pem)
        assert isinstance(theirs, rsa.RSAPublicKey)
        (merchant / f"{name}_platform.pem").write_bytes(_public_pem(own.public_key()))
        sides[name] = Platform(own, foreign, theirs, ids["key_id"], ids["merchant_serial"])
    base = f"http://127.0.0.1:{port}"
    _write_settings(merchant, base, ids)
    return Home(folder, sides["wechat"], sides["alipay"], apiv3)


def _write_settings(merchant: Path, base: str, ids: dict[str, str]) -> None:
    wechat = {
        "base_url": base,
        "mchid": MCHID,
        "app_id": WECHAT_APP,
        "serial_no": ids["merchant_serial"],
        "platform_keys": {ids["key_id"]: "wechat_platform.pem"},
        "notify_url": "https://kiosk.invalid/notify/wechat",
    }
    alipay = {
        "base_url": base,
        "app_id": ALIPAY_APP,
        "seller_id": SELLER,
        "notify_url": "https://kiosk.invalid/notify/alipay",
    }
    for name, values in (("wechat", wechat), ("alipay", alipay)):
        (merchant / f"{name}.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _known(theirs: Path, ours: Path, read: Callable[[Path], bytes]) -> bytes:
    """What the platform knows of a merchant's secret; read from it (and made, if need be) unless it is sealed."""
    if not theirs.with_name(f"{theirs.name}.sealed").exists() or theirs.exists():
        value = read(theirs)
        if not ours.exists() or ours.read_bytes() != value:
            ours.touch(mode=0o600)
            ours.write_bytes(value)
    return ours.read_bytes()


def _public(path: Path) -> bytes:
    return _public_pem(_private(path).public_key())


def _private(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_bytes(pem)
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def _public_pem(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _secret(path: Path) -> bytes:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16), encoding="ascii")
    return path.read_bytes()


def _ids(path: Path) -> dict[str, str]:
    if not path.exists():
        values = {
            "key_id": f"PUB_KEY_ID_0{secrets.randbelow(10**33):033d}",
            "merchant_serial": secrets.token_hex(20).upper(),
        }
        path.write_text(json.dumps(values), encoding="ascii")
    ids: dict[str, str] = json.loads(path.read_bytes())
    return ids
