"""A drawer of UKeys in a temporary folder, a driver in its own process and a small CA for the tests."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.hardware.child import Child
from kiosk.hardware.errors import DeviceFailed, KeyMissing
from kiosk.hardware.ukey import current
from kiosk.simulators.ukeys_drawer import Drawer

PIN, SO_PIN = "135246", "87654321"
SUBJECT = [("2.5.4.6", "CN"), ("2.5.4.10", "益阳示范建设有限公司"), ("2.5.4.3", "益阳示范建设有限公司")]
CA_KEY = ec.generate_private_key(ec.SECP256R1())


def new_id() -> str:
    return secrets.token_hex(10)


def issue(request_der: bytes, begin: datetime | None = None, days: int = 365) -> bytes:
    """What a CA answers to a request: a signing certificate over its key."""
    request = x509.load_der_x509_csr(request_der)
    assert request.is_signature_valid
    start = begin or datetime.now(UTC) - timedelta(minutes=5)
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")]))
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(usage, critical=True)
    )
    return builder.sign(CA_KEY, hashes.SHA256()).public_bytes(Encoding.DER)


class Caller(Protocol):
    """Whoever passes calls to a driver."""

    def call(self, method: str, **keywords: Any) -> Any: ...


class Desk:
    """The drawer and the driver, with short words for what the tests do."""

    def __init__(self, home: Path) -> None:
        self.drawer = Drawer(home)
        self.options = {"module": self.drawer.module, "config": str(self.drawer.config)}
        self.child = Child("ukey", "kiosk.hardware.ukey:UKeyReader", self.options)

    def close(self) -> None:
        self.child.close()
        self.drawer.close()

    def call(self, method: str, **keywords: Any) -> Any:
        return self.child.call(method, deadline=30, **keywords)

    def new(self, name: str, insert: bool = True) -> str:
        """A blank UKey; its serial number."""
        serial = str(self.drawer.create(name, name.upper(), PIN, SO_PIN)["serial"])
        if insert:
            self.drawer.insert(name)
        return serial

    def generation(self, serial: str, days: int = 365, begin: datetime | None = None) -> tuple[str, bytes]:
        """One whole write: pair, request, certificate; its id and the certificate. P-256, because it is quick."""
        key_id = new_id()
        on = {"serial": serial, "pin": PIN, "key_id": key_id}
        self.call("generate", algorithm="p256", **on)
        certificate = issue(self.call("request", subject=SUBJECT, **on), begin, days)
        self.call("write_certificate", cert_der=certificate, **on)
        return key_id, certificate


class Writer:
    """One renewal as the worker does it: remembers what is done, takes a new id where half a pair was left."""

    def __init__(self, desk: Caller, serial: str, number: int = 0, algorithm: str = "p256") -> None:
        self.desk, self.serial, self.algorithm = desk, serial, algorithm
        self.begin = datetime.now(UTC) + timedelta(minutes=number)  # of several writers the last is the newest
        self.key_id = new_id()
        self.certificate: bytes | None = None
        self.seal = os.urandom(600)
        self.seals = 0

    def run(self) -> None:
        """Go on where it stopped."""
        on = {"serial": self.serial, "pin": PIN, "key_id": self.key_id}
        if self.certificate is None:
            try:
                self.desk.call("generate", algorithm=self.algorithm, **on)
            except KeyMissing:
                self.key_id = on["key_id"] = new_id()
                self.desk.call("generate", algorithm=self.algorithm, **on)
            self.certificate = issue(self.desk.call("request", subject=SUBJECT, **on), self.begin)
        self.desk.call("write_certificate", cert_der=self.certificate, **on)
        self._write_seal()
        self.desk.call("prove_key", cert_der=self.certificate, **on)

    def _write_seal(self) -> None:
        try:
            self.desk.call("write_object", serial=self.serial, pin=PIN, label=self.label, data=self.seal)
        except DeviceFailed as error:
            if error.code != "label_taken":
                raise
            self.seals += 1
            self.desk.call("write_object", serial=self.serial, pin=PIN, label=self.label, data=self.seal)

    @property
    def label(self) -> str:
        return f"seal-{self.key_id}-{self.seals}"


def check(desk: Caller, writer: Writer, old: tuple[str, bytes]) -> None:
    """Old and new pair are whole and the new certificate is the current one."""
    old_id, old_der = old
    assert desk.call("read_certificate", serial=writer.serial, key_id=old_id) == old_der
    desk.call("prove_key", serial=writer.serial, pin=PIN, key_id=old_id, cert_der=old_der)
    assert current(desk.call("inspect")).der == writer.certificate
    assert desk.call("read_object", serial=writer.serial, label=writer.label) == writer.seal
