"""Staff accounts: password (argon2id) and one-time code (TOTP, RFC 6238) together, lock-out, revocable sessions.

There is no default account: the first is made with ``flask --app wsgi clerk add``.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kiosk.db import db, now, write
from kiosk.orders import desk_cards
from kiosk.orders.book import House
from kiosk.orders.desk_models import Clerk, ClerkSession, LoginTry

ROLES = {"clerk": "营业员", "reviewer": "审核员", "finance": "财务", "admin": "管理员", "auditor": "审计员"}
IDLE = {"kiosk": dt.timedelta(minutes=3), "admin": dt.timedelta(minutes=15)}
LIFE = dt.timedelta(hours=12)
TRIES, LOCK = 5, dt.timedelta(minutes=15)
RATE, WINDOW = 20, dt.timedelta(minutes=10)  # refused attempts from one address, whatever the name
STEP = 30  # seconds of a one-time code
MIN_PASSWORD = 10
EVERY_HALL = "*"
NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_hasher = PasswordHasher()


@functools.cache
def _nobody() -> str:
    """What an unknown name's password is compared with, so that the answer takes as long as for a known one."""
    return _hasher.hash(secrets.token_hex(16))


class AccountRefused(Exception):
    """The account cannot be made or changed; the message says why, for the operator."""


@dataclass(frozen=True)
class SignedIn:
    """Either ``token`` or ``refusal`` (wrong, locked, slow_down)."""

    token: str = ""
    refusal: str = ""


# -- accounts -------------------------------------------------------------------------------------


def _owner(name: str) -> str:
    return f"clerk.{name}"


def add(
    session: Session, house: House, name: str, display: str, password: str, roles: Sequence[str], hall: str = ""
) -> tuple[Clerk, str]:
    """A new account and its TOTP secret as an ``otpauth`` address, shown this once."""
    if not NAME.fullmatch(name):
        raise AccountRefused("the name has 2 to 32 small letters, digits, dots or dashes and begins with a letter")
    if session.scalar(select(Clerk.id).where(Clerk.name == name)):
        raise AccountRefused(f"there is an account {name} already")
    if not roles or set(roles) - set(ROLES):
        raise AccountRefused(f"roles are among {', '.join(ROLES)}")
    wrapped = house.vault.new_key(_owner(name))
    clerk = Clerk(
        name=name,
        display=display or name,
        password=_hashed(password),
        wrapped_key=wrapped,
        totp=b"",
        roles=sorted(set(roles)),
        hall=hall or house.settings.hall,
    )
    session.add(clerk)
    address = _new_secret(house, clerk)
    house.log(session, "clerk.added", {"clerk": name, "roles": clerk.roles})
    return clerk, address


def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise AccountRefused(f"the password has at least {MIN_PASSWORD} characters")
    return _hasher.hash(password)


def _new_secret(house: House, clerk: Clerk) -> str:
    secret = pyotp.random_base32()
    clerk.totp = house.vault.seal(clerk.wrapped_key, _owner(clerk.name), secret.encode(), f"clerk.totp.{clerk.name}")
    clerk.last_step = 0
    return str(pyotp.TOTP(secret).provisioning_uri(name=clerk.name, issuer_name=house.settings.hall_name))


def reset(session: Session, house: House, name: str, password: str) -> str:
    """A new password and a new TOTP secret; every session ends. Returns the ``otpauth`` address."""
    clerk = by_name(session, name)
    clerk.password, clerk.failed, clerk.locked_until = _hashed(password), 0, None
    end_all(session, clerk)
    house.log(session, "clerk.reset", {"clerk": name})
    return _new_secret(house, clerk)


def disable(session: Session, house: House, name: str, disabled: bool = True, by: str = "") -> Clerk:
    """Shut an account (its sessions end at once) or open it again."""
    clerk = by_name(session, name)
    clerk.disabled, clerk.failed, clerk.locked_until = disabled, 0, None
    if disabled:
        end_all(session, clerk)
    house.log(session, "clerk.disabled" if disabled else "clerk.enabled", {"clerk": name, "by": by})
    return clerk


def by_name(session: Session, name: str) -> Clerk:
    found = session.scalars(select(Clerk).where(Clerk.name == name)).first()
    if found is None:
        raise AccountRefused(f"no account {name}")
    return found


# -- signing in -----------------------------------------------------------------------------------


Prove = Callable[[Session, Clerk], bool]


def sign_in(
    house: House, name: str, password: str, code: str, place: str, address: str, key: Prove | None = None
) -> SignedIn:
    """Check password and second factor together, so that a refusal does not tell which was wrong. Commits by itself.

    ``key`` proves a security key instead of the one-time ``code``; it runs only when the password is right.
    """
    source = house.vault.blind(address, "address")
    if too_many(house, address):
        return SignedIn(refusal="slow_down")
    known = db.session.scalars(select(Clerk).where(Clerk.name == name)).first()
    good = _password_fits(known.password if known else _nobody(), password) and known is not None
    clerk_id = known.id if known else None
    with write() as session:
        clerk = session.get(Clerk, clerk_id) if clerk_id is not None else None
        if clerk is not None and clerk.locked_until and clerk.locked_until > now():
            return SignedIn(refusal="locked")
        if clerk is None or not good or clerk.disabled or not serves(house, clerk):
            return refused(session, house, clerk, source)
        if key is not None:
            if not key(session, clerk):
                return refused(session, house, clerk, source)
            return begin(session, house, clerk, place, "webauthn")
        step = _step_of(house, clerk, code)
        if step is None:
            return refused(session, house, clerk, source)
        clerk.last_step = step
        return begin(session, house, clerk, place, "totp")


def too_many(house: House, address: str) -> bool:
    """Whether this address was refused too often lately, whatever the names."""
    source, since = house.vault.blind(address, "address"), now() - WINDOW
    tried = select(func.count()).select_from(LoginTry).where(LoginTry.source == source, LoginTry.at > since)
    return (db.session.scalar(tried) or 0) >= RATE


def serves(house: House, clerk: Clerk) -> bool:
    """Whether this account belongs to the hall of this kiosk, or to every hall. The centre is every hall's."""
    return house.settings.role == "centre" or clerk.hall in (EVERY_HALL, house.settings.hall)


def oversees(house: House, clerk: Clerk, hall: str) -> bool:
    """Whether this clerk may see and change the accounts of a hall: his own, or every one for a chief of this place."""
    return clerk.hall in (EVERY_HALL, house.settings.hall, hall)


def begin(session: Session, house: House, clerk: Clerk, place: str, factor: str) -> SignedIn:
    """A session for somebody who has proven himself; ``factor``: totp, webauthn or card."""
    clerk.failed, clerk.locked_until = 0, None
    token = secrets.token_urlsafe(32)
    session.add(ClerkSession(digest=_digest(token), clerk_id=clerk.id, place=place))
    house.log(session, "clerk.signed_in", {"clerk": clerk.name, "place": place, "factor": factor})
    return SignedIn(token=token)


def _password_fits(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password[:256])
    except (VerifyMismatchError, InvalidHashError):
        return False


def _step_of(house: House, clerk: Clerk, code: str) -> int | None:
    """The time step a code belongs to; each is taken once, one step of clock drift is allowed."""
    sealed = house.vault.open(clerk.wrapped_key, _owner(clerk.name), clerk.totp, f"clerk.totp.{clerk.name}")
    totp, this = pyotp.TOTP(sealed.decode()), int(now().timestamp()) // STEP
    for step in (this - 1, this, this + 1):
        if step > clerk.last_step and hmac.compare_digest(str(totp.at(step * STEP)), code.strip()):
            return step
    return None


def refused(session: Session, house: House, clerk: Clerk | None, source: str) -> SignedIn:
    """Count a refused attempt; the account is locked after :data:`TRIES`."""
    session.add(LoginTry(source=source))
    if clerk is None:
        house.log(session, "clerk.refused", {"clerk": None})
        return SignedIn(refusal="wrong")
    clerk.failed += 1
    house.log(session, "clerk.refused", {"clerk": clerk.name, "failed": clerk.failed})
    if clerk.failed >= TRIES:
        clerk.failed, clerk.locked_until = 0, now() + LOCK
        house.log(session, "clerk.locked", {"clerk": clerk.name})
        return SignedIn(refusal="locked")
    return SignedIn(refusal="wrong")


# -- sessions -------------------------------------------------------------------------------------


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def who(token: str, place: str, *, touch: bool = True) -> Clerk | None:
    """The clerk a session belongs to; None when it ended, was idle too long, its card is gone, or the account is shut.

    ``touch`` False for what a page asks by itself: only a person keeps a session alive.
    """
    found = db.session.get(ClerkSession, _digest(token)) if token else None
    if found is None or found.ended_at or found.place != place or found.clerk.disabled:
        return None
    if place == "kiosk" and desk_cards.lost(db.session(), found.digest):
        return None
    moment = now()
    if moment - found.seen_at > IDLE[place] or moment - found.begun_at > LIFE:
        return None
    clerk_id = found.clerk_id
    if touch and (moment - found.seen_at).total_seconds() > 10:
        with write() as session:
            seen = session.get(ClerkSession, _digest(token))
            if seen:
                seen.seen_at = moment
    return db.session.get(Clerk, clerk_id)


def sign_out(house: House, token: str) -> None:
    with write() as session:
        found = session.get(ClerkSession, _digest(token))
        if found and found.ended_at is None:
            found.ended_at = now()
            house.log(session, "clerk.signed_out", {"clerk": found.clerk.name, "place": found.place})


def open_sessions(session: Session, names: Sequence[str]) -> list[ClerkSession]:
    """Sessions of these accounts that have not ended and may still be in use, newest first."""
    query = select(ClerkSession).join(Clerk).where(Clerk.name.in_(names), ClerkSession.ended_at.is_(None))
    found = session.scalars(query.where(ClerkSession.begun_at > now() - LIFE).order_by(ClerkSession.seen_at.desc()))
    moment = now()
    return [one for one in found if moment - one.seen_at <= IDLE[one.place]]


def end(session: Session, house: House, one: ClerkSession, by: Clerk) -> bool:
    """Revoke one session; False when it had ended already."""
    if one.ended_at is not None:
        return False
    one.ended_at = now()
    house.log(session, "clerk.revoked", {"clerk": one.clerk.name, "by": by.name, "sessions": 1, "place": one.place})
    return True


def end_all(session: Session, clerk: Clerk) -> int:
    """Revoke every session of an account; returns how many were open."""
    query = select(ClerkSession).where(ClerkSession.clerk_id == clerk.id, ClerkSession.ended_at.is_(None))
    found = session.scalars(query).all()
    for one in found:
        one.ended_at = now()
    return len(found)
