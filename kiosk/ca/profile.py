"""What stands in the certificates of the embedded CA (RFC 5280; GM/T 0015 and ETSI EN 319 412 for the use of keys).

signing     digitalSignature + nonRepudiation, RSA from 2048 bits or P-256
encryption  RSA keyEncipherment + dataEncipherment; P-256 keyAgreement
Both        SKI, AKI, critical keyUsage, basicConstraints without cA, policy if configured, e-mail in SAN, CRL and AIA
addresses
            if configured. notAfter never beyond the issuer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from kiosk.ca.connector import CaRejected, Use
from kiosk.ca.keys import SigningKey
from kiosk.ca.subject import Subject

MAX_CSR = 16 * 1024
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Issuer:
    """Who signs. `base_url`: where `ca.crl`, `ca.cer` and `/ocsp` are served, None when nowhere."""

    certificate: x509.Certificate
    key: SigningKey
    base_url: str | None = None


def key_of_request(csr_der: bytes) -> PublicKey:
    """The public key of a PKCS#10 request whose signature is right.

    Raises `CaRejected`: `csr_malformed`, `csr_signature`, `key_unsupported`, `key_weak`.
    """
    if not 0 < len(csr_der) <= MAX_CSR:
        raise CaRejected("csr_malformed", octets=len(csr_der))
    try:
        csr = x509.load_der_x509_csr(csr_der)
        key = csr.public_key()
        algorithm = csr.signature_hash_algorithm
        proven = csr.is_signature_valid
    except (UnsupportedAlgorithm, InvalidSignature) as error:
        raise CaRejected("key_unsupported") from error
    except (ValueError, TypeError) as error:
        raise CaRejected("csr_malformed", octets=len(csr_der)) from error
    if not proven:
        raise CaRejected("csr_signature")
    if algorithm is None or algorithm.digest_size < 32:
        raise CaRejected("csr_digest_weak")
    return acceptable(key)


def acceptable(key: object) -> PublicKey:
    """The key itself if a certificate may carry it: RSA 2048–4096 bits with an exponent of 65537 or more, or P-256."""
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 4096 or key.key_size % 8 or key.public_numbers().e < 65537:
            raise CaRejected("key_weak", bits=key.key_size)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise CaRejected("key_unsupported")


def end_entity(
    issuer: Issuer, subject: Subject, use: Use, key: PublicKey, serial: int, not_before: datetime, not_after: datetime
) -> x509.Certificate:
    """Sign a certificate for a UKey. Raises `CaRejected("beyond_issuer")`."""
    if not_after > issuer.certificate.not_valid_after_utc:
        raise CaRejected("beyond_issuer", issuer_not_after=issuer.certificate.not_valid_after_utc)
    builder = _builder(issuer, subject.distinguished_name(), key, serial, not_before, not_after)
    builder = builder.add_extension(_key_usage(use, key), critical=True)
    if subject.email is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(subject.email)]), False)
    return builder.sign(issuer.key, hashes.SHA256())


def ocsp_responder(issuer: Issuer, key: PublicKey, serial: int, begin: datetime, end: datetime) -> x509.Certificate:
    """A delegated OCSP responder (RFC 6960 §4.2.2.2), itself not checked for revocation."""
    name = _name(_common_name(issuer.certificate) + " OCSP")
    builder = _builder(issuer, name, key, serial, begin, min(end, issuer.certificate.not_valid_after_utc))
    builder = builder.add_extension(_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    return builder.add_extension(x509.OCSPNoCheck(), False).sign(issuer.key, hashes.SHA256())


def authority(
    name: str, key: SigningKey, serial: int, begin: datetime, end: datetime, issuer: Issuer | None = None
) -> x509.Certificate:
    """A CA certificate: self-signed root without `issuer`, otherwise an operating CA that may issue to end entities
    only.
    """
    by = issuer.certificate.subject if issuer else _name(name)
    by_key = issuer.key.public_key() if issuer else key.public_key()
    builder = x509.CertificateBuilder(by, _name(name), key.public_key(), serial).not_valid_before(begin)
    builder = builder.not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(True, 0 if issuer else None), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if issuer:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key), False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _builder(
    issuer: Issuer, name: x509.Name, key: PublicKey, serial: int, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    issuer_key = issuer.certificate.public_key()
    assert isinstance(issuer_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    builder = x509.CertificateBuilder(issuer.certificate.subject, name, key, serial)
    builder = builder.not_valid_before(begin).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)
    if issuer.base_url is None:
        return builder
    base = issuer.base_url.rstrip("/")
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{base}/ca.crl")], None, None, None)
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(f"{base}/{place}"))
        for method, place in (
            (AuthorityInformationAccessOID.OCSP, "ocsp"),
            (AuthorityInformationAccessOID.CA_ISSUERS, "ca.cer"),
        )
    ]
    builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
    return builder.add_extension(x509.AuthorityInformationAccess(access), False)


def _key_usage(use: Use, key: PublicKey) -> x509.KeyUsage:
    if use == "sign":
        return _usage(digital_signature=True, content_commitment=True)
    if isinstance(key, rsa.RSAPublicKey):
        return _usage(key_encipherment=True, data_encipherment=True)
    return _usage(key_agreement=True)


def _usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    )
    rest = dict.fromkeys((*names.split(), "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**(rest | bits))


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CA Kiosk"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
