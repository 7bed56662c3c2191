"""What the kiosk asks of a certificate authority, whoever runs it.

A connector performs requests in the outside world, so each of them may end in a third way beside success and refusal:
unknown (`CaUnreachable`). Every request is therefore idempotent: the same `request_id` and `use` give the same
certificate for ever, and `find` tells what became of a request whose answer was lost.

    CaError                     code, facts
    ├── CaUnreachable           nobody knows whether the request was carried out: ask again
    ├── CaRejected              the CA looked at the request and refused; nothing was changed
    │   └── SubjectRefused      ... because the name or number cannot stand in a certificate
    └── CaMisconfigured         this connector cannot work: no CA home, wrong key, wrong chain

Certificate serial numbers are written as lower-case hexadecimal of whole bytes (`serial_hex`). All datetimes are aware.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from kiosk.ca.subject import Subject

Use = Literal["sign", "encrypt"]
Kind = Literal["unit", "personal"]

MAX_REQUEST_ID = 64
YEARS = range(1, 6)


class CaError(Exception):
    """Base of the tree above. `code` is a stable snake_case word, `facts` say more and hold no personal data."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.facts)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{key}={value}" for key, value in self.facts.items())])


class CaUnreachable(CaError):
    """No answer, or none that can be understood. The request may have been carried out."""


class CaRejected(CaError):
    """The CA refused. Repeating the same request will be refused again."""


class SubjectRefused(CaRejected):
    """The subject cannot be written into a certificate; `facts["field"]` names the part."""


class CaMisconfigured(CaError):
    """The connector is not able to work until an operator has mended something."""


def _rebuild(kind: type[CaError], code: str, facts: dict[str, Any]) -> CaError:
    return kind(code, **facts)


class Reason(StrEnum):
    """Why a certificate is revoked for ever (RFC 5280 §5.3.1). Suspension is `hold`, not a reason."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


class State(StrEnum):
    """What a certificate is now, by the CA's clock. An expired certificate that was revoked stays `revoked`."""

    ACTIVE = "active"
    HELD = "held"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Capabilities:
    """What this CA can do; a service that needs more is not offered."""

    can_hold: bool
    can_release: bool
    can_central_key: bool
    can_revoke: bool = True
    can_unlock: bool = False


@dataclass(frozen=True)
class CertificateRequest:
    """One certificate to be made.

    `request_id`: chosen by the caller, 1–64 of `A-Z a-z 0-9 . _ -`, the same for both uses of one order.
    `csr`: PKCS#10 DER; its signature proves possession, its subject is ignored: `subject` counts.
    `years`: 1–5; 0 exactly when `replaces` is given.
    `renews`: the old certificate whose validity is run on from (renewal window applies, same owner).
    `replaces`: the old certificate whose remaining validity the new one takes over (lost, damaged or changed; same
    number).
    `token_serial`: the UKey it will be written to, for later look-ups.
    `central_key`: the CA makes the encryption key pair itself and returns it enveloped to the key of `csr`.
    """

    request_id: str
    use: Use
    csr: bytes
    subject: Subject
    kind: Kind
    years: int
    renews: str | None = None
    replaces: str | None = None
    token_serial: str | None = None
    central_key: bool = False


@dataclass(frozen=True)
class Issued:
    """A certificate. `chain`: issuers in DER, nearest first, root last.

    `enveloped_key`: CMS EnvelopedData (DER) of the PKCS#8 key for the signing key, only after `central_key`.
    """

    serial_hex: str
    certificate: bytes
    chain: list[bytes]
    not_before: datetime
    not_after: datetime
    enveloped_key: bytes | None = None


@dataclass(frozen=True)
class Pending:
    """The CA has taken the request and will decide later; ask again with `find` after `retry_after` seconds."""

    request_id: str
    retry_after: int


@dataclass(frozen=True)
class Revocation:
    """A revocation or suspension as it stands in the CRL. `reason` is a `Reason` value or `certificateHold`."""

    serial_hex: str
    reason: str
    revoked_at: datetime


@dataclass(frozen=True)
class CertificateRecord:
    """What the CA knows of one certificate. `replaced_by`: the serial of its renewal or replacement, if any."""

    serial_hex: str
    use: Use
    kind: Kind
    name: str
    state: State
    not_before: datetime
    not_after: datetime
    reason: str | None = None
    revoked_at: datetime | None = None
    token_serial: str | None = None
    replaced_by: str | None = None


class Connector(Protocol):
    """One CA. Every method may raise `CaUnreachable`, and `CaRejected` where the CA says no."""

    @property
    def capabilities(self) -> Capabilities: ...

    def submit(self, request: CertificateRequest) -> Issued | Pending:
        """Ask for a certificate. The same request again gives the same answer; the same id with another key is
        rejected.
        """

    def find(self, request_id: str, use: Use) -> Issued | Pending | None:
        """What became of a request; None: the CA has never seen it (or has not signed), so it may be submitted
        (again).
        """

    def confirm(self, request_id: str, use: Use) -> None:
        """Tell the CA that the certificate was read back from the UKey and proven. Idempotent; revokes nothing."""

    def revoke(self, serial_hex: str, reason: Reason) -> Revocation:
        """Revoke for ever. Idempotent: a revoked certificate keeps its first reason and time."""

    def hold(self, serial_hex: str) -> Revocation:
        """Suspend. Idempotent; rejected for a revoked or expired certificate."""

    def release(self, serial_hex: str) -> None:
        """End a suspension. Idempotent for an active certificate; rejected for a revoked one."""

    def status(self, serial_hex: str) -> CertificateRecord:
        """One certificate; `CaRejected("certificate_unknown")` when this CA did not issue it."""

    def certificates_for(self, number: str) -> list[CertificateRecord]:
        """All certificates of one ID or unit number, newest first."""

    def register_token(self, token_serial: str, so_pin: str, *, replace: bool = True) -> None:
        """Keep the unlocking code (SO PIN, PUK) of a UKey. `replace` False: only where none is known yet."""

    def unlock_code(self, token_serial: str, request_id: str) -> str:
        """The authorisation code that lets this UKey set a new PIN, once."""

    def unlock_used(self, request_id: str) -> None:
        """The UKey was unlocked: this request gets no code any more. Idempotent."""

    def crl(self) -> bytes:
        """The current CRL of the issuing CA, DER."""

    def chain(self) -> list[bytes]:
        """Issuing CA first, root last, DER."""

    def clock(self) -> datetime:
        """The CA's time."""


def serial_hex(number: int) -> str:
    """The way this product writes a serial number: lower-case hexadecimal, whole bytes, no sign octet."""
    if number <= 0:
        raise ValueError("a serial number is positive")
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex()


def normal_serial(text: str) -> str:
    """The same from what people and tools write (upper case, colons, blanks, 0x, leading zeros)."""
    digits = text.strip().lower().removeprefix("0x").replace(":", "").replace(" ", "")
    if not digits or len(digits) > 42 or set(digits) - set("0123456789abcdef") or not digits.strip("0"):
        raise CaRejected("serial_malformed")
    return serial_hex(int(digits, 16))
