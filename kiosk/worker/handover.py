"""Carries hand-overs of orders on, each step repeatable, whatever was lost (:mod:`kiosk.orders.transfer`)."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

from pydantic import ValidationError

from kiosk.db import db, write
from kiosk.fleet import box, leases
from kiosk.fleet.line import Line, Refused
from kiosk.orders import transfer
from kiosk.orders.book import House

log = logging.getLogger("kiosk.uplink")
LOST = ("stale_fence", "unknown_order", "not_asked")
NO = ("own_order", "not_movable", "unknown_order", "taken")


def go_on(line: Line, box_key: bytes, house: House, acked: dict[int, int]) -> None:
    """One more step of every hand-over; needs an app context. Raises LineError when the line is cut."""
    for number, value in transfer.open_leases(db.session()):
        db.session.rollback()
        match value["role"]:
            case "giving" if acked.get(house.settings.epoch, 0) >= value["seq"]:
                _give(line, box_key, house, number, value)
            case "wanted":
                _want(line, house, number, base64.b64decode(value["proof"]))
            case "arriving":
                _take(line, house, number, value)


def _give(line: Line, box_key: bytes, house: House, number: str, value: dict[str, Any]) -> None:
    """Hand the parcel over; only after every event of the order is at the centre."""
    order, fence = transfer.find(db.session(), number), int(value["fence"])
    assert order is not None
    plain = transfer.pack(house, order, value["state"], value["note"]).model_dump_json().encode()
    if len(plain) > transfer.MOST:
        log.error("the parcel of %s is too large", number)
        return
    sealed = box.seal(box_key, plain, leases.place(number, house.settings.kiosk_id, fence))
    try:
        line.call("PUT", f"/orders/{number}/parcel/{fence}", sealed, "application/octet-stream")
    except Refused as error:
        if error.code not in LOST:
            raise
        log.info("the parcel of %s is there already, and the order has gone on", number)
    with write() as session:
        transfer.note(session, number, None)


def _want(line: Line, house: House, number: str, proof: bytes) -> None:
    """Ask for it; when it is there, keep it and say so."""
    try:
        said = json.loads(line.call("POST", f"/orders/{number}/want", proof, "application/octet-stream"))
        if said["state"] != "given":
            return
        parcel = transfer.Parcel.model_validate_json(line.call("GET", f"/orders/{number}/parcel"))
    except Refused as error:
        if error.code in NO:
            log.warning("%s does not come: %s", number, error.code)
            with write() as session:
                transfer.note(session, number, None)
        return
    except ValidationError:
        log.error("the parcel of %s is malformed", number)
        return
    if parcel.number != number:
        return
    fence = int(said["fence"])
    with write() as session:
        transfer.arrive(session, house, parcel, fence)
    _take(line, house, number, {"fence": fence, "state": parcel.state, "note": parcel.note})


def _take(line: Line, house: House, number: str, value: dict[str, Any]) -> None:
    """Become the holder; nothing is worked on before the centre's yes."""
    try:
        line.call("POST", f"/orders/{number}/take/{int(value['fence'])}")
    except Refused as error:
        if error.code in LOST:
            log.warning("the lease of %s ran out", number)
            with write() as session:
                transfer.forget(session, house, number)
        return
    with write() as session:
        transfer.begin(session, house, number, value)
