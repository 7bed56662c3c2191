"""Certificate revocation lists of the embedded CA (RFC 5280 §5).

A suspended certificate is listed with certificateHold and dropped when it is released. Entries stay after expiry:
documents signed before a revocation are verified for years. The number grows by one with each list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca.profile import Issuer
from kiosk.ca.store import moment, record

if TYPE_CHECKING:
    from kiosk.ca.authority import Authority

LIFETIME = timedelta(days=7)
REFRESH = timedelta(hours=12)
_ENTRIES = "SELECT serial, revoked_at, reason FROM certificate WHERE state <> 'active' ORDER BY serial"


@dataclass(frozen=True)
class Entry:
    """One line of the list. `reason`: the name in RFC 5280, `certificateHold` included."""

    serial: int
    revoked_at: datetime
    reason: str


def build(
    issuer: Issuer, entries: Iterable[Entry], number: int, now: datetime, lifetime: timedelta = LIFETIME
) -> bytes:
    """A signed full CRL, DER."""
    issuer_key = issuer.certificate.public_key()
    assert isinstance(issuer_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    begin = max(now.astimezone(UTC).replace(microsecond=0), issuer.certificate.not_valid_before_utc)
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject,
        begin,
        min(begin + lifetime, issuer.certificate.not_valid_after_utc),
        [],
        [_revoked(entry) for entry in entries],
    )
    builder = builder.add_extension(x509.CRLNumber(number), False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def current(ca: Authority) -> bytes:
    """The list as it must stand now: a new one after each change and every `REFRESH`, otherwise the last one again."""
    now = ca.clock()
    kept = ca.ledger.row("SELECT * FROM crl")
    if kept is not None and not kept["stale"] and moment(kept["made_at"]) <= now < moment(kept["made_at"]) + REFRESH:
        return bytes(kept["der"])
    with ca.ledger.transaction() as db:
        kept = db.execute("SELECT number FROM crl").fetchone()
        number = kept["number"] + 1 if kept else 1
        rows = db.execute(_ENTRIES).fetchall()
        der = build(ca.issuer, [Entry(int(row[0], 16), moment(row[1]), row[2]) for row in rows], number, now)
        db.execute("INSERT OR REPLACE INTO crl VALUES (1, ?, ?, 0, ?)", (number, int(now.timestamp()), der))
        record(db, now, "crl", number=number, entries=len(rows))
    return der


def _revoked(entry: Entry) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(entry.serial, entry.revoked_at)
    if entry.reason != "unspecified":  # RFC 5280 §5.3.1: absent rather than unspecified
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(entry.reason)), False)
    return builder.build()
