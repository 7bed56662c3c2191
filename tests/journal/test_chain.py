"""The journal: whole chains verify, changed ones name the event."""

from __future__ import annotations

import sqlite3

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import journal
from kiosk.db import db, write
from kiosk.orders.book import House

ORIGIN = ("K001", 1)


def fill(count: int) -> None:
    with write() as session:
        for number in range(count):
            journal.append(
                session, ORIGIN, "test.happened", {"number": number, "name": "编号"}, order_no=f"N{number % 3}"
            )


def tamper(house: House, statement: str) -> None:
    db.session.remove()
    with sqlite3.connect(house.settings.home / "kiosk.sqlite") as raw:
        raw.execute(statement)


def test_a_whole_chain_verifies(core: Flask) -> None:
    fill(25)
    assert journal.verify(db.session()) == (25, None)


def test_a_rolled_back_event_leaves_no_gap(core: Flask) -> None:
    fill(2)
    with pytest.raises(RuntimeError), write() as session:
        journal.append(session, ORIGIN, "test.lost")
        raise RuntimeError
    fill(1)
    assert journal.verify(db.session()) == (3, None)


@pytest.mark.parametrize(
    ("statement", "seq", "reason"),
    [
        ("UPDATE event SET body = replace(body, '\"number\":7', '\"number\":8') WHERE seq = 8", 8, "was changed"),
        ("UPDATE event SET kind = 'test.happenec' WHERE seq = 4", 4, "was changed"),
        ("UPDATE event SET order_no = NULL WHERE seq = 5", 5, "was changed"),
        ("UPDATE event SET at = '2020-01-01 00:00:00.000000' WHERE seq = 6", 6, "was changed"),
        ("UPDATE event SET body = '{' WHERE seq = 3", 3, "cannot be read"),
        ("UPDATE event SET prev = hash WHERE seq = 9", 9, "does not follow"),
        ("DELETE FROM event WHERE seq = 2", 3, "event 2 is missing"),
        ("DELETE FROM event WHERE seq = 10", 10, "missing at the end"),
    ],
)
def test_a_changed_chain_names_the_event(core: Flask, house: House, statement: str, seq: int, reason: str) -> None:
    fill(10)
    tamper(house, statement)
    _, broken = journal.verify(db.session())
    assert broken is not None
    assert broken.seq == seq
    assert reason in broken.reason


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.text(max_size=20), st.one_of(st.integers(), st.text(max_size=40), st.none(), st.booleans()), max_size=6
    )
)
def test_any_body_survives_the_database(core: Flask, body: dict[str, object]) -> None:
    with write() as session:
        journal.append(session, ORIGIN, "test.any", body)
    db.session.expire_all()
    assert journal.verify(db.session())[1] is None


def test_a_body_too_large_is_refused(core: Flask) -> None:
    with pytest.raises(ValueError, match="too large"), write() as session:
        journal.append(session, ORIGIN, "test.large", {"text": "x" * 20_000})
