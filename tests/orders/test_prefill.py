"""What an order knows before anybody types: card, UKey, licence, and the visit's order before it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from kiosk.db import db, write
from kiosk.orders import prefill
from kiosk.orders.book import House
from kiosk.orders.models import Order

CARD = {"kind": "resident", "name": "林样例", "number": "430102199005059984", "address": "长沙市芙蓉区样例街2号"}
UNIT = "91430900MA0000015W"


@pytest.fixture
def opened(core: Flask, house: House) -> Order:
    with write() as session:
        return house.open_order(session, "realestate", "freeze", "unit")


def known(house: House, order: Order, **data: Any) -> dict[str, str]:
    return prefill.answers(house, order, {"card": CARD, "role": "agent", **data})


def test_the_ukey_outweighs_the_licence_and_is_locked_the_licence_stays_open(house: House, opened: Order) -> None:
    licence = {"name": "益阳示范建设有限么司", "uscc": UNIT, "legal_name": "周示范", "address": "虚构大道1号"}
    alone = known(house, opened, licence=licence)
    assert alone["unit_name"] == "益阳示范建设有限么司"
    assert alone["agent_name"] == "林样例"
    data = {"card": CARD, "role": "agent", "licence": licence}
    assert {"agent_name", "agent_id"} <= prefill.locked(house, opened, data)
    assert not {"unit_name", "uscc", "legal_name"} & prefill.locked(house, opened, data), "it may be misread"
    assert not {"unit_name", "uscc"} & prefill.certain(house, opened, data), "and is looked at"
    token = {"kind": "unit", "name": "益阳示范建设有限公司", "number": UNIT}
    both = known(house, opened, licence=licence, token=token)
    assert both["unit_name"] == "益阳示范建设有限公司"
    assert both["legal_name"] == "周示范", "what the UKey does not tell, the licence does"
    assert {"unit_name", "uscc"} <= prefill.locked(house, opened, {**data, "token": token})


def test_an_order_before_in_the_visit_counts_last_and_for_the_same_unit_and_card(house: House, opened: Order) -> None:
    with write() as session:
        before = session.get_one(Order, opened.id)
        form = {"unit_name": "益阳示范建设有限公司", "uscc": UNIT, "legal_name": "周示范", "landline": "0737-6000001"}
        house.put_data(before, {"card": CARD, "role": "agent", "form": {**form, "revoke_cause": "lost"}})
        after = house.open_order(session, "realestate", "unfreeze", "unit")
        prefill.remember(house, after, before)
    carried = house.data(db.session.get_one(Order, after.id))
    assert "revoke_cause" not in carried["earlier"]["answers"]
    found = known(house, after, **carried)
    assert (found["uscc"], found["landline"], found["legal_name"]) == (UNIT, "0737-6000001", "周示范")
    assert "landline" not in prefill.certain(house, after, {"card": CARD, "role": "agent", **carried})
    licence = {"legal_name": "新法人", "uscc": UNIT}
    assert known(house, after, **carried, licence=licence)["legal_name"] == "新法人", "the licence before it"
    other = {"kind": "unit", "name": "益阳演示建材有限公司", "number": "91430900MA0000031J"}
    assert "landline" not in known(house, after, **carried, token=other), "another unit"
    assert "landline" not in known(house, after, **carried, form={"uscc": "91430900MA0000031J"}), "another unit, typed"
    stranger = {**CARD, "number": "430702199209099999"}
    assert "landline" not in known(house, after, **{**carried, "card": stranger}), "another card"
    assert "landline" not in prefill.answers(house, after, carried), "no card yet"
