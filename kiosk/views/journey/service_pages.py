"""Pages that only some services have: the owner's number, the SMS code, the certificate it is about, warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.db import now
from kiosk.orders import causes, effects, journey, sms
from kiosk.orders.invalid import Invalid
from kiosk.orders.numbers import check
from kiosk.views.journey import fields
from kiosk.views.journey.context import Walk
from kiosk.views.journey.pages import PAGES, Page, Refusal
from kiosk.views.language import gettext as _
from kiosk.views.messages import message


class NumberPage(Page):
    """The unit's or person's number that certificates and orders are found by."""

    template = "journey/form.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        return {"fields": fields.shown(walk, self._specs(walk))}

    @staticmethod
    def _specs(walk: Walk) -> list[Any]:
        return fields.named(walk, journey.number_fields(walk.scheme, walk.offer, walk.order.kind))

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        for part in ("old", "found"):
            walk.data.pop(part, None)
        specs = self._specs(walk)
        values, errors = fields.take(walk, specs, form)
        if errors:
            return {"fields": fields.shown(walk, specs, values, errors), "errors": errors}
        walk.house.put_data(walk.order, {**walk.data, "form": {**walk.data.get("form", {}), **values}})
        for code in ("sms", "certificate"):
            walk.house.mark(walk.session, walk.order, code, done=False)
        return super().submit(walk, form)


class SmsPage(Page):
    """A code to the mobile phone, and the code typed back."""

    template = "journey/sms.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        sent = walk.data.get("sms", {})
        phone = sent.get("phone") or sms.phone_of(walk.data)
        masked = f"{phone[:3]}****{phone[-4:]}" if phone else ""
        return {"status": "sent" if sent else "ask", "phone": phone, "masked": masked, "minutes": 5}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("action") == "change":
            walk.house.put_data(walk.order, {key: value for key, value in walk.data.items() if key != "sms"})
            return {}
        if form.get("action") == "send":
            return self._send(walk, form.get("mobile") or walk.data.get("sms", {}).get("phone", ""))
        wrong = sms.check_code(walk.session, walk.house, walk.order, form.get("code", ""))
        if wrong:
            said = message(wrong) or {}
            return {"errors": {"code": f"{said['title']}：{said['text']}"}}
        return super().submit(walk, form)

    def _send(self, walk: Walk, typed: str) -> Refusal | None:
        try:
            phone = check("mobile", typed)
            sms.send_code(walk.session, walk.house, walk.order, phone, really=self.belongs(walk, phone))
        except Invalid as error:
            return {"errors": {"mobile": error.message_zh}}
        except sms.SmsRefused as error:
            said, field = message(error.code) or {}, "code" if walk.data.get("sms") else "mobile"
            return {"errors": {field: f"{said['title']}：{said['text']}"}}
        form = {**walk.data.get("form", {}), "mobile": phone}
        if journey.is_agent(walk.data):
            form.setdefault("agent_mobile", phone)
        walk.house.put_data(walk.order, {**walk.data, "form": form, "sms": {"phone": phone, "at": now().isoformat()}})
        walk.house.mark(walk.session, walk.order, "sms", done=False)
        return {}

    def belongs(self, walk: Walk, phone: str) -> bool:
        """Whether a code may really go to this number."""
        return True


class CertificatePage(Page):
    """Which of the owner's certificates: only those whose state allows the service can be chosen."""

    template = "journey/certificate.html"

    def enter(self, walk: Walk, step: journey.Step) -> None:
        if not walk.order.progress.get(step.code):
            effects.enqueue(walk.session, walk.order, "ca.find")

    def context(self, walk: Walk) -> dict[str, Any]:
        shared = {"drawing": "insert-ukey", "title": _("正在查找证书"), "text": _("请稍候。"), "message": None}
        running = effects.live(walk.session, walk.order, "ca.find")
        if running is not None:
            return {**shared, "status": "waiting", "message": message(running.note)}
        found = walk.data.get("found")
        last = effects.last(walk.session, walk.order, "ca.find")
        if found is None:
            said = message(last.note) if last and last.state == "failed" else None
            return {**shared, "status": "idle", "message": said, "title": _("查找证书")}
        return {**shared, "status": "found", "field": self._field(walk, found), "refused": self._refused(walk, found)}

    @staticmethod
    def _line(row: dict[str, Any]) -> str:
        until = _("有效期至 %(day)s", day=fields.day(row["not_after"]))
        return f"{row['name']} · {until} · {_('序列号')} {row['certificate'][-8:].upper()}"

    def _field(self, walk: Walk, found: list[dict[str, Any]]) -> fields.Shown | None:
        allowed = [row for row in found if causes.refusal(walk.service, row["state"]) is None]
        if not allowed:
            return None
        chosen = walk.data.get("old", {}).get("certificate") or (allowed[0]["certificate"] if len(allowed) == 1 else "")
        options = [(row["certificate"], self._line(row)) for row in allowed]
        return fields.choice("certificate", _("请选择要办理的证书"), options, chosen)

    def _refused(self, walk: Walk, found: list[dict[str, Any]]) -> list[tuple[str, str]]:
        rows = [(row, causes.refusal(walk.service, row["state"])) for row in found]
        return [(self._line(row), (message(code) or {}).get("title", "")) for row, code in rows if code]

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("action") == "start":
            effects.enqueue(walk.session, walk.order, "ca.find")
            return {}
        rows = {row["certificate"]: row for row in walk.data.get("found") or []}
        chosen = rows.get(form.get("certificate", ""))
        if chosen is None or causes.refusal(walk.service, chosen["state"]):
            return {"errors": {"certificate": _("请选择一张证书。")}}
        walk.house.put_data(walk.order, {**walk.data, "old": chosen})
        walk.house.log(walk.session, "certificate.chosen", {"certificate": chosen["certificate"]}, walk.order)
        return super().submit(walk, form)


class NotesPage(Page):
    """What must be done before a renewal: the old key opens what was encrypted to it."""

    template = "journey/notes.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        confirm = _("我已打开并另存用旧证书加密的文件")
        return {"notes": walk.scheme.renewal_notes, "lead": "", "confirm": confirm}

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        if form.get("accept") != "yes":
            return {"errors": {"accept": _("请先看完并勾选确认。")}}
        return super().submit(walk, form)


class WarningPage(NotesPage):
    """Asked for the first time: a revocation cannot be undone."""

    def context(self, walk: Walk) -> dict[str, Any]:
        notes = [
            _("废除立即生效，证书马上不能再登录、签名和解密。"),
            _("废除后不能恢复；以后需要，只能重新办理新证书并付费。"),
            _("用这张证书加密的文件，请先解密另存。"),
        ]
        lead = _("只是暂时不用，可以办理冻结。")
        return {"notes": notes, "lead": lead, "confirm": _("我知道废除不能恢复")}


PAGES |= {
    "number": NumberPage(),
    "sms": SmsPage(),
    "certificate": CertificatePage(),
    "notes": NotesPage(),
    "warning": WarningPage(),
}
