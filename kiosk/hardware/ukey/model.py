"""What a UKey says about itself: plain values that cross the pipe between the driver's process and ours."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True)
class TokenInfo:
    """One inserted and initialised UKey.

    ``blank``: no certificate and no public key are to be seen without the PIN. ``free_memory``: bytes, None where the
    token does not tell. The three pin flags are CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED;
    OpenSC knows them only right after a wrong PIN. ``reader``: the slot's description, the reader's name for a card.
    """

    serial: str
    label: str
    manufacturer: str
    model: str
    blank: bool
    free_memory: int | None
    pin_set: bool
    pin_count_low: bool
    pin_final_try: bool
    pin_locked: bool
    reader: str = ""


@dataclass(frozen=True)
class TokenCertificate:
    """One X.509 certificate on a UKey, with the CKA_ID (hex) that ties it to its key pair.

    ``has_key``: a public key object under the same id is the very key in the certificate. Private keys are invisible
    without the PIN; a pair is always made and kept whole, and ``UKeyReader.prove_key`` settles it with the PIN.
    """

    key_id: str
    der: bytes
    label: str
    has_key: bool


@dataclass(frozen=True)
class TokenObject:
    """A public data object (CKO_DATA), such as an electronic seal. ``size`` in bytes."""

    label: str
    size: int


@dataclass(frozen=True)
class TokenContents:
    """Everything on a UKey that can be read without the PIN."""

    info: TokenInfo
    certificates: tuple[TokenCertificate, ...]
    objects: tuple[TokenObject, ...]


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether the key usage allows signatures (RFC 5280, 4.2.1.3); a certificate without the extension may."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def current(contents: TokenContents) -> TokenCertificate | None:
    """The signing certificate that counts: the newest (notBefore, then notAfter) whose key is on the UKey.

    Renewal never deletes, so a UKey carries older generations beside the current one.
    """
    ranked = []
    for item in contents.certificates:
        if not item.has_key:
            continue
        try:
            certificate = x509.load_der_x509_certificate(item.der)
            if may_sign(certificate):
                ranked.append((certificate.not_valid_before_utc, certificate.not_valid_after_utc, item.key_id, item))
        except ValueError:
            continue
    return max(ranked)[3] if ranked else None
