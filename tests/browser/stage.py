"""A kiosk on a stage: the real application over HTTP, each page brought about by what stands in its order book.

The worker and the devices are not here; what they would have written is written by :class:`Stage`.
"""

from __future__ import annotations

import datetime as dt
import io
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from kiosk import config, create_app
from kiosk.db import db, now, write
from kiosk.orders import journey, rating
from kiosk.orders.book import House
from kiosk.orders.desk_models import Standing
from kiosk.orders.models import Certificate, Effect, Material, Order, Payment, Visit
from kiosk.orders.states import EffectState, PaymentState, State
from kiosk.simulators.people import COMPANIES, PERSONS

ANSWERS = {
    "social_insurance_no": "43091234567",
    "unit_type": "enterprise",
    "legal_name": "周示范",
    "landline": "0737-4112269",
    "mobile": "13812345678",
    "address": "湖南省益阳市赫山区迎宾东路355号公共资源交易中心2楼",
    "email": "shifan@example.com",
    "seal_type": "template",
    "revoke_cause": "lost",
}


@dataclass
class Scene:
    """A page as a visitor finds it: its address, and the visit that leads there (None: nobody's)."""

    path: str
    visit: str | None = None
    elder: bool = False
    lang: str = "zh"
    extra: dict[str, Any] = field(default_factory=dict)
    out: str = ""  # why the kiosk is out of service just then


class Stage:
    """``with Stage(folder) as stage``: the application listens on ``stage.url``."""

    def __init__(self, folder: Path) -> None:
        settings = config.load({}, home=str(folder / "home"), simulators=False, idle_seconds=3600)
        self.app = create_app(settings)
        self.house: House = self.app.extensions["house"]
        with self.app.app_context():
            db.create_all()
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Stage:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        with self.app.app_context():
            db.engine.dispose()

    def cookie(self, scene: Scene) -> dict[str, Any]:
        """The session cookie of a visitor on that scene, as Playwright takes it."""
        kept = {"lang": scene.lang, "elder": scene.elder, **scene.extra}
        if scene.visit:
            kept["visit"] = scene.visit
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        return {"name": "kiosk", "value": serializer.dumps(kept), "url": self.url}

    def set(self, scene: Scene) -> None:
        """In or out of service as the scene wants it; codes to pay are fresh."""
        with self.app.app_context(), write() as session:
            session.merge(Standing(name="service", value={"out": bool(scene.out), "reason": scene.out}))
            session.execute(update(Payment).values(expires_at=now() + dt.timedelta(seconds=170)))

    def at(self, code: str, service: str = "renew", kind: str = "unit", **more: Any) -> Scene:
        """A visitor who has done everything before step ``code``; ``known`` is added to the order's data.

        ``service`` may name its scheme, as ``shared/query``. The rest of ``more``: see :meth:`_furnish`.
        """
        scheme, _, named = service.rpartition("/")
        known = more.pop("known", {})
        with self.app.app_context(), write() as session:
            order = self.house.open_order(session, scheme or "yiyang", named, kind)
            self._fill(order)
            self.house.put_data(order, {**self.house.data(order), **known})
            way = journey.steps(self.house, order, self.house.data(order))
            codes = [step.code for step in way]
            for step in way[: codes.index(code)]:
                self._done(session, order, step)
            self._furnish(session, order, code, **more)
            return Scene(f"/o/{code}", self._visit(session, order))

    def after(self, state: State, service: str = "renew", kind: str = "unit", **more: Any) -> Scene:
        """A visitor whose order has left the journey."""
        path = {State.PAYING: "/pay", State.DONE: "/done", State.REFUNDED: "/done"}.get(state, "/work")
        with self.app.app_context(), write() as session:
            order = self.house.open_order(session, "yiyang", service, kind)
            self._fill(order)
            order.state, order.amount = state, 20000
            self._furnish(session, order, "", **more)
            return Scene(path, self._visit(session, order))

    def _visit(self, session: Session, order: Order) -> str:
        token = secrets.token_urlsafe(32)
        session.add(Visit(token=token, order_id=order.id))
        return token

    def _fill(self, order: Order) -> None:
        person, unit = PERSONS[0], COMPANIES[0]
        ends = (now() + dt.timedelta(days=30)).isoformat()
        token = {"serial": "8801000000000017", "not_after": ends, "kind": order.kind}
        token |= {"name": unit.name, "number": unit.uscc} if order.kind == "unit" else {}
        token |= {"name": person.name, "number": person.number} if order.kind == "personal" else {}
        card = {"kind": "resident", "name": person.name, "number": person.number, "address": person.address}
        order.years = 1
        self.house.put_data(order, {"card": card, "token": token, "role": "self", "form": dict(ANSWERS)})

    def _done(self, session: Session, order: Order, step: journey.Step) -> None:
        self.house.mark(session, order, step.code)
        if step.kind == "material":
            self._picture(session, order, step.arg, "kept", [])

    def _furnish(
        self,
        session: Session,
        order: Order,
        code: str,
        *,
        done: bool = False,
        effect: tuple[str, str, str, str | None] | None = None,
        facts: dict[str, Any] | None = None,
        picture: list[str] | None = None,
        payment: str = "",
        certificate: bool = False,
        work: tuple[str, ...] = (),
        rated: str = "",
    ) -> None:
        """Put things of the worker on the stage: an effect (kind, subject, state, note), a scan with its faults, …"""
        if done:
            self.house.mark(session, order, code)
        for kind in work:
            state = EffectState.RUNNING if kind == work[-1] else EffectState.DONE
            session.add(Effect(order_id=order.id, kind=kind, subject="0", lane="desk", state=state))
        if effect:
            kind, subject, state_name, note = effect
            row = Effect(order_id=order.id, kind=kind, subject=subject, lane="desk", state=state_name, note=note)
            row.facts = facts or {}
            session.add(row)
        if picture is not None:
            self._picture(session, order, code.removeprefix("material-"), "refused" if picture else "good", picture)
        if rated:
            rating.give(session, self.house, order, rated, "")
        if payment:
            session.add(self._payment(order, payment))
        if certificate:
            ends = now() + dt.timedelta(days=395)
            made = Certificate(order_id=order.id, request_id=f"r{order.id}", token_serial="8801000000000017")
            made.serial, made.not_after = "4f3a9c0011223344", ends
            session.add(made)

    def _payment(self, order: Order, channel: str) -> Payment:
        return Payment(
            order_id=order.id,
            attempt=1,
            out_trade_no=f"{order.number}01",
            channel=channel,
            state=PaymentState.PENDING,
            amount=order.amount or 0,
            code_url="weixin://wxpay/bizpayurl?pr=stage",
            expires_at=now() + dt.timedelta(seconds=280),
        )

    def _picture(self, session: Session, order: Order, code: str, state: str, faults: list[str]) -> None:
        digest = self.house.put_file(order, page_picture())
        session.add(Material(order_id=order.id, code=code, state=state, verdict=faults, picture=digest, facts={}))


def page_picture() -> bytes:
    """A scanned sheet: lines of text as bars, and a red seal."""
    sheet = Image.new("RGB", (620, 877), "white")
    pen = ImageDraw.Draw(sheet)
    for row in range(90, 600, 44):
        pen.rectangle((70, row, 430 if row % 3 else 550, row + 14), fill="#444")
    pen.ellipse((370, 620, 550, 800), outline="#c8201c", width=9)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def scenes(stage: Stage) -> dict[str, Scene]:
    """Every kind of page, by name."""
    failed, waiting = EffectState.FAILED, EffectState.WAITING
    both = {"faults": [], "channels": ["wechat", "alipay"]}
    sent = {"sms": {"phone": "13812345678", "at": now().isoformat()}}
    certificate = {"certificate": "4f3a9c0011223344", "name": COMPANIES[0].name, "state": "active"}
    certificate |= {"not_after": (now() + dt.timedelta(days=200)).isoformat()}
    preflight = ("preflight", "", str(EffectState.DONE), None)
    return {
        "welcome": Scene("/welcome"),
        "home": Scene("/"),
        "home-voice": Scene("/", extra={"voice": True}),
        "home-many": Scene("/?scheme=realestate"),
        "platforms": Scene("/?platforms=1"),
        "points": Scene("/?scheme=realestate&platforms=1"),
        "find": Scene("/?find=1"),
        "closed": Scene("/", out="no_paper"),
        "service": Scene("/s/yiyang/renew"),
        "service-unit": Scene("/s/yiyang/renew?kind=unit"),
        "agreement": stage.at("agree-privacy"),
        "card-waiting": stage.at("id_card", effect=("card.read", "", waiting, "card_missing")),
        "card-failed": stage.at("id_card", effect=("card.read", "", failed, "card_unreadable")),
        "card-done": stage.at("id_card", done=True),
        "role": stage.at("role"),
        "ukey-waiting": stage.at("token", effect=("token.read", "", waiting, "several_tokens")),
        "ukey-done": stage.at("token", done=True),
        "pin": stage.at("pin"),
        "pin-wrong": stage.at("pin", effect=("token.prove", "", failed, "pin_incorrect"), facts={"attempts_left": 3}),
        "new-pin": stage.at("new_pin", service="new", kind="personal"),
        "term": stage.at("term"),
        "material": stage.at("material-licence"),
        "material-good": stage.at("material-licence", picture=[]),
        "material-refused": stage.at("material-licence", picture=["seal_missing"]),
        "check": stage.at("check"),
        "pay-checking": stage.after(State.PAYING, effect=("preflight", "", EffectState.RUNNING, None)),
        "pay-faults": stage.after(State.PAYING, effect=preflight, facts={"faults": ["paper_out"], "channels": []}),
        "pay-choose": stage.after(State.PAYING, effect=preflight, facts=both),
        "pay-code": stage.after(State.PAYING, payment="wechat", effect=preflight, facts=both),
        "pay-card": stage.after(State.PAYING, payment="pos", effect=preflight, facts=both),
        "pay-voucher": stage.after(State.PAYING, payment="transfer", effect=preflight, facts=both),
        "number": stage.at("number", "revoke"),
        "sms": stage.at("sms", "revoke"),
        "sms-sent": stage.at("sms", "revoke", known=sent),
        "certificate": stage.at("certificate", "revoke", known={**sent, "found": [certificate]}),
        "warning": stage.at("warning", "revoke", known=sent),
        "reset-pin": stage.at("new_pin", "realestate/unlock"),
        "query": stage.at("way", "shared/query"),
        "history": stage.at("history", "shared/query", known={"way": "card"}),
        "work": stage.after(State.WRITING, work=("write.key", "ca.issue", "write.certificate")),
        "work-pin": stage.after(State.WRITING, effect=("write.key", "0", waiting, "pin_needed")),
        "work-clerk": stage.after(State.CLERK),
        "done": stage.after(State.DONE, certificate=True),
        "done-rated": stage.after(State.DONE, certificate=True, rated="satisfied"),
        "done-why": stage.after(State.DONE, certificate=True, rated="dissatisfied"),
        "refunded": stage.after(State.REFUNDED),
        "missing": Scene("/nowhere"),
        **{f"form-{code}": stage.at(f"form-{code}", kind=kind) for kind, code in form_groups(stage)},
    }


def form_groups(stage: Stage) -> list[tuple[str, str]]:
    """(kind, group) of every form page of Yiyang's renewal."""
    found = []
    for kind in ("unit", "personal"):
        with stage.app.app_context(), write() as session:
            order = stage.house.open_order(session, "yiyang", "renew", kind)
            stage._fill(order)
            way = journey.steps(stage.house, order, stage.house.data(order))
            found += [(kind, step.arg) for step in way if step.kind == "form"]
    return found
