"""Signing in by smart card: the worker's proof becomes a session that lasts as long as the card stays."""

from __future__ import annotations

import datetime as dt

from kiosk.db import db, now, write
from kiosk.orders import clerks, desk_cards
from kiosk.orders.book import House
from kiosk.orders.clerks import SignedIn


def refusal(house: House, address: str) -> str:
    """Why no PIN is taken now (slow_down, no_card, card_unknown, locked); empty when one may be typed."""
    session = db.session()
    if clerks.too_many(house, address):
        return "slow_down"
    seen = desk_cards.look(session)
    if not seen.present:
        return "no_card"
    clerk = desk_cards.owner(session, seen.fingerprint)
    if clerk is None or clerk.disabled:
        return "card_unknown"
    return "locked" if clerk.locked_until and clerk.locked_until > now() else ""


def finish(house: House, token: str, address: str) -> SignedIn | None:
    """Turn the answer to a request into a session; None while the card is at work. Commits by itself."""
    if desk_cards.proof(db.session(), token).state == "asked":
        return None
    source = house.vault.blind(address, "address")
    with write() as session:
        shown = desk_cards.take(session, token)
        clerk = desk_cards.owner(session, shown.fingerprint)
        seen = desk_cards.look(session)
        if clerk is not None and clerk.locked_until and clerk.locked_until > now():
            return SignedIn(refusal="locked")
        if shown.state == "failed" and shown.code == "pin_incorrect":
            found = clerks.refused(session, house, clerk, source)
            return found if found.refusal == "locked" else SignedIn(refusal="card_pin")
        if shown.state != "done":
            return SignedIn(refusal=shown.code)
        if clerk is None or clerk.disabled or not clerks.serves(house, clerk):
            clerks.refused(session, house, None, source)
            return SignedIn(refusal="card_unknown")
        if dt.datetime.fromisoformat(shown.not_after) <= now():
            return SignedIn(refusal="card_expired")
        if not (seen.present and seen.stay == shown.stay):
            return SignedIn(refusal="no_card")
        begun = clerks.begin(session, house, clerk, "kiosk", "card")
        desk_cards.hold(session, desk_cards.digest(begun.token), shown.stay)
        return begun
