"""Authorisation codes for UKeys whose PIN is forgotten or locked.

PKCS#11 lets a new PIN be set only by the security officer, so the code is the UKey's SO PIN, given out per operation:
bound to one request, for `LIFETIME`, until it is reported as used. A site that wants a code to be worthless
afterwards changes the SO PIN on the UKey and registers the new one. Every code given is in the audit chain (the code
itself is not).
"""

from __future__ import annotations

import re
from datetime import timedelta

from kiosk.ca.authority import Authority
from kiosk.ca.connector import CaRejected
from kiosk.ca.store import moment, record

LIFETIME = timedelta(minutes=10)
_SERIAL = re.compile(r"[\x21-\x7e]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register(ca: Authority, token_serial: str, so_pin: str, *, replace: bool = True) -> None:
    """Keep the SO PIN of a UKey; with `replace` False one that is known already stays."""
    if not _SERIAL.fullmatch(token_serial) or not 4 <= len(so_pin) <= 64:
        raise CaRejected("token_malformed")
    now = ca.clock()
    sealed = ca.secret.seal(so_pin.encode(), f"so_pin {token_serial}")
    with ca.ledger.transaction() as db:
        if not replace and db.execute("SELECT 1 FROM token WHERE serial = ?", (token_serial,)).fetchone():
            return
        db.execute("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", (token_serial, sealed, int(now.timestamp())))
        record(db, now, "register_token", token=token_serial)


def code(ca: Authority, token_serial: str, request_id: str) -> str:
    """The code; the same request may ask again within `LIFETIME`.

    Raises `CaRejected`: `token_unknown`, `request_id_malformed`, `request_mismatch`, `unlock_code_used`,
    `unlock_code_expired`.
    """
    if not _REQUEST_ID.fullmatch(request_id):
        raise CaRejected("request_id_malformed")
    now = ca.clock()
    with ca.ledger.transaction() as db:
        token = db.execute("SELECT so_pin FROM token WHERE serial = ?", (token_serial,)).fetchone()
        if token is None:
            raise CaRejected("token_unknown")
        given = db.execute("SELECT * FROM unlocking WHERE request_id = ?", (request_id,)).fetchone()
        if given is None:
            db.execute("INSERT INTO unlocking VALUES (?, ?, ?, NULL)", (request_id, token_serial, int(now.timestamp())))
            record(db, now, "unlock_code", token=token_serial, request=request_id)
        elif given["token_serial"] != token_serial:
            raise CaRejected("request_mismatch")
        elif given["used_at"] is not None:
            raise CaRejected("unlock_code_used")
        elif now >= moment(given["given_at"]) + LIFETIME:
            raise CaRejected("unlock_code_expired")
    return ca.secret.unseal(token["so_pin"], f"so_pin {token_serial}").decode()


def used(ca: Authority, request_id: str) -> None:
    """Close a request. Raises `CaRejected("request_unknown")`."""
    now = ca.clock()
    with ca.ledger.transaction() as db:
        given = db.execute("SELECT used_at FROM unlocking WHERE request_id = ?", (request_id,)).fetchone()
        if given is None:
            raise CaRejected("request_unknown")
        if given["used_at"] is None:
            db.execute("UPDATE unlocking SET used_at = ? WHERE request_id = ?", (int(now.timestamp()), request_id))
            record(db, now, "unlock_used", request=request_id)
