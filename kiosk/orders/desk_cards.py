"""Clerks' smart cards: which card lies in the reader, whose it is, what it has proven, and the session that lasts as
long as it stays.

The worker notes every coming and going (:func:`note`); each stay of a card has a name of its own, so a card that was
taken out and put back does not go on with the session of before. A proof is asked for by a page under a random token
and answered by the worker: the card signed a fresh nonce with its PIN. Only an enrolled certificate signs anybody in.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import desk_facts
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk, ClerkSession, Standing

HERE, PROOF, HELD, ENROLLED = "clerk_card", "card_proof", "card_session", "card."
FRESH = dt.timedelta(seconds=60)
"""A worker that has not been heard of for so long cannot see a card being taken away: nobody stays signed in by it."""
ANSWER = dt.timedelta(seconds=60)
"""How long a page waits for the worker's answer about a PIN."""


@dataclass(frozen=True)
class Seen:
    """What the worker sees. ``stay`` names this stay of the card; ``fingerprint``: SHA-256 of its certificate."""

    watched: bool
    present: bool = False
    stay: str = ""
    fingerprint: str = ""
    code: str = ""


@dataclass(frozen=True)
class Proof:
    """The worker's answer to one request. ``state``: asked, done, failed, lost; ``left``: tries the card allows."""

    state: str
    code: str = ""
    left: int | None = None
    fingerprint: str = ""
    serial: str = ""
    not_after: str = ""
    stay: str = ""


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# -- coming and going -----------------------------------------------------------------------------


def look(session: Session) -> Seen:
    """What lies in the reader as far as a living worker knows."""
    row = session.get(Standing, HERE)
    if row is None or now() - row.at > FRESH:
        return Seen(False)
    value = row.value
    return Seen(True, bool(value["present"]), str(value["stay"]), str(value["fingerprint"]), str(value["code"]))


def note(session: Session, house: House, seen: Seen) -> None:
    """Keep what the worker sees; a session held by a card that is gone ends in the same transaction."""
    value = {"present": seen.present, "stay": seen.stay, "fingerprint": seen.fingerprint, "code": seen.code}
    desk_facts.put(session, HERE, value)
    held = desk_facts.get(session, HELD)
    if held and not (seen.present and seen.stay == held["stay"]):
        desk_facts.drop(session, HELD)
        found = session.get(ClerkSession, held["digest"])
        if found and found.ended_at is None:
            found.ended_at = now()
            house.log(session, "clerk.card_gone", {"clerk": found.clerk.name})


def hold(session: Session, session_digest: str, stay: str) -> None:
    """Tie a clerk's session to this stay of the card; the session of an earlier stay ends."""
    before = desk_facts.get(session, HELD)
    found = session.get(ClerkSession, before["digest"]) if before else None
    if found and found.ended_at is None:
        found.ended_at = now()
    desk_facts.put(session, HELD, {"digest": session_digest, "stay": stay})


def holds(session: Session, token: str) -> bool:
    """Whether a session of this token was begun by the card that lies there."""
    held = desk_facts.get(session, HELD)
    return held is not None and held["digest"] == digest(token)


def lost(session: Session, session_digest: str) -> bool:
    """Whether this session hangs on a card that nobody sees any more."""
    held = desk_facts.get(session, HELD)
    if held is None or held["digest"] != session_digest:
        return False
    seen = look(session)
    return not (seen.present and seen.stay == held["stay"])


# -- proofs ---------------------------------------------------------------------------------------


def ask(session: Session) -> str:
    """A new request; the PIN goes to the worker under the token that is returned. The request before it is void."""
    token = secrets.token_urlsafe(24)
    desk_facts.put(session, PROOF, {"request": digest(token), "state": "asked"})
    return token


def answer(session: Session, token: str, proof: Proof) -> None:
    """The worker's word; a request that was replaced meanwhile gets none."""
    known = desk_facts.get(session, PROOF)
    if known and known["request"] == digest(token) and known["state"] == "asked":
        desk_facts.put(session, PROOF, {"request": digest(token), **vars(proof)})


def proof(session: Session, token: str) -> Proof:
    """What became of a request; ``lost`` when nobody answers, or another request took its place."""
    row = session.get(Standing, PROOF)
    if row is None or row.value["request"] != digest(token) or now() - row.at > ANSWER:
        return Proof("lost", "worker_silent")
    return Proof(**{key: value for key, value in row.value.items() if key != "request"})


def take(session: Session, token: str) -> Proof:
    """As :func:`proof`, and nobody can use it again."""
    found = proof(session, token)
    if found.state in ("done", "failed"):
        desk_facts.drop(session, PROOF)
    return found


# -- whose card -----------------------------------------------------------------------------------


def _name(fingerprint: str) -> str:
    return f"{ENROLLED}{fingerprint[:19]}"


def owner(session: Session, fingerprint: str) -> Clerk | None:
    """The clerk this certificate was enrolled for."""
    found = desk_facts.get(session, _name(fingerprint)) if fingerprint else None
    if found is None or found["fingerprint"] != fingerprint:
        return None
    return session.scalars(select(Clerk).where(Clerk.name == found["clerk"])).first()


def cards(session: Session) -> list[dict[str, Any]]:
    """Every enrolled card: clerk, serial of its certificate, not_after, by whom and when; ``name`` to take it back."""
    return [{"name": name, **value} for name, value in desk_facts.listed(session, ENROLLED).items()]


def enrol(session: Session, house: House, by: Clerk, name: str, shown: Proof) -> None:
    """Give a proven card to an account; it replaces the account's card before. Raises :class:`DeskRefused`."""
    if shown.state != "done" or session.scalar(select(Clerk.id).where(Clerk.name == name)) is None:
        raise DeskRefused("card_not_proven")
    if owner(session, shown.fingerprint) is not None:
        raise DeskRefused("card_enrolled")
    if shown.not_after and dt.datetime.fromisoformat(shown.not_after) <= now():
        raise DeskRefused("card_expired")
    before = [one for one in cards(session) if one["clerk"] == name]
    for one in before:
        desk_facts.drop(session, one["name"])
    value = {"clerk": name, "fingerprint": shown.fingerprint, "serial": shown.serial, "not_after": shown.not_after}
    desk_facts.put(session, _name(shown.fingerprint), {**value, "by": by.name, "at": now().isoformat()})
    body = {"clerk": name, "by": by.name, "before": before[0]["serial"] if before else None, "after": shown.serial}
    house.log(session, "clerk.card_added", body)


def withdraw(session: Session, house: House, by: Clerk, name: str) -> None:
    """The card signs nobody in any more; the session it holds ends."""
    found = desk_facts.get(session, name) if name.startswith(ENROLLED) else None
    if found is None:
        raise DeskRefused("card_unknown")
    desk_facts.drop(session, name)
    held = desk_facts.get(session, HELD)
    on = session.get(ClerkSession, held["digest"]) if held else None
    if on and on.ended_at is None and on.clerk.name == found["clerk"]:
        on.ended_at = now()
    body = {"clerk": found["clerk"], "by": by.name, "before": found["serial"], "after": None}
    house.log(session, "clerk.card_withdrawn", body)
