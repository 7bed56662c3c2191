"""The bench (试验台): hands for the simulated world. Only there when simulators run.

Each tap is sent to a simulator's control port, from outside, as a hand would move a card or a phone; no driver knows
of it.
"""

from __future__ import annotations

import base64
from typing import Any

import httpx
from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from kiosk.db import db
from kiosk.orders import prefill
from kiosk.orders.models import Payment
from kiosk.orders.states import PaymentState
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

blueprint = Blueprint("bench", __name__, url_prefix="/bench")
ACTIONS = {
    "ukeys": ("insert", "remove", "create", "pull_after"),
    "id_reader": ("lay", "lift", "fault"),
    "scanner": ("lay", "clear", "fault"),
    "receipt_printer": ("paper", "cover", "offline", "mute"),
    "a4_printer": ("paper", "ok", "jam", "out"),
    "gateways": ("pay", "scan", "confirm", "pay_late", "pay_twice", "fault", "calm", "down"),
    "pos": ("approve", "decline", "lost_result", "fault"),
    "sms": ("fault",),
}
_client = httpx.Client(timeout=10, trust_env=False)


class Silent(Exception):
    """A simulator does not answer."""


def ask(name: str, verb: str | None = None, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """State of a simulator, or one of its verbs. Raises :class:`Silent`."""
    base = house().settings.controls.get(name)
    if base is None:
        raise Silent(name)
    try:
        answer = _client.get(f"{base}/state") if verb is None else _client.post(f"{base}/{verb}", json=body or {})
    except httpx.HTTPError as error:
        raise Silent(name) from error
    found: dict[str, Any] = answer.json()
    if answer.status_code >= 400:
        found.setdefault("error", f"HTTP {answer.status_code}")
    return found


def _states() -> dict[str, dict[str, Any]]:
    out = {}
    for name in house().settings.controls:
        if name != "phone":
            try:
                out[name] = ask(name)
            except Silent:
                out[name] = {"error": "silent"}
    return out


def _open_payment() -> Payment | None:
    query = select(Payment).where(Payment.state == PaymentState.PENDING).order_by(Payment.id.desc()).limit(1)
    return db.session.scalars(query).first()


@blueprint.get("/")
def index() -> str:
    states = _states()
    hands = states.get("hands", {})
    return render_template(
        "bench/index.html",
        states=states,
        people=hands.get("people", []),
        units=hands.get("units", []),
        pages=hands.get("pages", {}),
        payment=_open_payment(),
        receipts=list(reversed(states.get("receipt_printer", {}).get("receipts", [])))[:6],
    )


@blueprint.get("/state")
def state() -> Response:
    """Everything as JSON, for scripts."""
    payment = _open_payment()
    return jsonify(states=_states(), payment=payment.code_url if payment else None)


@blueprint.get("/order")
def order() -> Response:
    """The order of this visit in plain numbers, for scripts: no personal data."""
    found = visit.order()
    if found is None:
        return jsonify({})
    certificates = [
        {
            "serial": certificate.serial,
            "token": certificate.token_serial,
            "not_after": certificate.not_after.isoformat() if certificate.not_after else None,
            "supersedes": certificate.old_serial,
        }
        for certificate in found.certificates
    ]
    first = certificates[0] if certificates else {}
    papers = {paper.code: paper.printed for paper in found.papers}
    return jsonify(
        order=found.number,
        state=found.state,
        amount=found.amount,
        certificate=first.get("serial"),
        not_after=first.get("not_after"),
        token=first.get("token"),
        certificates=certificates,
        papers=papers,
    )


@blueprint.post("/<name>/<verb>")
def act(name: str, verb: str) -> BaseResponse:
    """One movement of a hand. JSON in, JSON out for scripts; a form in, the page again for people."""
    if verb not in ACTIONS.get(name, ()):
        abort(404)
    body: dict[str, Any] = request.get_json() if request.is_json else _typed(request.form.to_dict())
    body.pop("csrf_token", None)
    if name == "scanner" and verb == "lay" and "name" in body:
        body = _page(body)
    if name == "id_reader" and verb == "lay" and "person" in body:
        people = ask("hands").get("people", [])
        body = next((one["card"] for one in people if one["key"] == body["person"]), {})
    if name == "gateways" and verb == "pay" and not body:
        payment = _open_payment()
        body = {"code": payment.code_url} if payment else {}
    try:
        answer = ask(name, verb, body)
    except Silent:
        answer = {"error": "silent"}
    if request.is_json:
        return jsonify(answer)
    if answer.get("error"):
        flash(_("试验台：%(what)s", what=answer["error"]))
    return redirect(url_for("bench.index"), 303)


def _page(body: dict[str, Any]) -> dict[str, Any]:
    """The page a customer lays on the glass, as the scanner's simulator wants it: his own, of his own order."""
    drawn = ask("hands", "page", {**_owner(), **body})
    base = house().settings.controls["hands"]
    picture = _client.get(f"{base}/files/pages/{drawn.get('file', '-')}")
    return {"image": base64.b64encode(picture.content).decode()}


def _owner() -> dict[str, str]:
    """Whose pages the customer brings: the order's unit and the person of its ID card."""
    found = visit.order()
    if found is None or found.wrapped_key is None:
        return {}
    data = house().data(found)
    named = {
        "unit": prefill.answers(house(), found, data).get("unit_name", ""),
        "person": data.get("card", {}).get("name", ""),
    }
    return {**{key: name for key, name in named.items() if name}, "order": found.number}


def _typed(form: dict[str, str]) -> dict[str, Any]:
    return {key: int(value) if value.isdecimal() and len(value) < 9 else value for key, value in form.items()}


@blueprint.get("/receipt/<name>")
def receipt(name: str) -> Response:
    """A printed receipt as the simulated printer kept it."""
    base = house().settings.controls.get("receipt_printer")
    if base is None or not name.replace(".", "").replace("-", "").replace("_", "").isalnum():
        abort(404)
    answer = _client.get(f"{base}/files/receipts/{name}")
    if answer.status_code != 200:
        abort(404)
    return Response(answer.content, mimetype="image/png")
