"""Members of staff for tests: accounts, one-time codes, and browsers that are signed in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.db import db, now, write
from kiosk.orders import clerks
from kiosk.orders.book import House
from kiosk.orders.desk_models import Clerk
from kiosk.orders.models import Order

PASSWORD = "correct horse battery"


def house_of(app: Flask) -> House:
    found: House = app.extensions["house"]
    return found


@dataclass
class Member:
    """One account. ``browser`` signs in with a real code; each code is used once, so the clock moves on a step."""

    app: Flask
    name: str
    secret: str
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def code(self) -> str:
        with self.app.app_context():
            last = db.session.query(Clerk.last_step).filter_by(name=self.name).scalar()
        step = max(int(now().timestamp()) // 30, last + 1)
        return str(pyotp.TOTP(self.secret).at(step * 30))

    def browser(self, place: str = "admin") -> Browser:
        browser = Browser(self.app.test_client(), f"/{place}")
        answer = browser.post("/sign-in", name=self.name, password=PASSWORD, code=self.code())
        assert answer.status_code == 303, answer.get_data(as_text=True)[-400:]
        return browser


@dataclass
class Browser:
    client: FlaskClient
    prefix: str

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(self.prefix + path, query_string=query)

    def text(self, path: str, **query: Any) -> str:
        answer = self.client.get(self.prefix + path, query_string=query, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.get_data(as_text=True)

    def post(self, path: str, **form: Any) -> TestResponse:
        return self.client.post(self.prefix + path, data=form)


def make(app: Flask, name: str, *roles: str) -> Member:
    with app.app_context(), write() as session:
        _, address = clerks.add(session, house_of(app), name, f"员工{name}", PASSWORD, roles)
    return Member(app, name, parse_qs(urlsplit(address).query)["secret"][0])


def open_order(app: Flask, service: str = "renew", kind: str = "unit", **data: Any) -> str:
    """An order with answers; returns its number."""
    house = house_of(app)
    with app.app_context(), write() as session:
        order = house.open_order(session, data.pop("scheme", "yiyang"), service, kind)
        house.put_data(order, data or {"form": FORM, "card": {"name": "王俊轩", "number": "430903199003078515"}})
        return order.number


FORM = {
    "unit_name": "湖南测试科技有限公司",
    "uscc": "91430900MA4L1ABCDX",
    "mobile": "13812345678",
    "email": "a@example.com",
}


def order_row(number: str) -> Order:
    return db.session.query(Order).filter_by(number=number).one()


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)
