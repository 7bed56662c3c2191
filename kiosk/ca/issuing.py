"""How the embedded CA issues: a row with serial number and validity is reserved before anything is signed.

The row is keyed by (request_id, use). Whoever comes again with the same request, from whatever thread, process or
day, finds it: signed, and gets that certificate; or reserved only (power cut in between), and completes it. So a
request has one certificate, and every signature the CA ever made has a row.
"""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import astuple, dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from kiosk.ca import kmc, profile
from kiosk.ca.authority import Authority
from kiosk.ca.connector import MAX_REQUEST_ID, YEARS, CaRejected, CertificateRequest, Issued, Use, normal_serial
from kiosk.ca.connector import serial_hex as spelled
from kiosk.ca.store import moment, record
from kiosk.ca.subject import Subject
from kiosk.ca.validity import may_renew, new_validity

_REQUEST_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_REQUEST_ID}}}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True)
class Term:
    """notBefore and notAfter of the certificate to come, and the certificate it follows."""

    not_before: datetime
    not_after: datetime
    predecessor: str | None = None


def submit(ca: Authority, request: CertificateRequest, seeded: Term | None = None) -> Issued:
    """Issue, or give what was issued. `seeded` sets the term by hand (demo UKeys only). Raises `CaRejected`."""
    _check(request, seeded)
    key = profile.key_of_request(request.csr)
    enveloped = escrow = None
    if request.central_key and _row(ca, request.request_id, request.use) is None:
        escrow, enveloped = kmc.make_key(key)
    with ca.ledger.transaction() as db:
        row = db.execute(_FIND, (request.request_id, request.use)).fetchone()
        if row is None:
            row = _reserve(ca, db, request, key, seeded, escrow, enveloped)
        elif row["spki"] != _spki_hash(key):
            raise CaRejected("request_key_mismatch")
        elif row["digest"] != _digest(request):
            raise CaRejected("request_mismatch")
    if row["certificate"] is None:
        row = _sign(ca, row, request.subject, key)
    return _issued(ca, row)


def find(ca: Authority, request_id: str, use: Use) -> Issued | None:
    row = _row(ca, request_id, use)
    return None if row is None or row["certificate"] is None else _issued(ca, row)


def confirm(ca: Authority, request_id: str, use: Use) -> None:
    with ca.ledger.transaction() as db:
        row = db.execute(_FIND, (request_id, use)).fetchone()
        if row is None or row["certificate"] is None:
            raise CaRejected("request_unknown")
        if row["confirmed_at"] is None:
            now = ca.clock()
            db.execute(
                "UPDATE certificate SET confirmed_at = ? WHERE serial = ?", (int(now.timestamp()), row["serial"])
            )
            record(db, now, "confirm", serial=row["serial"])


_FIND = "SELECT * FROM certificate WHERE request_id = ? AND use = ?"


def _row(ca: Authority, request_id: str, use: Use) -> sqlite3.Row | None:
    return ca.ledger.row(_FIND, request_id, use)


def _check(request: CertificateRequest, seeded: Term | None) -> None:
    if not _REQUEST_ID.fullmatch(request.request_id):
        raise CaRejected("request_id_malformed")
    if request.use not in ("sign", "encrypt"):
        raise CaRejected("use_unknown")
    if request.subject.kind != request.kind:
        raise CaRejected("kind_mismatch")
    if request.renews and request.replaces:
        raise CaRejected("renews_and_replaces")
    if seeded is None and (request.years != 0 if request.replaces else request.years not in YEARS):
        raise CaRejected("years_unknown", years=request.years)
    if request.token_serial is not None and not _TOKEN.fullmatch(request.token_serial):
        raise CaRejected("token_serial_malformed")
    if request.central_key and request.use != "encrypt":
        raise CaRejected("central_key_signs_nothing")


def _reserve(
    ca: Authority,
    db: sqlite3.Connection,
    request: CertificateRequest,
    key: profile.PublicKey,
    seeded: Term | None,
    escrow: bytes | None,
    enveloped: bytes | None,
) -> sqlite3.Row:
    now = ca.clock()
    owner = ca.secret.index(request.subject.number)
    spki = _spki_hash(key)
    used = "SELECT 1 FROM certificate WHERE spki = ? AND escrow IS NULL"
    if not request.central_key and db.execute(used, (spki,)).fetchone():
        raise CaRejected("key_reused")
    term = seeded or _term(db, request, owner, now)
    issuer_end = ca.issuer.certificate.not_valid_after_utc
    if term.not_after > issuer_end:
        raise CaRejected("beyond_issuer", issuer_not_after=issuer_end)
    serial = spelled(x509.random_serial_number())
    db.execute(
        "INSERT INTO certificate (serial, request_id, use, kind, spki, digest, owner, name, not_before, not_after,"
        " predecessor, token_serial, escrow, enveloped_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            serial,
            request.request_id,
            request.use,
            request.kind,
            spki,
            _digest(request),
            owner,
            ca.secret.seal(request.subject.name.encode(), f"name {serial}"),
            int(term.not_before.timestamp()),
            int(term.not_after.timestamp()),
            term.predecessor,
            request.token_serial,
            ca.secret.seal(escrow, f"escrow {serial}") if escrow else None,
            ca.secret.seal(enveloped, f"enveloped {serial}") if enveloped else None,
        ),
    )
    record(db, now, "seed" if seeded else "reserve", serial=serial, request=request.request_id, use=request.use)
    row: sqlite3.Row = db.execute(_FIND, (request.request_id, request.use)).fetchone()
    return row


def _term(db: sqlite3.Connection, request: CertificateRequest, owner: bytes, now: datetime) -> Term:
    """The validity by the rules of renewal and replacement. Raises `CaRejected` where they forbid it."""
    named = request.renews or request.replaces
    if named is None:
        return Term(*new_validity(None, request.years, now))
    serial = normal_serial(named)
    old = db.execute("SELECT * FROM certificate WHERE serial = ? AND certificate IS NOT NULL", (serial,)).fetchone()
    if old is None:
        raise CaRejected("certificate_unknown")
    if old["owner"] != owner or old["kind"] != request.kind:
        raise CaRejected("owner_mismatch")
    if old["state"] == "revoked" or (old["state"] == "held" and request.renews):
        raise CaRejected(f"certificate_{old['state']}")
    taken = "SELECT 1 FROM certificate WHERE predecessor = ? AND use = ? AND state <> 'revoked'"
    if db.execute(taken, (serial, request.use)).fetchone():
        raise CaRejected("already_renewed")
    end = moment(old["not_after"])
    if request.renews:
        window = may_renew(end, now)
        if not window.ok:
            raise CaRejected(f"renewal_{window.state}", days_left=window.days_left)
        return Term(*new_validity(end, request.years, now), serial)
    if end <= now:
        raise CaRejected("certificate_expired")
    return Term(new_validity(None, 1, now)[0], end, serial)


def _sign(ca: Authority, row: sqlite3.Row, subject: Subject, key: profile.PublicKey) -> sqlite3.Row:
    """Sign what was reserved. Of two that sign the same row at once, the first one stored counts."""
    serial = row["serial"]
    if row["escrow"] is not None:
        central = load_der_private_key(ca.secret.unseal(row["escrow"], f"escrow {serial}"), None)
        key = profile.acceptable(central.public_key())
    begin, end = moment(row["not_before"]), moment(row["not_after"])
    certificate = profile.end_entity(ca.issuer, subject, row["use"], key, int(serial, 16), begin, end)
    sealed = ca.secret.seal(certificate.public_bytes(Encoding.DER), f"certificate {serial}")
    with ca.ledger.transaction() as db:
        update = "UPDATE certificate SET certificate = ? WHERE serial = ? AND certificate IS NULL"
        if db.execute(update, (sealed, serial)).rowcount:
            record(db, ca.clock(), "issue", serial=serial, use=row["use"], sealed=sha256(sealed).hexdigest())
        stored: sqlite3.Row = db.execute("SELECT * FROM certificate WHERE serial = ?", (serial,)).fetchone()
    return stored


def _issued(ca: Authority, row: sqlite3.Row) -> Issued:
    serial, enveloped = row["serial"], row["enveloped_key"]
    return Issued(
        serial,
        ca.secret.unseal(row["certificate"], f"certificate {serial}"),
        ca.chain,
        moment(row["not_before"]),
        moment(row["not_after"]),
        ca.secret.unseal(enveloped, f"enveloped {serial}") if enveloped is not None else None,
    )


def _spki_hash(key: profile.PublicKey) -> bytes:
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _digest(request: CertificateRequest) -> bytes:
    asked = [
        astuple(request.subject),
        request.kind,
        request.years,
        request.renews,
        request.replaces,
        request.central_key,
    ]
    return sha256(json.dumps(asked).encode()).digest()
