"""A page on the glass: scan, see what is wrong or what was read, scan again or keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for

from kiosk.orders import capture, effects, journey
from kiosk.orders.models import Material
from kiosk.views.journey import sheets
from kiosk.views.journey.context import Walk
from kiosk.views.journey.pages import PAGES, Page, Refusal
from kiosk.views.language import gettext as _
from kiosk.views.language import lazy_gettext as _l
from kiosk.views.messages import fault, message, note

READ = {
    "name": _l("名称"),
    "credit_code": _l("统一社会信用代码"),
    "legal_representative": _l("法定代表人"),
    "address": _l("住所"),
    "number": _l("证件号码"),
    "valid_from": _l("有效期自"),
    "valid_to": _l("有效期至"),
}
NAMES = {"id_front": _l("姓名"), "seal": _l("印章上的名称")}


class MaterialPage(Page):
    """Put it on the glass → picture → verdict and what was read → again or keep."""

    template = "journey/material.html"

    def context(self, walk: Walk) -> dict[str, Any]:
        subject = walk.step.arg
        shared: dict[str, Any] = {
            "drawing": "lay-page",
            "title": _("请放好：%(name)s", name=_(walk.step.title)),
            "text": _("正面朝下放在玻璃上，对齐角上的箭头，盖上盖子。"),
            "picture": None,
            "faults": [],
            "notes": [],
            "read": [],
            "message": None,
            **sheets.status(walk),
        }
        if shared["status"] == "waiting":
            return shared
        if effects.live(walk.session, walk.order, "scan", subject) is not None:
            return {**shared, "status": "waiting", "title": _("正在扫描"), "text": _("请不要移动材料。")}
        last = effects.last(walk.session, walk.order, "scan", subject)
        if last is not None and last.state == "failed":
            return {**shared, "status": "idle", "message": message(last.note, last.facts)}
        found = journey.newest_pictures(walk.order).get(subject)
        if found is None:
            return {**shared, "status": "idle"}
        if found.state == "rejected":
            said = {"code": "rejected", "title": _("审核没有通过"), "text": str(found.facts.get("reason", ""))}
            return {**shared, "status": "idle", "message": said}
        return {**shared, **self._judged(walk, found)}

    @staticmethod
    def _judged(walk: Walk, found: Material) -> dict[str, Any]:
        """The newest picture with what is wrong, worth knowing, and read."""
        asked = capture.wanted(walk.house, walk.order, found.code)
        read = capture.reading_of(walk.data, asked)
        names = {**READ, "name": NAMES.get(asked.reads, READ["name"])}
        rows = [(str(names[key]), read[key]) for key in names if read.get(key)]
        if asked.reads == "seal":
            rows = [*rows, (_("单位名称"), asked.name)] if capture.SEAL_NAME in found.verdict else []
        return {
            "status": found.state if found.state in ("refused", "kept") else "good",
            "picture": url_for("journey.picture", code=walk.step.code, v=found.id),
            "faults": [fault(code) for code in found.verdict] if found.state != "kept" else [],
            "notes": [note(code) for code in found.facts.get("notes", [])],
            "read": rows,
        }

    def submit(self, walk: Walk, form: Mapping[str, str]) -> Refusal | None:
        found = journey.newest_pictures(walk.order).get(walk.step.arg)
        if form.get("action") == "print":
            sheets.ask(walk)
            return {}
        if form.get("action") == "scan":
            effects.enqueue(walk.session, walk.order, "scan", walk.step.arg)
            return {}
        if form.get("action") == "keep" and found is not None and found.state in ("good", "kept"):
            found.state = "kept"
            walk.house.log(walk.session, "material.kept", {"material": found.code, "sha256": found.picture}, walk.order)
            return None
        return {}


PAGES["material"] = MaterialPage()
