"""Typed settings: defaults < ``kiosk.toml`` < the addresses of running simulators < environment.

One folder (``KIOSK_HOME``, default ``./var``) holds everything a kiosk keeps: database, sealed files, secrets, the
embedded CA.
Environment names are ``KIOSK_`` + the key in capitals, ``__`` between levels: ``KIOSK_WECHAT__MCHID=1900000001``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class ConfigError(Exception):
    """A setting is missing or wrong; the message names the key."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Devices(Part):
    """Where each device is. An empty string means: this kiosk has none."""

    id_card: str = ""  # serial port of the ID card reader
    scanner: str = ""  # SANE device name
    scanner_config: str = ""  # private SANE_CONFIG_DIR, empty = the system's
    receipt_printer: str = ""  # tcp://host:port or serial:/dev/...
    a4_printer: str = ""  # ipp://host:port/path
    ukey_module: str = "/usr/lib/softhsm/libsofthsm2.so"  # PKCS#11 module of the UKey vendor
    ukey_config: str = ""  # SOFTHSM2_CONF for the simulated drawer
    pos: str = ""  # serial port of the POS terminal
    pos_profile: str = ""  # the acquirer's TOML file for it; empty = generic
    window_pos: bool = False  # a stand-alone card terminal at the window; a clerk confirms its slips
    clerk_card_module: str = ""  # PKCS#11 module of the staff's smart cards; empty = no sign-in by card
    clerk_card_config: str = ""  # OPENSC_CONF for it, empty = the system's
    clerk_card_reader: str = ""  # part of the reader's name; empty = every PC/SC reader
    pcsc_socket: str = ""  # pcscd's socket, empty = the usual one
    blank_pin: str = Field(default="12345678", repr=False)  # factory PIN of blank UKeys in stock
    blank_so_pin: str = Field(default="", repr=False)  # their factory SO PIN; empty = the supplier registers them


class Sms(Part):
    base_url: str = ""
    secret: str = ""  # path to a file with the HMAC secret


class Fleet(Part):
    """How a kiosk reaches its centre, once ``flask --app wsgi fleet pair`` has told it where that is."""

    ca_file: str = ""  # PEM of the authority behind the centre's certificate; empty = the system's
    every: float = Field(default=15.0, ge=0.2, le=600)  # seconds between two reports when nothing happens


class Store(Part):
    """Where the centre keeps its sealed scans, so that every web node of it reaches them."""

    url: str = ""  # file:///folder or s3://bucket/prefix; empty = "files" in home
    endpoint: str = ""  # of an S3 service that is not Amazon's
    region: str = ""
    credentials: str = ""  # TOML file with access_key_id and secret_access_key; empty = the machine's own


class Settings(Part):
    home: Path = Path("var")
    secrets_folder: str = ""  # where master.key is, such as a service manager's credentials; empty = in home
    role: Literal["kiosk", "centre"] = "kiosk"
    kiosk_id: str = Field(default="K001", pattern=r"^[A-Z][A-Z0-9]{2,5}$")
    epoch: int = 1  # raised when the disk of a kiosk was replaced
    hall_name: str = "益阳市公共资源交易中心"
    hall: str = "yiyang"
    schemes: tuple[str, ...] = ()  # what is offered, in this order; empty = all of the catalogue
    catalogue_folder: str = ""  # operator's schemes; empty = the shipped ones
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 4
    database: str = ""  # SQLAlchemy URL; empty = SQLite in home
    simulators: bool = True  # start the simulated outside world and show /bench
    secure_cookies: bool = False
    idle_seconds: int = 120
    qr_seconds: int = 180
    retention_days: int = Field(default=180, ge=0)  # personal data of finished orders; 0 = kept for ever
    left_days: int = Field(default=1, ge=0)  # personal data of orders that were left before paying; 0 = as the others
    max_upload: int = 4 * 1024 * 1024
    max_clock_skew: int = 60
    devices: Devices = Devices()
    merchant: str = (
        ""  # folder with the merchant's accounts and keys: wechat.json, alipay.json, *.pem; empty = no QR payment
    )
    seal_maker: str = ""  # "module:Class" that signs electronic seals, "local" for a key of this kiosk's own
    seal_maker_options: dict[str, str] = {}  # what that class is called with
    sms: Sms = Sms()
    fleet: Fleet = Fleet()
    store: Store = Store()
    controls: dict[str, str] = {}  # simulator name -> control URL, written by the supervisor

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.store.url and self.role == "kiosk":
            raise ValueError("store is a setting of the centre: a kiosk works without a line")
        return self

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.home / 'kiosk.sqlite'}"

    @property
    def ca_home(self) -> Path:
        return self.home / "ca"

    @property
    def files(self) -> Path:
        return self.home / "files"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def master_key(self) -> Path:
        return (Path(self.secrets_folder) if self.secrets_folder else self.secrets) / "master.key"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            base[key] = _merge(dict(base[key]), value)
        else:
            base[key] = value
    return base


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    known = set(Settings.model_fields)
    for name, value in environ.items():
        if not name.startswith("KIOSK_"):
            continue
        path = name.removeprefix("KIOSK_").lower().split("__")
        if path[0] not in known:
            continue
        node = out
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value.split(",") if path == ["schemes"] else value
    return out


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings; :class:`ConfigError` names the file or key that is wrong."""
    environ = os.environ if environ is None else environ
    home = Path(overrides.get("home") or environ.get("KIOSK_HOME") or "var").absolute()
    raw: dict[str, Any] = {}
    _merge(raw, _read(home / "kiosk.toml"))
    _merge(raw, _read(home / "run" / "simulators.toml"))
    _merge(raw, _environment(environ))
    _merge(raw, overrides)
    raw["home"] = home
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"setting {key}: {first['msg']}") from error
