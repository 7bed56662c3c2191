"""The renewal window and the new term, by the calendar in Beijing."""

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.ca.validity import BACKDATE, BEIJING, add_years, may_renew, new_validity


def cst(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "state"), [(91, "too_early"), (90, "too_early"), (89, "ok"), (0, "ok"), (-365, "ok"), (-366, "too_late")]
)
def test_window_counts_whole_days(days, state):
    now = cst("2026-06-01T10:00")
    window = may_renew(now + timedelta(days=days), now)
    assert (window.state, window.days_left) == (state, days)
    assert window.ok is (state == "ok")


def test_time_of_day_does_not_move_the_window():
    end = cst("2026-09-01T00:00:01")
    assert may_renew(end, cst("2026-06-03T23:59:59")).state == "too_early"
    assert may_renew(end, cst("2026-06-04T00:00:00")) == may_renew(end, utc("2026-06-03T16:00"))
    assert may_renew(end, cst("2026-06-04T00:00:00")).days_left == 89


def test_window_ends_after_365_days_not_after_one_year():
    end = cst("2027-03-01T12:00")
    assert may_renew(end, cst("2028-02-29T23:00")).state == "ok"
    assert may_renew(end, cst("2028-03-01T00:00")).state == "too_late"


def test_expired_earlier_today_still_has_day_zero():
    window = may_renew(cst("2026-06-01T00:00"), cst("2026-06-01T18:00"))
    assert (window.ok, window.days_left) == (True, 0)


@pytest.mark.parametrize(
    ("old", "years", "now", "end"),
    [
        ("2026-08-01T09:30", 1, "2026-06-01T10:00", "2027-08-01T09:30"),  # runs on from the old end
        ("2026-05-01T09:30", 1, "2026-06-01T10:00", "2027-06-01T10:00"),  # expired: from the download
        ("2026-06-01T00:00", 3, "2026-06-01T00:01", "2029-06-01T00:01"),  # ordered before midnight, downloaded after
        ("2028-02-29T12:00", 1, "2028-01-10T10:00", "2029-02-28T12:00"),
        ("2028-02-29T12:00", 4, "2028-01-10T10:00", "2032-02-29T12:00"),
        (None, 5, "2026-06-01T10:00", "2031-06-01T10:00"),
        ("2048-12-31T23:59:59", 1, "2048-12-01T10:00", "2049-12-31T23:59:59"),
        ("2049-01-01T00:00:00", 1, "2048-12-01T10:00", "2050-01-01T00:00:00"),
    ],
)
def test_new_end(old, years, now, end):
    begin, got = new_validity(cst(old) if old else None, years, cst(now))
    assert got == cst(end)
    assert begin == cst(now) - BACKDATE


def test_years_are_counted_in_beijing_not_in_utc():
    leap_day_there = utc("2028-02-28T16:00")
    assert new_validity(leap_day_there, 1, utc("2028-01-10T02:00"))[1] == utc("2029-02-27T16:00")


def test_boundary_of_the_end_itself_is_continuous():
    end = cst("2026-06-01T10:00")
    results = {new_validity(end, 1, end + timedelta(seconds=offset))[1] for offset in (-1, 0)}
    assert results == {cst("2027-06-01T10:00")}
    assert new_validity(end, 1, end + timedelta(seconds=1))[1] == cst("2027-06-01T10:00:01")


def test_subseconds_are_cut():
    begin, end = new_validity(None, 1, cst("2026-06-01T10:00:00.999999"))
    assert (begin.microsecond, end.microsecond, end.second) == (0, 0, 0)


@pytest.mark.parametrize("years", [0, -1, 6, 100])
def test_other_terms_do_not_exist(years):
    with pytest.raises(ValueError, match="years"):
        new_validity(None, years, cst("2026-06-01T10:00"))


def test_naive_datetimes_are_refused():
    with pytest.raises(ValueError, match="time zone"):
        may_renew(datetime(2026, 1, 1), cst("2026-06-01T10:00"))


def test_add_years_keeps_the_instant_of_the_day():
    assert add_years(utc("2026-12-31T16:30"), 1) == utc("2027-12-31T16:30")
