"""One small class for each kind of step: what its page shows, and what its answer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.orders import causes, effects, fulfil, journey
from kiosk.orders.effects import live
from kiosk.orders.models import Consent
from kiosk.views.journey import fields, signed
from kiosk.views.journey.context import Walk
from kiosk.views.language import gettext as _
from kiosk.views.messages import message

Refusal = dict[str, Any]


class Page:
    """``context`` is what the template needs. ``submit`` returns None (go on), {} (same page again) or the refusal
    to show.
    """

    template = "journey/plain.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        walk.house.mark(walk.session, walk.order, walk.step.code)
        return None

    def enter(self, walk: Walk, step: journey.Step) -> None:
        """The person comes here from the step before: a reader may start by itself."""


class AgreementPage(Page):
    """Read, then accept: version and digest are kept."""

    template = "journey/agreement.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {"agreement": walk.scheme.agreements[walk.step.arg]}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        agreement = walk.scheme.agreements[walk.step.arg]
        if form.get("accept") != "yes":
            return {"errors": {"accept": _("请先阅读并勾选同意；不同意请点退出。")}}
        kept = [consent.code for consent in walk.order.consents]
        if agreement.code not in kept:
            facts = {"code": agreement.code, "version": agreement.version, "sha256": agreement.sha256}
            walk.session.add(Consent(order_id=walk.order.id, **facts))
            walk.house.log(walk.session, "agreement.accepted", facts, walk.order)
        return super().submit(walk, form)


class DevicePage(Page):
    """Waits for something to be laid down or plugged in; the worker reads it."""

    template = "journey/device.html"
    effect = ""
    drawing = ""
    waiting: tuple[str, str] = ("", "")

    def subject(self, step: journey.Step) -> str:
        return ""

    def enter(self, walk: Walk, step: journey.Step) -> None:
        if not walk.order.progress.get(step.code):
            effects.enqueue(walk.session, walk.order, self.effect, self.subject(step))

    def context(self, walk: Walk) -> dict[str, Any]:
        subject = self.subject(walk.step)
        title, text = self.waiting
        shared = {"drawing": self.drawing, "title": _(title), "text": _(text), "rows": []}
        running = live(walk.session, walk.order, self.effect, subject)
        if running is not None:
            return {**shared, "status": "waiting", "message": message(running.note)}
        if walk.order.progress.get(walk.step.code):
            return {**shared, "status": "done", "rows": self.rows(walk)}
        last = effects.last(walk.session, walk.order, self.effect, subject)
        said = message(last.note, last.facts) if last and last.state == "failed" else None
        return {**shared, "status": "idle", "message": said}

    def rows(self, walk: Walk) -> list[tuple[str, str]]:
        return []

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("action") == "start":
            walk.house.mark(walk.session, walk.order, walk.step.code, done=False)
            effects.enqueue(walk.session, walk.order, self.effect, self.subject(walk.step))
            return {}
        return None if walk.order.progress.get(walk.step.code) else {}


class IdCardPage(DevicePage):
    effect, drawing = "card.read", "lay-card"
    waiting = ("请将身份证放在读卡区", "平放在读卡区上，读取完成前不要拿开。")

    def rows(self, walk: Walk) -> list[tuple[str, str]]:
        card = walk.data["card"]
        number = card["number"]
        return [(_("姓名"), card["name"]), (_("证件号码"), f"{number[:6]}********{number[-4:]}")]


class TokenPage(DevicePage):
    effect, drawing = "token.read", "insert-ukey"
    waiting = ("请插入要办理的 UKey", "只插一个，插到底。")

    def rows(self, walk: Walk) -> list[tuple[str, str]]:
        token = walk.data["token"]
        return [
            (_("证书名称"), token["name"]),
            (_("UKey 编号"), token["serial"]),
            (_("到期日"), fields.day(token["not_after"])),
        ]


class BlankTokenPage(DevicePage):
    effect, drawing = "token.blank", "insert-ukey"
    waiting = ("请插入新的 UKey", "向工作人员领取新 UKey，只插这一个。")

    def rows(self, walk: Walk) -> list[tuple[str, str]]:
        return [(_("UKey 编号"), walk.data["token"]["serial"])]


class RolePage(Page):
    """Who stands here: the legal representative or applicant himself, or somebody he sent."""

    template = "journey/role.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        himself = _("法定代表人本人") if walk.order.kind == "unit" else _("申请人本人")
        options = [("self", himself), ("agent", _("经办人（受委托来办理）"))]
        return {"field": fields.choice("role", _("今天来办理的是"), options, walk.data.get("role"))}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        role = form.get("role")
        if role not in ("self", "agent"):
            return {"errors": {"role": _("请选择您的身份。")}}
        if walk.data.get("role") not in (None, role):
            walk.house.mark(walk.session, walk.order, "token", done=False)
        walk.house.put_data(walk.order, {**walk.data, "role": role})
        return super().submit(walk, form)


class TermPage(Page):
    """For how many years; the price comes from the catalogue alone."""

    template = "journey/term.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        terms = [(str(years), walk.offer.price(years)) for years in walk.offer.terms]
        options = [
            (
                years,
                _("%(n)s 年　%(amount)s 元", n=years, amount=amount // 100)
                if amount
                else _("%(n)s 年　未定价", n=years),
            )
            for years, amount in terms
        ]
        chosen = str(walk.order.years) if walk.order.years else None
        return {"field": fields.choice("years", _("证书使用年限"), options, chosen), "note": walk.offer.fee_note}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        years = form.get("years", "")
        if not years.isdecimal() or int(years) not in walk.offer.terms:
            return {"errors": {"years": _("请选择年限。")}}
        if walk.offer.price(int(years)) is None:
            return {"errors": {"years": _("这个年限还没有定价，请选择其他年限，或到窗口办理。")}}
        walk.order.years = int(years)
        return super().submit(walk, form)


class FormPage(Page):
    """A group of fields: only what is still unknown, what was read is locked."""

    template = "journey/form.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        specs = fields.group(walk, walk.step.arg)
        return {"fields": fields.shown(walk, specs), "recognised": fields.recognised(walk, specs)}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        specs = fields.group(walk, walk.step.arg)
        values, errors = fields.take(walk, specs, form)
        if errors:
            return {"fields": fields.shown(walk, specs, values, errors), "errors": errors}
        typed = {**walk.data.get("form", {}), **values}
        walk.house.put_data(walk.order, {**walk.data, "form": typed})
        return super().submit(walk, form)


class CheckPage(Page):
    """Everything on one page, each with 修改; the price; then pay."""

    template = "journey/check.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {
            "rows": fields.summary(walk),
            "amount": fulfil.price(walk.house, walk.order),
            "signed": bool(walk.data.get("signature")),
            "irreversible": causes.irreversible(walk.service),
        }

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        open_step = journey.first_open(walk.house, walk.order, walk.data, walk.way)
        if open_step.kind != "check":
            return {}
        if causes.irreversible(walk.service) and form.get("again") != "yes":
            return {"errors": {"again": _("废除后不能恢复。确定要废除，请再次勾选确认。")}}
        self._sign(walk, form)
        fulfil.confirm(walk.session, walk.house, walk.order)
        return None

    @staticmethod
    def _sign(walk: Walk, form: Mapping[str, str]) -> None:
        """Keep what was written on the glass: the picture for the papers, and the strokes it was drawn with."""
        picture = signed.picture(form.get("signature_png", ""))
        if picture is None:
            return
        kept = {"signature": walk.house.put_file(walk.order, picture)}
        strokes = signed.strokes(form.get("signature_svg", ""))
        if strokes is not None:
            kept["signature_strokes"] = walk.house.put_file(walk.order, strokes)
        walk.house.put_data(walk.order, {**walk.data, **kept})


PAGES: dict[str, Page] = {
    "agreement": AgreementPage(),
    "id_card": IdCardPage(),
    "role": RolePage(),
    "token": TokenPage(),
    "blank_token": BlankTokenPage(),
    "term": TermPage(),
    "form": FormPage(),
    "check": CheckPage(),
}
