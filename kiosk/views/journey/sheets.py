"""The sheet that is to be stamped or signed: printed by the kiosk, filled in, before it is laid on the glass."""

from __future__ import annotations

from typing import Any

from kiosk.orders import effects, paperwork
from kiosk.orders.states import LIVE
from kiosk.views.journey.context import Walk
from kiosk.views.language import gettext as _
from kiosk.views.messages import message

MOST = 12  # printed for one order at the person's wish


def status(walk: Walk) -> dict[str, Any]:
    """``printable``: the kiosk prints this material; ``status`` waiting while it does; else how the last one ended."""
    printable = paperwork.to_sign(walk.house, walk.order, walk.step.arg) is not None
    last = effects.last(walk.session, walk.order, "print.sheet", walk.step.arg) if printable else None
    if last is not None and last.state in LIVE:
        words = {"title": _("正在打印"), "text": _("请到出纸口取表，盖章或签名后放到玻璃上扫描。"), "drawing": ""}
        return {**words, "status": "waiting", "printable": True, "message": message(last.note)}
    out = last is not None and last.state == "done"
    said = message(last.note) if last is not None and last.state == "failed" else None
    return {"status": "idle", "printable": printable, "printed": out, "message": said}


def ask(walk: Walk) -> None:
    """One press of the button, one sheet."""
    if paperwork.to_sign(walk.house, walk.order, walk.step.arg) is None:
        return
    if effects.count(walk.session, walk.order, "print.sheet") < MOST:
        effects.enqueue(walk.session, walk.order, "print.sheet", walk.step.arg)
