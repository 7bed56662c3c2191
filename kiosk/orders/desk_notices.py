"""Notices to the hall's phone numbers and to a webhook: who is told, and what is still on its way.

Numbers, address and secret are sealed; a message on its way names its receiver by a blind index, so one that is taken
off the list gets nothing more. What is kept outlives the worker: a notice is tried again until it is taken, or for a
day.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from kiosk.db import now
from kiosk.fleet.notices import AddressRefused, checked
from kiosk.orders import desk_alarms, desk_facts
from kiosk.orders.book import House
from kiosk.orders.desk_acts import DeskRefused
from kiosk.orders.desk_alarms import Alarm, Kept

SETTINGS, ALARMS, POST = "notices", "alarms", "alarm_post"
MOBILE = re.compile(r"1[3-9][0-9]{9}")
MOST_PHONES = 10
PATIENCE = dt.timedelta(days=1)
FIRST_WAIT, LONGEST_WAIT = 10.0, 600.0


@dataclass(frozen=True)
class NoticeSettings:
    """Whom to tell. ``per_hour``: notices an hour at most; ``repeat_hours``: when a lasting alarm is told again."""

    phones: tuple[str, ...] = ()
    webhook: str = ""
    secret: str = field(default="", repr=False)
    task_minutes: int = 15
    per_hour: int = 6
    repeat_hours: int = 4

    @property
    def anybody(self) -> bool:
        return bool(self.phones or self.webhook)


@dataclass(frozen=True)
class Letter:
    """One notice on its way to one receiver. ``channel``: sms or webhook; ``to``: blind index of number or address."""

    id: str
    channel: str
    to: str
    kind: str  # alarm, clear, test
    text: str
    items: tuple[str, ...]
    begun: str
    tries: int = 0
    not_before: str = ""
    code: str = ""


# -- settings -------------------------------------------------------------------------------------


def settings(session: Session, house: House) -> NoticeSettings:
    kept = desk_facts.get(session, SETTINGS)
    if kept is None:
        return NoticeSettings()
    wrapped, sealed = (base64.b64decode(kept[name]) for name in ("key", "sealed"))
    found = json.loads(house.vault.open(wrapped, SETTINGS, sealed, "standing.notices"))
    return NoticeSettings(**{**found, "phones": tuple(found["phones"])})


def keep(session: Session, house: House, by: str, form: Mapping[str, str]) -> NoticeSettings:
    """Check and keep what an administrator typed. Raises :class:`DeskRefused`."""
    before = settings(session, house)
    after = _checked(form, before)
    wrapped = house.vault.new_key(SETTINGS)
    sealed = house.vault.seal(wrapped, SETTINGS, json.dumps(asdict(after)).encode(), "standing.notices")
    value = {"key": base64.b64encode(wrapped).decode(), "sealed": base64.b64encode(sealed).decode()}
    desk_facts.put(session, SETTINGS, value)
    body = {"clerk": by, "before": _told(before), "after": _told(after), "secret": before.secret != after.secret}
    house.log(session, "notices.set", body)
    return after


def _checked(form: Mapping[str, str], before: NoticeSettings) -> NoticeSettings:
    phones = (
        tuple(dict.fromkeys(re.split(r"[\s,，;；]+", form.get("phones", "").strip()))) if form.get("phones") else ()
    )
    phones = tuple(phone for phone in phones if phone)
    if len(phones) > MOST_PHONES or any(not MOBILE.fullmatch(phone) for phone in phones):
        raise DeskRefused("phones_malformed")
    webhook = form.get("webhook", "").strip()
    if webhook:
        try:
            webhook = checked(webhook)
        except AddressRefused as error:
            raise DeskRefused("webhook_malformed") from error
    secret = before.secret
    if webhook and (not secret or form.get("new_secret") == "yes"):
        secret = secrets.token_urlsafe(32)
    minutes, most = _number(form, "task_minutes", 1, 1440), _number(form, "per_hour", 1, 60)
    return NoticeSettings(phones, webhook, secret, minutes, most, _number(form, "repeat_hours", 1, 72))


def _number(form: Mapping[str, str], name: str, least: int, most: int) -> int:
    text = form.get(name, "").strip()
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:6]) <= most:
        raise DeskRefused("number_malformed")
    return int(text)


def _told(one: NoticeSettings) -> dict[str, Any]:
    """What the journal may know: how many, how often; no number and no address."""
    rest = {"task_minutes": one.task_minutes, "per_hour": one.per_hour, "repeat_hours": one.repeat_hours}
    return {"phones": len(one.phones), "webhook": bool(one.webhook), **rest}


# -- one round ------------------------------------------------------------------------------------


def remembered(session: Session) -> dict[str, Kept]:
    kept = desk_facts.get(session, ALARMS) or {}
    return {key: _kept(value) for key, value in kept.get("alarms", {}).items()}


def _kept(value: Mapping[str, Any]) -> Kept:
    times = {name: _moment(value.get(name)) for name in ("since", "told", "gone")}
    return Kept(value["kind"], value["text"], times["since"] or now(), times["told"], times["gone"])


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def look(session: Session, house: House, moment: dt.datetime, more: tuple[Alarm, ...] = ()) -> int:
    """One round in a writing transaction: remember, and put notices on their way. Returns how many letters."""
    wanted = settings(session, house)
    alarms = [*desk_alarms.current(session, wanted.task_minutes), *more]
    fact = desk_facts.get(session, ALARMS) or {}
    sent = [at for at in fact.get("sent", []) if moment - dt.datetime.fromisoformat(at) < dt.timedelta(hours=1)]
    before = remembered(session)
    repeat = dt.timedelta(hours=wanted.repeat_hours)
    after, raised, cleared = desk_alarms.advance(before, alarms, moment, repeat)
    letters = 0
    if (raised or cleared) and wanted.anybody and len(sent) < wanted.per_hour:
        letters = _tell(session, house, wanted, after, raised, cleared, moment)
        sent = [*sent, moment.isoformat()]
        after = {key: _told_now(one, key in raised, moment) for key, one in after.items() if key not in cleared}
    if not wanted.anybody:
        after = {key: one for key, one in after.items() if one.gone is None}
    known = {key: {**asdict(one), **_times(one)} for key, one in after.items()}
    if known != fact.get("alarms", {}) or sent != fact.get("sent", []):
        desk_facts.put(session, ALARMS, {"alarms": known, "sent": sent})
    return letters


def _told_now(one: Kept, told: bool, moment: dt.datetime) -> Kept:
    return Kept(one.kind, one.text, one.since, moment if told else one.told, one.gone)


def _times(one: Kept) -> dict[str, str | None]:
    return {name: at.isoformat() if (at := getattr(one, name)) else None for name in ("since", "told", "gone")}


def _tell(
    session: Session,
    house: House,
    to: NoticeSettings,
    known: dict[str, Kept],
    raised: list[str],
    cleared: list[str],
    at: dt.datetime,
) -> int:
    place = f"{house.settings.hall_name}{house.settings.kiosk_id}"
    up, down = ([known[key].text for key in keys] for keys in (raised, cleared))
    kind = "alarm" if raised else "clear"
    house.log(session, "notice.told", {"raised": raised, "cleared": cleared})
    return send(session, house, to, kind, desk_alarms.words(place, up, down), (*raised, *cleared), at)


# -- letters --------------------------------------------------------------------------------------


def send(
    session: Session,
    house: House,
    to: NoticeSettings,
    kind: str,
    text: str,
    items: tuple[str, ...] = (),
    at: dt.datetime | None = None,
) -> int:
    """Put one notice on its way to everybody; returns how many letters there are."""
    receivers = [("sms", house.vault.blind(phone, "notice")) for phone in to.phones]
    if to.webhook:
        receivers.append(("webhook", house.vault.blind(to.webhook, "notice")))
    begun = (at or now()).isoformat()
    new = [
        Letter(secrets.token_hex(12), channel, index, kind, text, items, begun, not_before=begun)
        for channel, index in receivers
    ]
    _put_letters(session, [*letters(session), *new])
    return len(new)


def letters(session: Session) -> list[Letter]:
    """What is still on its way."""
    kept = desk_facts.get(session, POST) or {}
    return [Letter(**{**one, "items": tuple(one["items"])}) for one in kept.get("letters", [])]


def _put_letters(session: Session, found: list[Letter]) -> None:
    desk_facts.put(session, POST, {"letters": [asdict(one) for one in found][-200:]})


def due(session: Session, moment: dt.datetime) -> list[Letter]:
    return [one for one in letters(session) if dt.datetime.fromisoformat(one.not_before) <= moment]


def address_of(house: House, to: NoticeSettings, letter: Letter) -> str | None:
    """The number or address behind a letter; None when it is no longer on the list."""
    known = to.phones if letter.channel == "sms" else (to.webhook,) if to.webhook else ()
    return next((one for one in known if house.vault.blind(one, "notice") == letter.to), None)


def tried(session: Session, house: House, letter: Letter, taken: bool, code: str, moment: dt.datetime) -> None:
    """What became of one try: taken, to be tried again, or given up after a day."""
    rest = [one for one in letters(session) if one.id != letter.id]
    body = {"notice": letter.id, "channel": letter.channel, "about": letter.kind, "tries": letter.tries + 1}
    if taken:
        house.log(session, "notice.sent", body)
    elif code == "not_wanted" or moment - dt.datetime.fromisoformat(letter.begun) > PATIENCE:
        house.log(session, "notice.given_up", {**body, "code": code})
    else:
        wait = min(FIRST_WAIT * 2 ** min(letter.tries, 10), LONGEST_WAIT)
        later = (moment + dt.timedelta(seconds=wait)).isoformat()
        known = {**asdict(letter), "items": letter.items, "tries": letter.tries + 1, "not_before": later, "code": code}
        rest.append(Letter(**known))
    _put_letters(session, rest)
