"""The centre's register of kiosks: invite by a one-time code, pair, know again, revoke.

A code has 50 bits, works once, for one kiosk, for 15 minutes; the centre keeps its SHA-256. Pairing a kiosk again
replaces its credential: the old one is worth nothing from then on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet import signing
from kiosk.fleet.models import FleetInvite, FleetKiosk, FleetStatus
from kiosk.fleet.wire import Pairing

LIFE = dt.timedelta(minutes=15)
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else
LENGTH = 10
_ID = re.compile(r"[A-Z][A-Z0-9]{2,5}")
_HALL = re.compile(r"[a-z0-9_]{1,40}")


class PairingRefused(Exception):
    """``code``: kiosk_malformed, hall_malformed, own_name, code_wrong, not_paired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _digest(code: str) -> str:
    return hashlib.sha256("".join(code.upper().replace("-", " ").split()).encode()).hexdigest()


def invite(session: Session, own: str, kiosk: str, hall: str, place: str, by: str) -> str:
    """A code for ``kiosk``, shown this once; earlier unused ones of the same kiosk are void."""
    if not _ID.fullmatch(kiosk):
        raise PairingRefused("kiosk_malformed")
    if kiosk == own:
        raise PairingRefused("own_name")
    if not _HALL.fullmatch(hall):
        raise PairingRefused("hall_malformed")
    void = update(FleetInvite).where(FleetInvite.kiosk == kiosk, FleetInvite.used_at.is_(None))
    session.execute(void.values(used_at=now()))
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    expires = now() + LIFE
    session.add(FleetInvite(digest=_digest(code), kiosk=kiosk, hall=hall, place=place[:60], by=by, expires_at=expires))
    return f"{code[:5]}-{code[5:]}"


def pair(session: Session, asked: Pairing) -> FleetKiosk:
    """Take the code and register the key. Raises :class:`PairingRefused`; a wrong code tells nothing more."""
    found = session.get(FleetInvite, _digest(asked.code), with_for_update=True)
    if found is None or found.used_at is not None or found.expires_at < now() or found.kiosk != asked.kiosk:
        raise PairingRefused("code_wrong")
    found.used_at = now()
    row = session.get(FleetKiosk, asked.kiosk, with_for_update=True) or FleetKiosk(kiosk=asked.kiosk)
    row.hall, row.place, row.revoked_at, row.paired_at = found.hall, found.place, None, now()
    row.credential, row.public_key = signing.new_credential(), bytes.fromhex(asked.public_key)
    session.add(row)
    status = session.get(FleetStatus, asked.kiosk, with_for_update=True)
    if status is None:
        session.add(FleetStatus(kiosk=asked.kiosk, counter=0, epoch=asked.epoch, told={}))
    else:
        status.counter = 0  # counters belong to a credential
    session.flush()
    return row


def revoke(session: Session, kiosk: str) -> FleetKiosk:
    """From now on nothing this kiosk signs is believed."""
    row = session.get(FleetKiosk, kiosk, with_for_update=True)
    if row is None or row.revoked_at is not None:
        raise PairingRefused("not_paired")
    row.revoked_at = now()
    return row


def known(session: Session, kiosk: str, credential: str) -> FleetKiosk | None:
    """The kiosk with that credential, whether revoked or not."""
    query = select(FleetKiosk).where(FleetKiosk.kiosk == kiosk, FleetKiosk.credential == credential)
    return session.scalars(query).first()
