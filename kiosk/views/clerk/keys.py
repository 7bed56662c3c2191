"""Security keys at the page of signing in: the challenge in the cookie, the browser's answer in the form."""

from __future__ import annotations

from typing import Any

from flask import request, session
from sqlalchemy.orm import Session

from kiosk.orders import desk_keys
from kiosk.orders.clerks import Prove
from kiosk.orders.desk_keys import Place
from kiosk.orders.desk_models import Clerk

ASKED, NEW = "key_asked", "key_new"


def place() -> Place:
    """Host and origin of this page as the browser sees it."""
    return request.host.partition(":")[0], request.host_url.rstrip("/")


def ask() -> str:
    """Options for ``navigator.credentials.get``; the challenge goes into the cookie."""
    text, session[ASKED] = desk_keys.options(place())
    return text


def taken(name: str) -> dict[str, Any] | None:
    """The challenge this browser was given; it is given up with the look."""
    kept = session.pop(name, None)
    return kept if isinstance(kept, dict) else None


def proof(answer: str) -> Prove:
    """Asks whether the browser's answer was signed by a key of the account."""
    kept, here = taken(ASKED), place()

    def prove(changing: Session, clerk: Clerk) -> bool:
        return desk_keys.proven(changing, here, kept, answer, clerk.name)

    return prove
