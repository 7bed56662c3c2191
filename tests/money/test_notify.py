"""Notifications over real HTTP from the simulated gateways: believed, once, and never booked by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from flask import Flask, request
from sqlalchemy import func, select
from werkzeug.serving import make_server

from kiosk.db import db
from kiosk.orders.models import Effect, Payment
from kiosk.orders.money_models import Notice
from kiosk.orders.states import PaymentState
from kiosk.views import notify
from tests.money.conftest import Till, fault
from tests.running import LINE


class Listener:
    """The kiosk's web on a free port; keeps what came in, so that a test can send it again."""

    def __init__(self, app: Flask) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        app.before_request(self._keep)
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _keep(self) -> None:
        self.seen.append((request.path, dict(request.headers), request.get_data(cache=True, parse_form_data=False)))

    def again(self, body: bytes | None = None) -> int:
        path, headers, first = self.seen[-1]
        kept = {key: value for key, value in headers.items() if key.lower() not in ("host", "content-length")}
        return LINE.post(self.base + path, headers=kept, content=first if body is None else body).status_code


@pytest.fixture
def listener(till: Till) -> Iterator[Listener]:
    till.app._got_first_request = False  # the drill's own requests were none
    made = Listener(till.app)
    yield made
    made.server.shutdown()
    made.server.server_close()


def paid(till: Till, channel: str) -> Payment:
    payment = till.pay(till.order(), channel)
    till.work("money", rounds=2)
    db.session.refresh(payment)
    till.ask("gateways", "pay", code=payment.code_url)
    return payment


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_a_true_notice_hurries_the_question_once(till: Till, listener: Listener, channel: str) -> None:
    payment = paid(till, channel)
    url = f"{listener.base}/notify/{channel}"
    answer = till.ask("gateways", "notify", code=payment.out_trade_no, url=url)
    assert answer["status"] in (200, 204)
    db.session.rollback()
    assert db.session.get(Payment, payment.id).state == PaymentState.PENDING  # type: ignore[union-attr]
    watch = db.session.scalars(select(Effect).where(Effect.kind == "pay.watch")).one()
    asked_at = watch.not_before
    assert listener.again() in (200, 204)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 1
    assert db.session.scalars(select(Effect).where(Effect.kind == "pay.watch")).one().not_before == asked_at
    till.engine.step("money")
    db.session.rollback()
    assert db.session.get(Payment, payment.id).state == PaymentState.SUCCEEDED  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["bad_signature", "foreign_signature", "stale"])
def test_what_is_not_the_gateways_word_is_refused(till: Till, listener: Listener, kind: str) -> None:
    payment = paid(till, "wechat")
    fault(till, kind=kind, match="wechat.notify")
    answer = till.ask("gateways", "notify", code=payment.out_trade_no, url=f"{listener.base}/notify/wechat")
    assert answer["status"] == 401
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 0


def test_a_changed_body_is_refused(till: Till, listener: Listener) -> None:
    payment = paid(till, "alipay")
    till.ask("gateways", "notify", code=payment.out_trade_no, url=f"{listener.base}/notify/alipay")
    body = listener.seen[-1][2].replace(b"TRADE_SUCCESS", b"TRADE_FINISHED")
    assert listener.again(body) == 401


def test_floods_and_giants_are_refused(till: Till, listener: Listener) -> None:
    url = f"{listener.base}/notify/wechat"
    with httpx.Client(trust_env=False) as web:
        assert web.post(url, content=b"x" * (notify.LARGEST + 1)).status_code == 413
        codes = [web.post(url, content=b"{}").status_code for _ in range(notify.PER_MINUTE + 20)]
    assert set(codes) == {401, 429}
    assert web is not None


def test_other_channels_have_no_address(till: Till, listener: Listener) -> None:
    assert LINE.post(f"{listener.base}/notify/other", content=b"").status_code == 404
