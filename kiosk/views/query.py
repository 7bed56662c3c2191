"""Query (查询与继续办理): history and state of a person's or unit's orders, and the way back into an unfinished one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, redirect, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.catalogue import Kind, Operation
from kiosk.db import BEIJING, db, write
from kiosk.orders import history, invoices, journey, people, review
from kiosk.orders.book import House
from kiosk.orders.models import Order, Visit
from kiosk.orders.money_models import Invoice
from kiosk.orders.states import PaymentState, RefundState, State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey import fields
from kiosk.views.journey.context import Walk, changing, home
from kiosk.views.journey.pages import PAGES, Page, Refusal
from kiosk.views.journey.service_pages import SmsPage
from kiosk.views.language import gettext as _
from kiosk.views.language import locale
from kiosk.views.messages import message

blueprint = Blueprint("query", __name__, url_prefix="/query")
STATES = {
    State.DRAFT: "等待补正",
    State.PAYING: "等待付款",
    State.PAID: "等待审核",
    State.WRITING: "等待写入 UKey",
    State.DONE: "已办完",
    State.REFUNDING: "正在退款",
    State.REFUNDED: "已退款",
    State.CLERK: "工作人员处理中",
    State.AWAY: "在另一台自助机办理中",
}


def service_of(here: House, scheme: str) -> tuple[str, str] | None:
    """(scheme, service) of the query to open: the scheme's own, else any other's."""
    for found in sorted(here.schemes, key=lambda one: one.code != scheme):
        for service in found.services.values():
            if service.operation == Operation.query:
                return found.code, service.code
    return None


@blueprint.post("/<kind>")
def begin(kind: str) -> Response:
    """A tap on 查询与继续办理."""
    here = house()
    found = service_of(here, request.form.get("scheme", here.settings.hall))
    order = visit.order()
    busy = order is not None and not visit.goes_on(order)
    if busy or found is None or kind not in set(Kind):
        return redirect(url_for("journey.resume" if busy else "home.index"), 303)
    with write() as opening:
        visit.begin(here.open_order(opening, *found, kind))
    return redirect(url_for("journey.resume"), 303)


@blueprint.post("/continue")
def go_on() -> Response:
    """Back into an unfinished order, from the list this visit was just shown."""
    if visit.order() is None:
        return home()
    with changing("history") as walk:
        if walk.step.code != "history" or not may_see(walk):
            return redirect(url_for("journey.resume"), 303)
        wanted = request.form.get("number", "")
        order = next((one for one in matching(walk) if one.number == wanted and history.may_continue(one)), None)
        if order is None:
            return redirect(url_for("journey.resume"), 303)
        _enter(walk, order)
    visit.nudge()
    return redirect(url_for("journey.resume"), 303)


def _enter(walk: Walk, order: Order) -> None:
    here, changes = walk.house, walk.session
    here.move(changes, walk.order, State.VOID, "query")
    seen = changes.get(Visit, session["visit"])
    assert seen is not None
    seen.order_id = g.visit_order_id = order.id
    here.log(changes, "order.continued", {"by": walk.data.get("way", "sms")}, order)
    review.come_back(changes, here, order)


def may_see(walk: Walk) -> bool:
    """Every step before the list is done: card read, or code right."""
    return journey.first_open(walk.house, walk.order, walk.data, walk.way).code == "history"


def matching(walk: Walk) -> list[Order]:
    """The orders this visitor has proven to be his."""
    return _found(walk.session, walk)


def _found(changes: Session, walk: Walk) -> list[Order]:
    if walk.data.get("way") == "card":
        return history.of_card(changes, walk.house, walk.data["card"]["number"])
    number = people.number_of(walk.order.kind, walk.data.get("form", {}))
    if not number:
        return []
    phone = walk.data.get("sms", {}).get("phone")
    orders = [
        one for one in history.of_number(changes, walk.house, walk.order.kind, number) if history.fully_known(one)
    ]
    # who knows the phone of one order of this number sees them all: it is the same unit or person
    return orders if any(phone in history.phones(walk.house, one) for one in orders) else []


class WayPage(Page):
    """By ID card or by number and SMS code."""

    template = "journey/choice.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        options = [("card", _("刷身份证")), ("sms", _("证件号码和短信验证码"))]
        return {"field": fields.choice("way", _("用什么方式查询"), options, walk.data.get("way"))}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("way") not in ("card", "sms"):
            return {"errors": {"way": _("请选择查询方式。")}}
        walk.house.put_data(walk.order, {"way": form["way"]})
        for code in ("id_card", "number", "sms"):
            walk.house.mark(walk.session, walk.order, code, done=False)
        return super().submit(walk, form)


class QuerySms(SmsPage):
    """For a query a code only goes to a phone that one of the orders names; the page says the same either way."""

    def belongs(self, walk: Walk, phone: str) -> bool:
        if walk.service.operation != Operation.query:
            return True
        number = people.number_of(walk.order.kind, walk.data.get("form", {})) or ""
        orders = history.of_number(walk.session, walk.house, walk.order.kind, number)
        return any(phone in history.phones(walk.house, one) for one in orders if history.fully_known(one))


class HistoryPage(Page):
    """What there is, what is missing, how it goes on."""

    template = "query/history.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {"cases": [self._case(walk, order) for order in matching(walk)]}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        return {}

    @staticmethod
    def _case(walk: Walk, order: Order) -> dict[str, Any]:
        scheme, service, _offer = walk.house.offer(order)
        name = service.name_en if locale() == "en" else service.name
        kind = _("单位证书") if order.kind == "unit" else _("个人证书")
        at = order.created_at.astimezone(BEIJING)
        return {
            "number": order.number,
            "title": f"{name} · {kind}",
            "scheme": scheme.name_en if locale() == "en" else scheme.name,
            "day": f"{at:%Y-%m-%d %H:%M}",
            "state": _(STATES[State(order.state)]),
            "rows": _details(walk.house, order),
            "go_on": history.may_continue(order),
        }


def _details(here: House, order: Order) -> list[tuple[str, str]]:
    data, rows = here.data(order) if history.fully_known(order) else {}, []
    if order.amount:
        rows.append((_("金额"), f"{order.amount / 100:.2f} {_('元')} · {_received(order)}"))
    rejected = data.get("rejected")
    if rejected and order.state == State.DRAFT:
        titles = review.materials(here, order)
        named = rejected.get("all") or {rejected["material"]: rejected["reason"]}
        rows += [(_("需要补正"), f"{titles.get(code, '')}：{reason}") for code, reason in named.items()]
    if order.state == State.PAID:
        level = review.open_level(here, order)
        rows.append((_("下一步"), f"{level.who} {level.name}" if level else _("审核已通过，请继续办理，写入 UKey")))
    said = message(order.note) if order.state == State.CLERK else None
    if said:
        rows.append((_("说明"), said["text"]))
    for certificate in order.certificates:
        if certificate.serial:
            until = certificate.not_after.astimezone(BEIJING).date().isoformat() if certificate.not_after else ""
            rows.append((_("证书"), f"{certificate.serial.upper()} · {_('有效期至 %(day)s', day=until)}"))
    if any(certificate.token_serial for certificate in order.certificates):
        rows.append((_("UKey 密码"), _("由使用人在本机自己设置，不另行发送。")))
    form = data.get("form", {})
    if form.get("invoice") == "yes":
        rows.append((_("电子发票"), _invoice(invoices.of(db.session(), order))))
    return rows


def _received(order: Order) -> str:
    """What became of the money."""
    paid = [p for p in order.payments if p.state == PaymentState.SUCCEEDED]
    if not paid:
        return _("未付")
    if any(p.refund is None for p in paid):
        return _("已付")
    done = all(p.refund and p.refund.state == RefundState.SUCCEEDED for p in paid)
    return _("已退款") if done else _("退款处理中")


def _invoice(found: Invoice | None) -> str:
    """State and number as finance has given them back."""
    match found.state if found else "":
        case "issued":
            return _("已开具，发票号码 %(number)s", number=(found and found.number) or "")
        case "red":
            return _("已红冲")
        case "failed":
            return _("没有开成，请到窗口核对开票信息")
        case "requested":
            return _("已申请，开具后发到您填写的邮箱或手机")
        case _:
            return _("开具后发到您填写的邮箱或手机。")


PAGES |= {"way": WayPage(), "sms": QuerySms(), "history": HistoryPage()}
