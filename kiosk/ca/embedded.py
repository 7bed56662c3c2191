"""The embedded CA: a whole certificate authority in one folder, for sites without a CA to connect to.

Offline root and operating CA, a ledger that survives power cuts, idempotent issuing, suspension and revocation, CRL,
OCSP, authorisation codes for unlocking, escrowed encryption keys. Several processes may open the same home at once.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.ca import authority, crl, issuing, ocsp, profile, publishing, unlocking
from kiosk.ca.connector import (
    Capabilities,
    CaRejected,
    CertificateRecord,
    CertificateRequest,
    Issued,
    Kind,
    Reason,
    Revocation,
    State,
    Use,
    normal_serial,
)
from kiosk.ca.store import moment, record, verify_audit
from kiosk.ca.subject import Subject


class EmbeddedCa:
    """The connector to the CA in `home`. Raises `CaMisconfigured` when the home is not usable.

    `base_url`: where relying parties reach CRL, CA certificate and OCSP; None leaves the addresses out of certificates.
    `secret_file`: where the home's secret is kept, if not in the home. `clock` gives the CA's time (aware).
    """

    def __init__(
        self,
        home: Path,
        *,
        base_url: str | None = None,
        secret_file: Path | None = None,
        clock: authority.Clock = authority.system_clock,
    ) -> None:
        self._ca = authority.load(Path(home), base_url, secret_file, clock)

    @classmethod
    def create(
        cls,
        home: Path,
        *,
        name: str = "CA Kiosk Operating CA",
        algorithm: str = "rsa3072",
        clock: authority.Clock = authority.system_clock,
    ) -> None:
        """Make a CA in `home` (see `kiosk.ca.authority`). Raises `CaMisconfigured("home_exists")`."""
        authority.create(Path(home), name, algorithm, clock)
        with cls(home, clock=clock) as made:
            made.publish()

    def __enter__(self) -> EmbeddedCa:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ca.ledger.close()

    # -- issuing ----------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(can_hold=True, can_release=True, can_central_key=True, can_unlock=True)

    def submit(self, request: CertificateRequest) -> Issued:
        return issuing.submit(self._ca, request)

    def find(self, request_id: str, use: Use) -> Issued | None:
        return issuing.find(self._ca, request_id, use)

    def confirm(self, request_id: str, use: Use) -> None:
        issuing.confirm(self._ca, request_id, use)

    def seed_certificate(
        self,
        csr: bytes,
        subject: Subject,
        kind: Kind,
        not_before: datetime,
        not_after: datetime,
        *,
        token_serial: str | None = None,
        use: Use = "sign",
    ) -> Issued:
        """A certificate with a validity set by hand, for demo UKeys only. Idempotent for the same key and validity."""
        key = profile.key_of_request(csr).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        request_id = "seed-" + sha256(key).hexdigest()[:32]
        request = CertificateRequest(request_id, use, csr, subject, kind, 0, token_serial=token_serial)
        return issuing.submit(self._ca, request, issuing.Term(not_before, not_after))

    # -- suspending and revoking ------------------------------------------------------------------

    def revoke(self, serial_hex: str, reason: Reason) -> Revocation:
        revocation = self._withdraw(serial_hex, "revoked", Reason(reason).value)
        self.publish()
        return revocation

    def hold(self, serial_hex: str) -> Revocation:
        revocation = self._withdraw(serial_hex, "held", "certificateHold")
        self.publish()
        return revocation

    def release(self, serial_hex: str) -> None:
        serial = normal_serial(serial_hex)
        with self._ca.ledger.transaction() as db:
            row = _certificate(db, serial)
            if row["state"] == "revoked":
                raise CaRejected("certificate_revoked")
            if row["state"] == "held":
                self._change(db, serial, "active", None)
        self.publish()

    def _withdraw(self, serial_hex: str, state: str, reason: str) -> Revocation:
        serial, now = normal_serial(serial_hex), self._ca.clock()
        with self._ca.ledger.transaction() as db:
            row = _certificate(db, serial)
            if row["state"] == "revoked" and state == "held":
                raise CaRejected("certificate_revoked")
            if state == "held" and row["state"] == "active" and moment(row["not_after"]) <= now:
                raise CaRejected("certificate_expired")
            if row["state"] not in (state, "revoked"):
                self._change(db, serial, state, reason)
                row = _certificate(db, serial)
        return Revocation(serial, row["reason"], moment(row["revoked_at"]))

    def _change(self, db: sqlite3.Connection, serial: str, state: str, reason: str | None) -> None:
        now = self._ca.clock()
        at = int(now.timestamp()) if reason else None
        db.execute(
            "UPDATE certificate SET state = ?, reason = ?, revoked_at = ? WHERE serial = ?", (state, reason, at, serial)
        )
        db.execute("UPDATE crl SET stale = 1")
        action = {"revoked": "revoke", "held": "hold", "active": "release"}[state]
        record(db, now, action, serial=serial, reason=reason)

    # -- looking up -------------------------------------------------------------------------------

    def status(self, serial_hex: str) -> CertificateRecord:
        row = self._ca.ledger.row(_LIST + " AND c.serial = ?", normal_serial(serial_hex))
        if row is None:
            raise CaRejected("certificate_unknown")
        return self._record(row)

    def certificates_for(self, number: str) -> list[CertificateRecord]:
        return self._records(" AND c.owner = ?", self._ca.secret.index(number))

    def everything(self, limit: int = 1000) -> list[CertificateRecord]:
        """All certificates, newest first."""
        return self._records("", limit=limit)

    def certificate(self, serial_hex: str) -> bytes:
        """One certificate, DER."""
        serial = normal_serial(serial_hex)
        row = self._ca.ledger.row("SELECT certificate FROM certificate WHERE serial = ?", serial)
        if row is None or row["certificate"] is None:
            raise CaRejected("certificate_unknown")
        return self._ca.secret.unseal(row["certificate"], f"certificate {serial}")

    def _records(self, condition: str, *values: bytes, limit: int = 1000) -> list[CertificateRecord]:
        rows = self._ca.ledger.rows(f"{_LIST}{condition} ORDER BY c.rowid DESC LIMIT ?", *values, limit)
        return [self._record(row) for row in rows]

    def _record(self, row: sqlite3.Row) -> CertificateRecord:
        serial, end = row["serial"], moment(row["not_after"])
        state = State(row["state"])
        if state is not State.REVOKED and end <= self._ca.clock():
            state = State.EXPIRED
        return CertificateRecord(
            serial,
            row["use"],
            row["kind"],
            self._ca.secret.unseal(row["name"], f"name {serial}").decode(),
            state,
            moment(row["not_before"]),
            end,
            row["reason"],
            moment(row["revoked_at"]) if row["revoked_at"] is not None else None,
            row["token_serial"],
            row["replaced_by"],
        )

    # -- UKeys ------------------------------------------------------------------------------------

    def register_token(self, token_serial: str, so_pin: str, *, replace: bool = True) -> None:
        """Keep the unlocking PIN (SO PIN, PUK) of a UKey, sealed; again after it was changed on the UKey."""
        unlocking.register(self._ca, token_serial, so_pin, replace=replace)

    def unlock_code(self, token_serial: str, request_id: str) -> str:
        return unlocking.code(self._ca, token_serial, request_id)

    def unlock_used(self, request_id: str) -> None:
        """The UKey was unlocked: this request gets no code any more. Idempotent."""
        unlocking.used(self._ca, request_id)

    # -- publishing -------------------------------------------------------------------------------

    def crl(self) -> bytes:
        return crl.current(self._ca)

    def ocsp(self, request_der: bytes) -> bytes:
        """The answer to an OCSP request, DER to DER; also malformed requests are answered."""
        return ocsp.answer(self._ca, request_der)

    def chain(self) -> list[bytes]:
        return self._ca.chain

    def clock(self) -> datetime:
        return self._ca.clock()

    def exports(self, folder: Path) -> None:
        """Write certificates and CRLs of the CA into `folder`, each file replaced in one step."""
        publishing.write(self._ca, Path(folder))

    def publish(self) -> None:
        """Bring `public/` in the home up to date."""
        self.exports(self._ca.home / "public")

    def verify_audit(self) -> tuple[int, int | None]:
        """(entries of the audit chain, number of the first broken one or None)."""
        return verify_audit(self._ca.ledger)


_LIST = (
    "SELECT c.serial, c.use, c.kind, c.name, c.state, c.not_before, c.not_after, c.reason, c.revoked_at,"
    " c.token_serial, (SELECT s.serial FROM certificate s WHERE s.predecessor = c.serial AND s.use = c.use"
    " AND s.state <> 'revoked' AND s.certificate IS NOT NULL)"
    " AS replaced_by FROM certificate c WHERE c.certificate IS NOT NULL"
)


def _certificate(db: sqlite3.Connection, serial: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM certificate WHERE serial = ? AND certificate IS NOT NULL", (serial,)
    ).fetchone()
    if row is None:
        raise CaRejected("certificate_unknown")
    return row
