"""The last question of a visit: how was it?"""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.db import write
from kiosk.orders import rating
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey.context import with_order
from kiosk.views.journey.routes import blueprint
from kiosk.views.language import gettext as _

LEVELS = {
    "very_satisfied": "非常满意",
    "satisfied": "满意",
    "fair": "基本满意",
    "dissatisfied": "不满意",
    "very_dissatisfied": "非常不满意",
}
REASONS = {
    "slow": "用时太长",
    "unclear": "看不懂怎么办",
    "device": "设备不好用",
    "price": "收费不清楚",
    "staff": "没人帮忙",
    "other": "其他原因",
}


def shown(session: Session, order: Order) -> dict[str, Any]:
    """What the last page asks: the level, then the reason of a low one, then nothing."""
    given = rating.of(session, order)
    return {
        "rated": given.level is not None,
        "levels": [] if given.level else [(code, _(text)) for code, text in LEVELS.items()],
        "reasons": [(code, _(text)) for code, text in REASONS.items()] if given.wants_reason else [],
    }


@blueprint.post("/done/rate")
@with_order(State.DONE, State.REFUNDED)
def rate() -> Response:
    order = visit.order()
    assert order is not None
    with write() as session:
        mine = session.get_one(Order, order.id)
        rating.give(session, house(), mine, request.form.get("level", ""), request.form.get("reason", ""))
    return redirect(url_for("journey.done"), 303)
