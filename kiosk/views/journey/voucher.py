"""The voucher of a company transfer: scanned on the pay page, looked at by a clerk."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.db import db
from kiosk.orders import effects, money_desk
from kiosk.orders.journey import newest_pictures
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.journey.context import with_order
from kiosk.views.journey.routes import blueprint
from kiosk.views.messages import fault, message

ACTIONS = ("voucher_scan", "voucher_keep")


def context(session: Session, order: Order) -> dict[str, Any]:
    """``scanning``, or the newest picture with what is wrong with it."""
    scan = effects.last(session, order, "scan", money_desk.VOUCHER)
    live = effects.live(session, order, "scan", money_desk.VOUCHER) is not None
    found = newest_pictures(order).get(money_desk.VOUCHER)
    picture = None if live or found is None else url_for("journey.voucher_picture", n=found.id)
    failed = scan is not None and not live and scan.state == "failed"
    return {
        "scanning": live,
        "picture": picture,
        "faults": [fault(code) for code in found.verdict] if found and picture else [],
        "message": message(scan.note) if failed and scan is not None else None,
    }


def act(session: Session, order: Order, action: str) -> None:
    """Scan the voucher, or hand the picture to a clerk."""
    if money_desk.waiting_transfer(session, order) is None:
        return
    found = newest_pictures(order).get(money_desk.VOUCHER)
    if action == "voucher_scan":
        effects.enqueue(session, order, "scan", money_desk.VOUCHER)
    elif found is not None and effects.live(session, order, "scan", money_desk.VOUCHER) is None:
        money_desk.voucher_shown(session, house(), order, found)


@blueprint.get("/pay/voucher")
@with_order(State.PAYING)
def voucher_picture() -> Response:
    """The scanned voucher of this order."""
    order = visit.order()
    assert order is not None
    db.session().refresh(order)
    found = newest_pictures(order).get(money_desk.VOUCHER)
    name = (found.shown or found.picture) if found else None
    if name is None:
        abort(404)
    content = house().get_file(order, name)
    return Response(content, mimetype="image/jpeg" if content[:2] == b"\xff\xd8" else "image/png")
