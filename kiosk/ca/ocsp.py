"""OCSP answers (RFC 6960) of the embedded CA, signed by a delegated responder."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from kiosk.ca import profile
from kiosk.ca.authority import Authority
from kiosk.ca.connector import serial_hex
from kiosk.ca.keys import SigningKey, new_key, write_file
from kiosk.ca.store import moment, record

MAX_REQUEST = 8 * 1024
VALID = timedelta(hours=1)
RESPONDER_LIFETIME = timedelta(days=365)
RESPONDER_RENEWAL = timedelta(days=30)
_ALGORITHMS = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)


def answer(ca: Authority, request_der: bytes) -> bytes:
    """good, revoked (also suspended, as certificateHold) or unknown; an unsuccessful response for what cannot be
    answered.
    """
    try:
        if not 0 < len(request_der) <= MAX_REQUEST:
            raise ValueError("size")
        request = ocsp.load_der_ocsp_request(request_der)
        serial, algorithm = request.serial_number, request.hash_algorithm
        asked = (request.issuer_name_hash, request.issuer_key_hash)
        nonces = [
            extension.value.nonce for extension in request.extensions if isinstance(extension.value, x509.OCSPNonce)
        ]
    except (ValueError, TypeError):
        return _refuse(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    if not isinstance(algorithm, _ALGORITHMS) or asked != _issuer_hashes(ca, algorithm):
        return _refuse(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    now = ca.clock().replace(microsecond=0)
    certificate, key = _responder(ca, now)
    status, revoked_at, reason = _status(ca, serial)
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        *asked, serial, algorithm, status, now - timedelta(minutes=5), now + VALID, revoked_at, reason
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate).certificates([certificate])
    if nonces and 1 <= len(nonces[0]) <= 32:  # RFC 8954 §2.1
        builder = builder.add_extension(x509.OCSPNonce(nonces[0]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _status(ca: Authority, serial: int) -> tuple[ocsp.OCSPCertStatus, datetime | None, x509.ReasonFlags | None]:
    query = "SELECT state, reason, revoked_at FROM certificate WHERE serial = ? AND certificate IS NOT NULL"
    row = ca.ledger.row(query, serial_hex(serial)) if serial > 0 else None
    if row is None:
        return ocsp.OCSPCertStatus.UNKNOWN, None, None
    if row["state"] == "active":
        return ocsp.OCSPCertStatus.GOOD, None, None
    reason = None if row["reason"] == "unspecified" else x509.ReasonFlags(row["reason"])
    return ocsp.OCSPCertStatus.REVOKED, moment(row["revoked_at"]), reason


def _issuer_hashes(ca: Authority, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    """The hashes of RFC 6960 §4.1.1: issuer's name (DER), issuer's key (contents of the BIT STRING)."""
    probe = ocsp.OCSPRequestBuilder().add_certificate(ca.issuer.certificate, ca.issuer.certificate, algorithm).build()
    name = hashes.Hash(algorithm)
    name.update(ca.issuer.certificate.subject.public_bytes())
    return name.finalize(), probe.issuer_key_hash


def _responder(ca: Authority, now: datetime) -> tuple[x509.Certificate, SigningKey]:
    """The responder's certificate and key; made when missing, and renewed in good time."""
    path, key_path = ca.home / "ocsp.pem", ca.home / "ocsp.key"
    certificate = _usable(ca, now)
    if certificate is None:
        with ca.ledger.transaction() as db:  # one process makes it, the others wait here
            certificate = _usable(ca, now)
            if certificate is None:
                if not key_path.exists():
                    ca.secret.save_key(new_key("p256"), key_path)
                key, serial = ca.secret.load_key(key_path), x509.random_serial_number()
                begin, end = now - timedelta(minutes=5), now + RESPONDER_LIFETIME
                certificate = profile.ocsp_responder(ca.issuer, key.public_key(), serial, begin, end)
                write_file(path, certificate.public_bytes(Encoding.PEM))
                record(db, now, "ocsp_responder", serial=serial_hex(serial))
    return certificate, ca.secret.load_key(key_path)


def _usable(ca: Authority, now: datetime) -> x509.Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate((ca.home / "ocsp.pem").read_bytes())
    except (OSError, ValueError):
        return None
    return certificate if certificate.not_valid_after_utc - now > RESPONDER_RENEWAL else None


def _refuse(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
