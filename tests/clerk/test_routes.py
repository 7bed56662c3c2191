"""Every page × every role: who may not, is refused; nobody gets in unsigned; no page offers what is refused."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.clerk.conftest import ROLES
from tests.clerk.staff import Member

VALUES = {"digest": "0", "number": "1", "code": "x", "name": "nobody", "material": "1", "day": "2026-11-20"}


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in ("clerk", "admin")]


def address(app: Flask, rule: Rule) -> str:
    values = {name: VALUES[name] for name in rule.arguments}
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, values, method=method(rule)))


def method(rule: Rule) -> str:
    return "POST" if "POST" in (rule.methods or ()) else "GET"


def roles(app: Flask, rule: Rule) -> frozenset[str]:
    return app.view_functions[rule.endpoint].roles  # type: ignore[attr-defined,no-any-return]


def test_every_page_says_who_may_open_it(app: Flask) -> None:
    found = rules(app)
    assert len(found) > 50
    assert all(roles(app, rule) for rule in found)
    public = {rule.endpoint.partition(".")[2] for rule in found if "*" in roles(app, rule)}
    assert public == {"sign_in", "enter", "card_state", "card_pin", "card_gone"}


def test_without_signing_in_every_page_leads_to_the_sign_in(app: Flask) -> None:
    client = app.test_client()
    for rule in rules(app):
        if "*" not in roles(app, rule):
            answer = client.open(address(app, rule), method=method(rule))
            assert answer.status_code == 303, rule
            assert answer.headers["Location"].endswith("/sign-in"), rule


@pytest.mark.parametrize("place", ["kiosk", "admin"])
def test_each_role_is_refused_everything_it_may_not(app: Flask, staff: dict[str, Member], place: str) -> None:
    prefix = {"kiosk": "clerk", "admin": "admin"}[place]
    asked = 0
    for role in ROLES:
        browser = staff[role].browser(prefix)
        for rule in rules(app):
            if not rule.endpoint.startswith(f"{prefix}.") or "*" in roles(app, rule) or "sign_out" in rule.endpoint:
                continue
            answer = browser.client.open(address(app, rule), method=method(rule))
            refused = answer.status_code == 403
            assert answer.status_code < 500, (role, rule)
            assert refused == (role not in roles(app, rule)), (role, rule, answer.status_code)
            asked += 1
    assert asked > 100


def test_a_session_of_one_place_is_none_in_the_other(app: Flask, staff: dict[str, Member]) -> None:
    browser = staff["admin"].browser("clerk")
    token = browser.client.get_cookie("desk").value  # type: ignore[union-attr]
    other = app.test_client()
    other.set_cookie("staff", token, path="/admin")
    assert other.get("/admin/").status_code == 303


def test_pages_of_one_place_lead_to_that_place(app: Flask) -> None:
    client = app.test_client()
    for prefix in ("/clerk", "/admin", "/clerk"):
        assert f'action="{prefix}/sign-in"' in client.get(f"{prefix}/sign-in").get_data(as_text=True)


@pytest.mark.parametrize("role", ROLES)
def test_no_link_or_form_leads_to_a_refusal(app: Flask, staff: dict[str, Member], role: str) -> None:
    browser, seen, todo = staff[role].browser(), set[str](), ["/admin/"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        answer = browser.client.get(page)
        assert answer.status_code in (200, 302, 303), (role, page)
        text = answer.get_data(as_text=True)
        todo += [link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"#]*)"', text)]
        adapter = app.url_map.bind("localhost")
        for action in re.findall(r'method="post" action="([^"]+)"', text):
            endpoint, _ = adapter.match(action, method="POST")
            allowed = app.view_functions[endpoint].roles  # type: ignore[attr-defined]
            assert role in allowed, (role, page, action)
    assert len(seen) > 3
