"""What kiosks ask the centre (``/api/v1``): JSON, signed by the kiosk's own key, refused unless a view says otherwise.

A kiosk sees and changes its own alone: every view works for the kiosk that signed, never for one named in a path.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, g, jsonify, request
from pydantic import ValidationError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from kiosk.catalogue.shelf import Shelf
from kiosk.db import db, write
from kiosk.fleet import box, centre, dossiers, leases, pairing, signing
from kiosk.fleet.models import FleetKiosk, FleetStatus
from kiosk.fleet.wire import API, LARGEST, Paired, Pairing, Report
from kiosk.privacy import VaultError
from kiosk.privacy.store import StoreError
from kiosk.views.frame import house

log = logging.getLogger("kiosk.fleet")
V = TypeVar("V", bound=Callable[..., Any])
blueprint = Blueprint("api", __name__, url_prefix=API)
PAIRINGS_PER_MINUTE = 20
MAX_COUNTER = 2**62


class Refused(Exception):
    """An answer other than 200: ``status`` and ``code``, and what else the kiosk is to know."""

    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(code)
        self.status, self.body = status, {"code": code, **more}


def asked(rule: str, method: str, caller: str = "kiosk") -> Callable[[V], V]:
    """Serve a view to paired kiosks, or to ``anybody``. A view without this answers nobody."""

    def decorate(view: V) -> V:
        view.caller = caller  # type: ignore[attr-defined]
        blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        return view

    return decorate


@blueprint.before_request
def _check() -> None:
    caller = getattr(current_app.view_functions.get(request.endpoint or ""), "caller", "")
    if (request.content_length or 0) > LARGEST:
        raise Refused(413, "too_large")
    if caller != "anybody":
        _believe(caller)


def _believe(caller: str) -> None:
    """Know the kiosk by its signature; 401 says nothing of what was wrong, but for a pairing that was revoked."""
    headers = request.headers
    kiosk, credential = headers.get("X-Kiosk", "")[:6], headers.get("X-Credential", "")[:16]
    counter = headers.get("X-Counter", "")
    if caller != "kiosk" or not counter.isascii() or not counter.isdecimal() or len(counter) > 19:
        raise Refused(401, "not_believed")
    found = pairing.known(db.session(), kiosk, credential)
    number, path = int(counter), request.full_path.rstrip("?")
    body = request.get_data(cache=True)
    signature = headers.get("X-Signature", "")[:128]
    if found is None or number > MAX_COUNTER:
        raise Refused(401, "not_believed")
    if not signing.holds(found.public_key, signature, request.method, path, kiosk, credential, number, body):
        raise Refused(401, "not_believed")
    if found.revoked_at is not None:
        raise Refused(401, "revoked")
    g.fleet_kiosk, g.fleet_credential, g.fleet_counter = kiosk, credential, number


@contextmanager
def _turn() -> Iterator[tuple[Session, FleetKiosk, FleetStatus]]:
    """One transaction for one request of the kiosk that signed it."""
    with write() as session:
        try:
            status = centre.turn(session, g.fleet_kiosk, g.fleet_counter)
        except centre.OldCounter as error:
            raise Refused(409, "old_counter", counter=error.last) from error
        kiosk = session.get_one(FleetKiosk, g.fleet_kiosk, populate_existing=True)
        if kiosk.revoked_at is not None or kiosk.credential != g.fleet_credential:
            raise Refused(401, "revoked")
        yield session, kiosk, status


@blueprint.errorhandler(Refused)
def _refused(error: Refused) -> tuple[Response, int]:
    return jsonify(error.body), error.status


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> tuple[Response, int]:
    return jsonify(code="http"), error.code or 500


@blueprint.errorhandler(ValidationError)
def _malformed(error: ValidationError) -> tuple[Response, int]:
    first = error.errors(include_input=False, include_url=False)[0]
    return jsonify(code="malformed", where=".".join(map(str, first["loc"]))[:120]), 422


@blueprint.errorhandler(StoreError)
def _store_away(error: StoreError) -> tuple[Response, int]:
    """The line is well, so the kiosk goes on with all else; what was not kept is asked for again."""
    log.warning("the object store: %s", error)
    return jsonify(code="store_away"), 409


@blueprint.errorhandler(leases.LeaseRefused)
def _lease_refused(error: leases.LeaseRefused) -> tuple[Response, int]:
    return jsonify(code=error.code), 404 if error.code in ("unknown_order", "not_asked") else 409


# -- pairing --------------------------------------------------------------------------------------


class Gate:
    """At most :data:`PAIRINGS_PER_MINUTE` attempts to pair a minute, whoever makes them."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._lock = threading.Lock()

    def open(self) -> bool:
        with self._lock:
            moment = time.monotonic()
            self._times = [at for at in self._times if moment - at < 60]
            if len(self._times) >= PAIRINGS_PER_MINUTE:
                return False
            self._times.append(moment)
            return True


@asked("/pair", "POST", caller="anybody")
def pair() -> Response:
    """A one-time code for a credential."""
    if not current_app.extensions.setdefault("fleet_gate", Gate()).open():
        raise Refused(429, "slow_down")
    wanted = Pairing.model_validate_json(request.get_data())
    try:
        with write() as session:
            row = pairing.pair(session, wanted)
            body = {"kiosk": row.kiosk, "hall": row.hall, "credential": row.credential}
            house().log(session, "fleet.paired", body)
            answer = Paired(credential=row.credential, hall=row.hall, box_key=box.public_key(house().vault).hex())
    except pairing.PairingRefused as error:
        with write() as session:
            house().log(session, "fleet.pairing_refused", {"kiosk": wanted.kiosk})
        raise Refused(403, error.code) from error
    return Response(answer.model_dump_json(), mimetype="application/json")


# -- reports --------------------------------------------------------------------------------------


@asked("/sync", "POST")
def sync() -> Response:
    report = Report.model_validate_json(request.get_data())
    with _turn() as (session, kiosk, status):
        reply = centre.sync(session, kiosk, status, report, house().catalogue.version)
    return Response(reply.model_dump_json(), mimetype="application/json")


@asked("/catalogue", "GET")
def catalogue() -> Response:
    """The operator's files in force: name and text of each. What the program ships is not repeated."""
    with _turn():
        pass
    shelf = house().catalogue
    files = shelf.own_files() if isinstance(shelf, Shelf) else {}
    return jsonify(version=shelf.version, files=files)


# -- personal data, sealed ------------------------------------------------------------------------


@asked("/orders/<number>/dossier", "PUT")
def dossier(number: str) -> Response:
    """Whom an order is for; answers with the pictures that are still missing for its review."""
    try:
        with _turn() as (session, kiosk, _status):
            here = house()
            missing = dossiers.put(session, here.vault, here.files, kiosk, number, request.get_data())
    except VaultError as error:
        raise Refused(422, "not_opened") from error
    except dossiers.NotYours as error:
        raise Refused(404, "unknown_order") from error
    return jsonify(missing=missing)


@asked("/orders/<number>/files/<digest>", "PUT")
def picture(number: str, digest: str) -> Response:
    """One sealed picture that the dossier names."""
    try:
        with _turn() as (session, kiosk, _status):
            here = house()
            dossiers.put_file(session, here.vault, here.files, kiosk, number, digest, request.get_data())
    except VaultError as error:
        raise Refused(422, "not_opened") from error
    except dossiers.NotYours as error:
        raise Refused(404, "unknown_order") from error
    return jsonify(kept=digest)


# -- an order that goes on at another kiosk of the hall -------------------------------------------


@asked("/orders/<number>/want", "POST")
def want(number: str) -> Response:
    """The kiosk's customer wants to go on with an order of another kiosk: the sealed body is his document's number."""
    vault = house().vault
    try:
        with _turn() as (session, kiosk, _status):
            place = leases.proof_place(number, kiosk.kiosk)
            document = box.open_box(box.centre_key(vault), request.get_data(), place).decode("utf-8", "replace")
            if not dossiers.belongs_to(session, vault, number, document[:40]):
                raise leases.LeaseRefused("unknown_order")
            lease = leases.want(session, kiosk, number)
            said = {"state": lease.state, "fence": lease.fence}
    except VaultError as error:
        raise Refused(422, "not_opened") from error
    return jsonify(said)


@asked("/orders/<number>/parcel/<int:fence>", "PUT")
def give(number: str, fence: int) -> Response:
    """The holder has let go; the sealed parcel is opened once and kept under a key of its own."""
    try:
        with _turn() as (session, kiosk, _status):
            vault = house().vault
            place = leases.place(number, kiosk.kiosk, fence)
            plain = box.open_box(box.centre_key(vault), request.get_data(), place)
            wrapped = vault.new_key(number)
            sealed = vault.seal(wrapped, number, plain, f"fleet_lease.{number}")
            lease = leases.give(session, kiosk, number, fence, wrapped, sealed)
            said = {"state": lease.state, "fence": lease.fence}
    except VaultError as error:
        raise Refused(422, "not_opened") from error
    return jsonify(said)


@asked("/orders/<number>/parcel", "GET")
def parcel(number: str) -> Response:
    """For the one kiosk the order was given to."""
    with _turn() as (session, kiosk, _status):
        lease = leases.parcel_for(session, kiosk, number)
        if lease.state != "given" or lease.parcel is None:
            raise Refused(409, "not_yet")
        plain = house().vault.open(lease.wrapped_key, number, lease.parcel, f"fleet_lease.{number}")
        fence = lease.fence
    return Response(plain, mimetype="application/json", headers={"X-Fence": str(fence)})


@asked("/orders/<number>/take/<int:fence>", "POST")
def take(number: str, fence: int) -> Response:
    """The taker has the parcel; from the answer on he may work on the order."""
    with _turn() as (session, kiosk, _status):
        leases.take(session, kiosk, number, fence)
    return jsonify(held=number)
