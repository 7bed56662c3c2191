"""When a certificate may be renewed and how long the new one is valid.

Rules of the shared platform (CA证书与电子签章资源共享平台): renewal is possible when less than 90 days are left or
when it expired not more than 365 days ago; before expiry the new term runs on from the old end, afterwards from the
day of download. Days and years are those of the calendar in Beijing, whatever the clock's zone: 2028-02-28T16:00Z is
already 29 February there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from kiosk.ca.connector import YEARS

BEIJING = ZoneInfo("Asia/Shanghai")
RENEWABLE_BELOW_DAYS = 90
RENEWABLE_AFTER_DAYS = 365
BACKDATE = timedelta(minutes=5)
"""How far notBefore lies in the past, so that a relying party whose clock is slow does not refuse a fresh
certificate.
"""


@dataclass(frozen=True)
class Window:
    """`days_left`: whole calendar days in Beijing until the end date, negative after it."""

    state: Literal["ok", "too_early", "too_late"]
    days_left: int

    @property
    def ok(self) -> bool:
        return self.state == "ok"


def days_left(not_after: datetime, now: datetime) -> int:
    """Beijing calendar days from `now` to `not_after` (both aware); 0 on the last day, negative afterwards."""
    return (_beijing(not_after).date() - _beijing(now).date()).days


def may_renew(not_after: datetime, now: datetime) -> Window:
    """Whether a certificate that ends at `not_after` may be renewed at `now`, and how many days it has left."""
    left = days_left(not_after, now)
    if left >= RENEWABLE_BELOW_DAYS:
        return Window("too_early", left)
    if left < -RENEWABLE_AFTER_DAYS:
        return Window("too_late", left)
    return Window("ok", left)


def new_validity(old_not_after: datetime | None, years: int, now: datetime) -> tuple[datetime, datetime]:
    """(notBefore, notAfter) in Beijing time, whole seconds, of a certificate issued at `now` for `years` (1–5) years.

    `old_not_after` is the end of the renewed certificate, None for a new one. notBefore is `now` less `BACKDATE` also
    before the old end: the old certificate is superseded at once, so a start in the future would lock its owner out.
    The window is not checked here (`may_renew`).
    """
    if years not in YEARS:
        raise ValueError(f"years must be {YEARS.start} to {YEARS.stop - 1}")
    begin = _beijing(now).replace(microsecond=0)
    base = begin if old_not_after is None else max(_beijing(old_not_after).replace(microsecond=0), begin)
    return _beijing_minus(begin, BACKDATE), add_years(base, years)


def add_years(moment: datetime, years: int) -> datetime:
    """The same day and time of day in Beijing `years` calendar years later; 29 February becomes the 28th where it
    must.
    """
    local = _beijing(moment)
    try:
        return local.replace(year=local.year + years)
    except ValueError:
        return local.replace(year=local.year + years, day=28)


def _beijing(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone")
    return moment.astimezone(BEIJING)


def _beijing_minus(moment: datetime, span: timedelta) -> datetime:
    return (moment.astimezone(ZoneInfo("UTC")) - span).astimezone(BEIJING)
