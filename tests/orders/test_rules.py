"""Rules of the order book without any outside: causes, holders, prefilled answers, SMS codes, review."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk.catalogue import Catalogue
from kiosk.db import now, write
from kiosk.orders import causes, fulfil, journey, people, prefill, review, sms, writing
from kiosk.orders.book import House
from kiosk.orders.models import Message, Order, SmsCode
from kiosk.orders.states import State

PERSON = "430102199209099988"
OTHER = "430702199512129994"


@pytest.fixture
def session(core: Flask) -> Iterator[Session]:
    with write() as session:
        yield session


def order(session: Session, house: House, scheme: str, service: str, kind: str = "personal") -> Order:
    made = house.open_order(session, scheme, service, kind)
    house.put_data(made, {"card": {"name": "王䶮", "number": PERSON, "kind": "resident", "address": "长沙"}})
    return made


def code_in(house: House, session: Session) -> str:
    message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert message is not None
    found = re.search(r"(\d{6})", sms.opened(house, message)["text"])
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("service", "work"),
    [
        ("new", "new"),
        ("renew", "new"),
        ("replace", "new"),
        ("reissue", "new"),
        ("unlock", "same"),
        ("freeze", "none"),
        ("unfreeze", "none"),
        ("revoke", "none"),
    ],
)
def test_work_is_the_tables_word(schemes: Catalogue, service: str, work: str) -> None:
    assert causes.work_of(schemes.schemes["realestate"].services[service]) == work


def test_the_answer_names_the_cause(schemes: Catalogue) -> None:
    replace = schemes.schemes["yiyang"].services["replace"]
    assert causes.cause_of(replace, {"form": {"replace_cause": "lost"}}).revocation_reason == "keyCompromise"
    assert causes.cause_of(replace, {"form": {"replace_cause": "damaged"}}).revocation_reason == "superseded"
    revoke = schemes.schemes["yiyang"].services["revoke"]
    assert causes.cause_of(revoke, {"form": {"revoke_cause": "dissolved"}}).revocation_reason == "cessationOfOperation"


def test_what_may_not_follow_is_refused_with_a_code(schemes: Catalogue) -> None:
    services = schemes.schemes["realestate"].services
    assert causes.refusal(services["unfreeze"], "active") == "certificate_active"
    assert causes.refusal(services["freeze"], "held") == "certificate_held"
    assert causes.refusal(services["renew"], "revoked") == "certificate_revoked"
    assert causes.refusal(services["replace"], "held") is None


def test_several_applicants_cost_one_fee_each(session: Session, house: House) -> None:
    made = order(session, house, "realestate", "new")
    made.years = 3
    assert fulfil.price(house, made) == 40000
    data = house.data(made)
    house.put_data(made, {**data, "form": {"more_applicants": f"罗假设 {OTHER}；王䶮 {PERSON}"}})
    given = journey.answers(house, made, house.data(made))
    assert [holder.number for holder in people.holders("personal", given, 3)] == [PERSON, OTHER]
    assert fulfil.price(house, made) == 80000


def test_answers_copy_answers_and_licence_stays_open(session: Session, house: House) -> None:
    made = house.open_order(session, "szca", "new", "unit")
    licence = {"name": "益阳示范建设有限公司", "uscc": "91430900MA0000015W"}
    data = {"licence": licence, "form": {"invoice": "yes"}}
    given = prefill.answers(house, made, data)
    assert given["invoice_title"] == licence["name"]
    assert given["delivery"] == "counter", "the form's default"
    locked = prefill.locked(house, made, data)
    assert "invoice_title" in locked
    assert "unit_name" not in locked, "the licence may have been misread"


def test_codes_are_good_once_and_for_five_tries(session: Session, house: House) -> None:
    made = order(session, house, "shared", "query")
    sms.send_code(session, house, made, "13900000001")
    right = code_in(house, session)
    wrong = "000000" if right != "000000" else "111111"
    assert [sms.check_code(session, house, made, wrong) for _ in range(5)] == ["sms_wrong"] * 4 + ["sms_locked"]
    assert sms.check_code(session, house, made, right) == "sms_locked"
    row = session.scalars(select(SmsCode)).one()
    assert right not in row.digest
    row.at = now() - dt.timedelta(minutes=2)
    session.flush()
    sms.send_code(session, house, made, "13900000001")
    right = code_in(house, session)
    assert sms.check_code(session, house, made, right) is None
    assert sms.check_code(session, house, made, right) == "sms_expired", "a code is good once"


def test_codes_expire_and_are_limited(session: Session, house: House) -> None:
    made = order(session, house, "shared", "query")
    sent = sms.send_code(session, house, made, "13900000001")
    right = code_in(house, session)
    with pytest.raises(sms.SmsRefused, match="sms_too_soon"):
        sms.send_code(session, house, made, "13900000001")
    sent.expires_at = now() - dt.timedelta(seconds=1)
    session.flush()
    assert sms.check_code(session, house, made, right) == "sms_expired"
    for minutes in (2, 4, 6, 8):
        session.add(
            SmsCode(
                order_id=made.id,
                phone_index=sent.phone_index,
                expires_at=now(),
                at=now() - dt.timedelta(minutes=minutes),
            )
        )
    sent.at = now() - dt.timedelta(minutes=10)
    session.flush()
    with pytest.raises(sms.SmsRefused, match="sms_too_many"):
        sms.send_code(session, house, made, "13900000001")


def in_review(session: Session, house: House) -> Order:
    made = order(session, house, "realestate", "new")
    made.years = 1
    house.put_data(made, {**house.data(made), "role": "self", "form": {"mobile": "13900000001"}})
    made.amount = 20000
    made.state = State.PAID
    fulfil.accepted(session, house, made)
    return made


def test_two_levels_one_after_the_other(session: Session, house: House) -> None:
    made = in_review(session, house)
    with pytest.raises(review.ReviewRefused, match="unknown_level"):
        review.approve(session, house, made, "confirm", "c2")
    review.approve(session, house, made, "approve", "c1")
    assert not made.progress.get("reviewed")
    review.approve(session, house, made, "confirm", "c2")
    assert made.progress["reviewed"]
    assert made.state == State.PAID, "the owner is not here: writing waits for him"
    assert session.scalars(select(Message.kind)).all() == ["approved"]
    with pytest.raises(review.ReviewRefused, match="not_in_review"):
        review.approve(session, house, made, "confirm", "c2")


def test_a_rejected_order_is_not_lost_when_its_owner_leaves(session: Session, house: House) -> None:
    made = in_review(session, house)
    review.approve(session, house, made, "approve", "c1")
    with pytest.raises(review.ReviewRefused, match="unknown_material"):
        review.reject(session, house, made, "nothing", "reason", "c1")
    review.reject(session, house, made, "applicant_id", "没有盖章", "c1")
    assert (made.state, made.note) == (State.DRAFT, "rejected")
    fulfil.leave(session, house, made)
    assert made.state == State.DRAFT
    fulfil.confirm(session, house, made)
    assert made.state == State.PAID
    level = review.open_level(house, made)
    assert level is not None
    assert level.code == "approve", "both levels look again"


def test_one_that_fails_does_not_hold_up_the_others(session: Session, house: House) -> None:
    made = order(session, house, "realestate", "new")
    form = {"more_applicants": f"罗假设 {OTHER}"}
    house.put_data(made, {**house.data(made), "token": {"serial": "T1"}, "form": form})
    made.state = State.PAID
    writing.begin(session, house, made)
    first, second = made.certificates
    writing.fail(session, house, first, "token_full")
    assert (first.state, second.state, made.state) == ("failed", "planned", State.WRITING)
    second.state = "confirmed"
    writing.go_on(session, house, made)
    assert made.state == State.CLERK
    writing.resume(session, house, made)
    assert (first.state, made.state) == ("planned", State.WRITING)
