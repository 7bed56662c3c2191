"""Where the gateways may tell that something happened: verified, acted upon once per id, limited in rate.

A notification settles nothing: it makes the worker ask. Behind NAT nobody reaches this, and polling is the truth.
"""

from __future__ import annotations

import datetime as dt
import threading
import time

from flask import Blueprint, Response, current_app, request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from kiosk.db import now, write
from kiosk.orders import effects
from kiosk.orders.models import Payment
from kiosk.orders.money_models import Notice
from kiosk.orders.states import PaymentState
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.worker.notices import Unbelieved, believe

blueprint = Blueprint("notify", __name__)
LARGEST = 64 * 1024
KEEP = dt.timedelta(days=30)
PER_MINUTE = 120


class Bucket:
    """At most ``PER_MINUTE`` in a minute, evenly refilled."""

    def __init__(self) -> None:
        self._left, self._at, self._lock = float(PER_MINUTE), time.monotonic(), threading.Lock()

    def take(self) -> bool:
        with self._lock:
            moment = time.monotonic()
            self._left = min(self._left + (moment - self._at) * PER_MINUTE / 60, float(PER_MINUTE))
            self._at = moment
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _bucket(channel: str) -> Bucket:
    buckets: dict[str, Bucket] = current_app.extensions.setdefault("notify_buckets", {})
    return buckets.setdefault(channel, Bucket())


@blueprint.post("/notify/<any(wechat, alipay):channel>")
def notify(channel: str) -> Response:
    """200 or 204 for what is believed, also for what was seen before; 401, 413 or 429 and nothing done otherwise."""
    if not _bucket(channel).take():
        return Response("too many", 429)
    if (request.content_length or 0) > LARGEST:
        return Response("too large", 413)
    body = request.get_data(cache=False, parse_form_data=False)
    try:
        notice = believe(house().settings, channel, dict(request.headers), body)
    except Unbelieved as error:
        current_app.logger.warning("notification of %s not believed: %s", channel, error)
        return Response("not believed", 401)
    with write() as session:
        fresh = _remember(session, channel, notice.id, notice.out_trade_no)
        if fresh:
            _look(session, notice.out_trade_no)
    if fresh:
        visit.nudge()
    return Response("success", mimetype="text/plain") if channel == "alipay" else Response(status=204)


def _remember(session: Session, channel: str, notice_id: str, number: str) -> bool:
    key = f"{channel}:{notice_id}"[:80]
    if session.get(Notice, key) is not None:
        return False
    session.execute(delete(Notice).where(Notice.at < now() - KEEP))
    session.add(Notice(id=key, number=number[:32]))
    return True


def _look(session: Session, number: str) -> None:
    """Have the worker ask about this trade now; also one that counts as closed: the gateway's later word wins."""
    payment = session.scalars(select(Payment).where(Payment.out_trade_no == number)).first()
    if payment is None or payment.state in (PaymentState.SUCCEEDED, PaymentState.MISMATCH):
        return
    if payment.state == PaymentState.CLOSED:
        effects.enqueue(session, payment.order, "pay.watch", number)
    effects.hurry(session, payment.order, "pay.watch", number)
