"""What tests of the CA share: people, keys, requests, a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca.connector import CertificateRequest
from kiosk.ca.subject import Document, Subject

UNIT = Subject(
    "湖南潇湘建设工程有限责任公司第一分公司益阳市办事处", "91430900MA4L16JQ9B", Document.USCC, email="a@example.com"
)
PERSON = Subject("欧阳修远", "430903199001011234", Document.ID_CARD)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def csr(key=None) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    return x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def ask(request_id: str = "order-1", **changes) -> CertificateRequest:
    subject = changes.setdefault("subject", UNIT)
    fields = {"use": "sign", "kind": subject.kind, "years": 1} | changes
    return CertificateRequest(request_id=request_id, csr=fields.pop("csr", None) or csr(), **fields)
