"""The UKey's PIN: proven, or chosen anew. It goes to the worker's memory, never to the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.ime.pinpad import pads
from kiosk.orders import causes, effects
from kiosk.orders.effects import live
from kiosk.views import visit
from kiosk.views.journey import fields
from kiosk.views.journey.context import Walk
from kiosk.views.journey.pages import PAGES, Page, Refusal
from kiosk.views.language import gettext as _
from kiosk.views.messages import message


class PinPage(Page):
    """The UKey's PIN: to the worker's memory, never to the database."""

    template = "journey/pin.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        running = live(walk.session, walk.order, "token.prove")
        if running is not None:
            waiting = {"title": _("正在核对密码"), "text": "", "drawing": "insert-ukey"}
            return {**waiting, "status": "waiting", "message": None, "rows": []}
        last = effects.last(walk.session, walk.order, "token.prove")
        said = message(last.note, last.facts) if last and last.state == "failed" else None
        done = bool(walk.order.progress.get("pin"))
        return {"status": "done" if done else "idle", "message": said, "rows": []}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("action") == "next" and walk.order.progress.get("pin"):
            return None
        pin = pads.typed(form.get("pin", ""))
        if not 4 <= len(pin) <= 32:
            return {"errors": {"pin": _("请输入 UKey 密码。")}}
        walk.house.mark(walk.session, walk.order, "pin", done=False)
        if not visit.send_pin(walk.order.id, pin):
            return {"errors": {"": _("后台服务没有启动，请呼叫工作人员。")}}
        effects.enqueue(walk.session, walk.order, "token.prove")
        return {}


class NewPinPage(Page):
    """The owner chooses the PIN of a new UKey, twice the same."""

    template = "journey/new_pin.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {"unlock": causes.work_of(walk.service) == "same"}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        pin, again = pads.typed(form.get("pin", "")), pads.typed(form.get("again", ""))
        reason = fields.weak_pin(pin, walk.data)
        if reason:
            return {"errors": {"pin": reason}}
        if pin != again:
            return {"errors": {"again": _("两次输入的密码不一样，请重新输入。")}}
        if not visit.send_pin(walk.order.id, pin):
            return {"errors": {"": _("后台服务没有启动，请呼叫工作人员。")}}
        return super().submit(walk, form)


PAGES |= {"pin": PinPage(), "new_pin": NewPinPage()}
