"""The embedded CA's home folder: how it is made, and what is loaded from it.

secret          protects everything below (may be moved; see `kiosk.ca.keys`)
ca.key ca.pem   the operating CA; ca.pem is written last, so where it is, the home is complete
root.pem        the root's certificate; root.crl its CRL
ledger.sqlite3  what was issued
public/         what relying parties need, kept current
root/           root.key and its own secret: move this folder to a safe when the CA has been made. It is needed
again only to
                renew the operating CA or the root's CRL
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca import crl, profile
from kiosk.ca.connector import CaMisconfigured
from kiosk.ca.keys import Secret, new_key, write_file
from kiosk.ca.store import Ledger, record
from kiosk.ca.validity import add_years

ROOT_YEARS, OPERATING_YEARS = 30, 20
ROOT_CRL_DAYS = 400

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Authority:
    """A loaded home: everything the parts of the embedded CA share."""

    home: Path
    secret: Secret
    ledger: Ledger
    issuer: profile.Issuer
    root: x509.Certificate
    clock: Clock

    @property
    def chain(self) -> list[bytes]:
        return [certificate.public_bytes(Encoding.DER) for certificate in (self.issuer.certificate, self.root)]


def create(home: Path, name: str, algorithm: str, clock: Clock) -> None:
    """Make root, operating CA and ledger in `home`. An interrupted creation is begun anew; a finished one is refused.

    `algorithm` (both CAs): rsa2048, rsa3072, rsa4096 or p256. Raises `CaMisconfigured("home_exists")`.
    """
    if (home / "ca.pem").exists():
        raise CaMisconfigured("home_exists")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in ("root", "public"):
        shutil.rmtree(home / leftover, ignore_errors=True)
    for file in home.glob("ledger.sqlite3*"):
        file.unlink()
    (home / "root").mkdir(mode=0o700)
    secret, root_secret = Secret(home / "secret", create=True), Secret(home / "root" / "secret", create=True)
    begin = clock().replace(microsecond=0) - timedelta(minutes=5)
    root_key, key = new_key(algorithm), new_key(algorithm)
    root_secret.save_key(root_key, home / "root" / "root.key")
    secret.save_key(key, home / "ca.key")
    root = profile.authority(f"{name} Root", root_key, x509.random_serial_number(), begin, add_years(begin, ROOT_YEARS))
    issuer = profile.Issuer(root, root_key)
    end = add_years(begin, OPERATING_YEARS)
    operating = profile.authority(name, key, x509.random_serial_number(), begin, end, issuer)
    write_file(home / "root.pem", root.public_bytes(Encoding.PEM))
    _write_root_crl(home, issuer, clock())
    ledger = Ledger(home / "ledger.sqlite3")
    with ledger.transaction() as db:
        record(db, clock(), "create", algorithm=algorithm)
    ledger.close()
    write_file(home / "ca.pem", operating.public_bytes(Encoding.PEM))


def load(home: Path, base_url: str | None, secret_file: Path | None, clock: Clock) -> Authority:
    """Open a home. Raises `CaMisconfigured` where something is missing or does not belong together."""
    operating, root = _certificate(home / "ca.pem"), _certificate(home / "root.pem")
    secret = Secret(secret_file or home / "secret")
    key = secret.load_key(home / "ca.key")
    if operating.public_key() != key.public_key():
        raise CaMisconfigured("key_mismatch")
    try:
        operating.verify_directly_issued_by(root)
    except Exception as error:
        raise CaMisconfigured("chain_broken") from error
    ledger = Ledger(home / "ledger.sqlite3")
    return Authority(home, secret, ledger, profile.Issuer(operating, key, base_url), root, clock)


def renew_root_crl(home: Path, clock: Clock = system_clock) -> None:
    """Sign a fresh CRL of the root; the folder `root/` must be present."""
    _write_root_crl(home, _root_issuer(home), clock())


def renew_operating(home: Path, clock: Clock = system_clock) -> None:
    """A new certificate for the operating CA's key, running from now; the folder `root/` must be present."""
    old, issuer = _certificate(home / "ca.pem"), _root_issuer(home)
    name = str(old.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    begin = clock().replace(microsecond=0) - timedelta(minutes=5)
    end = min(add_years(begin, OPERATING_YEARS), issuer.certificate.not_valid_after_utc)
    key = Secret(home / "secret").load_key(home / "ca.key")
    fresh = profile.authority(name, key, x509.random_serial_number(), begin, end, issuer)
    write_file(home / "ca.pem", fresh.public_bytes(Encoding.PEM))


def _root_issuer(home: Path) -> profile.Issuer:
    key = Secret(home / "root" / "secret").load_key(home / "root" / "root.key")
    return profile.Issuer(_certificate(home / "root.pem"), key)


def _write_root_crl(home: Path, issuer: profile.Issuer, now: datetime) -> None:
    number = int(now.timestamp())
    write_file(home / "root.crl", crl.build(issuer, [], number, now, timedelta(days=ROOT_CRL_DAYS)))


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CaMisconfigured("home_incomplete", file=path.name) from error
    except ValueError as error:
        raise CaMisconfigured("certificate_damaged", file=path.name) from error
