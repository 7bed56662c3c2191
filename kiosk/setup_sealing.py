"""The kiosk's own document key: finished forms are sealed with it (PAdES), so that a changed copy is seen."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kiosk.ca.connector import CertificateRequest
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Document, Subject
from kiosk.config import Settings

YEARS = 5
KEY, CERTIFICATE, CHAIN = "document.key", "document.pem", "document-chain.pem"


def document_key(settings: Settings) -> None:
    """Make the key and have the embedded CA certify it; an interrupted run goes on with the key it made."""
    folder = settings.secrets
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = _key(folder / KEY)
    subject = Subject(name=settings.hall_name, number=settings.kiosk_id, document=Document.OTHER)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, settings.kiosk_id)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(named).sign(key, hashes.SHA256())
    request = CertificateRequest(
        request_id=f"{settings.kiosk_id}-documents",
        use="sign",
        csr=csr.public_bytes(Encoding.DER),
        subject=subject,
        kind=subject.kind,
        years=YEARS,
    )
    with EmbeddedCa(settings.ca_home) as ca:
        issued = ca.submit(request)
        ca.confirm(request.request_id, "sign")
    _put(folder / CHAIN, b"".join(_pem(der) for der in issued.chain))
    _put(folder / CERTIFICATE, _pem(issued.certificate))


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        _put(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    loaded = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def _put(path: Path, content: bytes) -> None:
    """Written beside and moved, so that there is never half a file."""
    beside = path.with_name(path.name + ".part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
