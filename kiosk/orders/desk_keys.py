"""Security keys of the staff (W3C Web Authentication): registered by their owner, the second factor beside the
password in the office. The library is loaded when a page first needs it: a kiosk's web starts without.

The challenge stands in the page's signed cookie for a few minutes and is taken once. Keys are discoverable, so the page
of signing in tells nothing about who has one. ``place`` is (host, origin) of the page as the browser sees it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from typing import Any

from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.orders import desk_facts
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_models import Clerk

KEYS = "key."
LIFE = dt.timedelta(minutes=5)
MOST = 5
LONGEST = 16_000
LABEL = 40
Place = tuple[str, str]


def _name(credential: bytes) -> str:
    return f"{KEYS}{hashlib.sha256(credential).hexdigest()[:20]}"


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def keys(session: Session, clerk: str = "") -> list[dict[str, Any]]:
    """The registered keys of an account, or of everybody: name, clerk, label, since."""
    found = ({"name": name, **value} for name, value in desk_facts.listed(session, KEYS).items())
    return [one for one in found if not clerk or one["clerk"] == clerk]


def _challenge(options: str) -> dict[str, Any]:
    return {"challenge": json.loads(options)["challenge"], "at": int(now().timestamp())}


def _expected(kept: dict[str, Any] | None) -> bytes:
    """The challenge a page was given; refused when there is none, or it is too old."""
    if not kept or now() - dt.datetime.fromtimestamp(int(kept["at"]), dt.UTC) > LIFE:
        raise DeskRefused("key_late")
    return _bytes(str(kept["challenge"]))


# -- registering ----------------------------------------------------------------------------------


def new_options(session: Session, house: House, clerk: Clerk, place: Place) -> tuple[str, dict[str, Any]]:
    """Options for the browser as JSON, and what to keep until it answers."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=place[0],
        rp_name=house.settings.hall_name,
        user_name=clerk.name,
        user_display_name=clerk.display,
        user_id=bytes.fromhex(house.vault.blind(clerk.name, "webauthn user")),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=_bytes(one["id"])) for one in keys(session, clerk.name)],
    )
    text = options_to_json(options)
    return text, _challenge(text)


def register(
    session: Session, house: House, clerk: Clerk, place: Place, kept: dict[str, Any] | None, answer: str, label: str
) -> None:
    """Keep a new key of this account. Raises :class:`DeskRefused`."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = _expected(kept)
    if len(keys(session, clerk.name)) >= MOST:
        raise DeskRefused("keys_too_many")
    try:
        found = verify_registration_response(
            credential=answer[:LONGEST],
            expected_challenge=challenge,
            expected_rp_id=place[0],
            expected_origin=place[1],
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise DeskRefused("key_refused") from error
    name = _name(found.credential_id)
    if desk_facts.get(session, name) is not None:
        raise DeskRefused("key_known")
    value = {
        "clerk": clerk.name,
        "id": _text(found.credential_id),
        "public_key": base64.b64encode(found.credential_public_key).decode(),
        "count": found.sign_count,
        "label": label.strip()[:LABEL] or "—",
        "since": now().isoformat(),
        "used": [],
    }
    desk_facts.put(session, name, value)
    house.log(session, "clerk.key_added", {"clerk": clerk.name, "before": None, "after": name})


def remove(session: Session, house: House, by: Clerk, name: str, everybody: bool) -> None:
    """Take a key off: one's own, or anybody's for an administrator."""
    found = desk_facts.get(session, name) if name.startswith(KEYS) else None
    if found is None or not (everybody or found["clerk"] == by.name):
        raise DeskRefused("key_unknown")
    desk_facts.drop(session, name)
    body = {"clerk": found["clerk"], "by": by.name, "before": name, "after": None}
    house.log(session, "clerk.key_removed", body)


# -- signing in -----------------------------------------------------------------------------------


def options(place: Place) -> tuple[str, dict[str, Any]]:
    """Options for the browser as JSON, the same for everybody, and what to keep until it answers."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    asked = generate_authentication_options(rp_id=place[0], user_verification=UserVerificationRequirement.PREFERRED)
    text = options_to_json(asked)
    return text, _challenge(text)


def proven(session: Session, place: Place, kept: dict[str, Any] | None, answer: str, clerk: str) -> bool:
    """Whether a key of this account signed the challenge. It is taken once, and the key's counter moves on."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        challenge = _expected(kept)
        told = json.loads(answer[:LONGEST])
        name = _name(_bytes(told["id"]))
        known = desk_facts.get(session, name)
        mark = hashlib.sha256(challenge).hexdigest()[:16]
        if known is None or known["clerk"] != clerk or mark in [one["mark"] for one in known["used"]]:
            return False
        found = verify_authentication_response(
            credential=told,
            expected_challenge=challenge,
            expected_rp_id=place[0],
            expected_origin=place[1],
            credential_public_key=base64.b64decode(known["public_key"]),
            credential_current_sign_count=int(known["count"]),
        )
    except (DeskRefused, WebAuthnException, ValueError, TypeError, KeyError):
        return False
    since = now() - LIFE
    used = [one for one in known["used"] if dt.datetime.fromisoformat(one["at"]) > since]
    used.append({"mark": mark, "at": now().isoformat()})
    desk_facts.put(session, name, {**known, "count": found.new_sign_count, "used": used})
    return True
