"""The kiosk's line to the centre: a thread of its own, so that a slow or cut line costs customers nothing.

Each step is one report and what its reply asks for. Events are pushed in order from where the centre says it stands;
nothing is kept here that a crash could lose. After a failure it waits longer and longer, up to a minute.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.shelf import Shelf
from kiosk.db import db, now, write
from kiosk.fleet import box, dossiers, signing, wire
from kiosk.fleet.line import Cut, Line, LineError, Refused
from kiosk.orders import dossier, remote, report, transfer
from kiosk.orders.book import House
from kiosk.orders.desk_models import Standing
from kiosk.orders.models import Order
from kiosk.privacy import VaultError
from kiosk.worker import handover, uplink_logs

log = logging.getLogger("kiosk.uplink")
PAIRED = "uplink"  # the Standing that says where the centre is
LOOK = 1.0  # seconds between two looks at the journal
LONGEST, REVOKED_WAIT = 60.0, 600.0
STOPPED = ("fork", "changed", "old_epoch")
"""Faults a human has to look at; until then the kiosk reports, and pushes nothing."""


@dataclass(frozen=True)
class Centre:
    """Where this kiosk's centre is, and what it is known by there."""

    url: str
    credential: str
    hall: str
    box_key: bytes


def paired() -> Centre | None:
    """What pairing noted; needs an app context."""
    row = db.session.get(Standing, PAIRED)
    if row is None or not row.value.get("url"):
        return None
    value = row.value
    return Centre(value["url"], value["credential"], value["hall"], bytes.fromhex(value["box_key"]))


class Uplink:
    """``nudge`` wakes the lanes after a command; ``restart`` ends this worker, which its supervisor starts again."""

    def __init__(self, app: Flask, nudge: Callable[[], None], restart: Callable[[], None]) -> None:
        self.app, self.nudge, self.restart = app, nudge, restart
        self.house: House = app.extensions["house"]
        self.acked: dict[int, int] = {}
        self.fault = ""
        self._line: Line | None = None
        self._centre: Centre | None = None
        self._tried_catalogue = ""

    # -- running ----------------------------------------------------------------------------------

    def run(self, stopped: threading.Event) -> None:
        """Report until told to stop."""
        failures, reported = 0, float("-inf")
        often = wait = min(LOOK, self.house.settings.fleet.every)
        while not stopped.wait(wait):
            try:
                wait = often
                if self._due(time.monotonic() - reported):
                    wait = 0.0 if self.step() else often
                    failures, reported = 0, time.monotonic()
            except Refused as error:
                log.warning("the centre refused: %s", error)
                failures, wait = failures + 1, REVOKED_WAIT if error.status == 401 else LONGEST
            except (LineError, OperationalError) as error:
                failures += 1
                wait = min(LOOK * 2 ** min(failures, 6), LONGEST) * random.uniform(0.7, 1.0)  # noqa: S311
                if failures in (1, 10, 100):
                    log.warning("the centre is not reached: %s (%d times)", error, failures)
            except Exception:  # a bug here must not end the line for good
                log.exception("report failed")
                failures, wait = failures + 1, LONGEST
        self.close()

    def _due(self, quiet: float) -> bool:
        """Something to tell, or time to say that we are there."""
        with self.app.app_context():
            try:
                if paired() is None:
                    return False
                if quiet >= self.house.settings.fleet.every:
                    return True
                behind = any(self.acked.get(epoch, -1) < seq for epoch, seq in report.chains(db.session(), self.house))
                return (behind and not self.fault) or bool(remote.answers(db.session()))
            finally:
                db.session.rollback()

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    # -- one report -------------------------------------------------------------------------------

    def step(self) -> bool:
        """One report and its reply. True: there is more to push. Raises LineError."""
        with self.app.app_context():
            try:
                centre = paired()
                if centre is None:
                    return False
                line = self._to(centre)
                told = self._report()
                db.session.rollback()
                reply = wire.Reply.model_validate_json(line.call("POST", "/sync", told.model_dump_json().encode()))
                self._heard(told, reply)
                self._obey(reply)
                for number in reply.wanted:
                    self._tell_of(line, centre, number)
                for wanted in reply.release:
                    with write() as session:
                        transfer.leave(session, self.house, wanted.number, wanted.fence)
                handover.go_on(line, centre.box_key, self.house, self.acked)
                self._adopt(line, reply.catalogue)
                return self._more()
            except ValidationError as error:
                raise Cut("the reply is malformed") from error
            finally:
                db.session.rollback()

    def _to(self, centre: Centre) -> Line:
        """The line; a new one after pairing anew."""
        if self._line is None or centre != self._centre:
            self.close()
            key = signing.read_key(self.house.settings.secrets)
            if key is None:
                raise Cut("the key of the pairing is gone")
            signer = signing.Signer(self.house.settings.kiosk_id, centre.credential, key)
            self._line = Line(centre.url, signer, self.house.settings.fleet.ca_file)
            self._centre, self.acked, self.fault = centre, {}, ""
        return self._line

    def _report(self) -> wire.Report:
        """The oldest chain the centre does not have whole, from where it stands."""
        session = db.session()
        found = report.chains(session, self.house) or [(self.house.settings.epoch, 0)]
        behind = sum(max(seq - self.acked.get(epoch, 0), 0) for epoch, seq in found)
        todo = [epoch for epoch, seq in found if self.acked.get(epoch, -1) < seq]
        epoch = todo[0] if todo else found[-1][0]
        return report.make(session, self.house, epoch, self.acked.get(epoch), behind, self.fault)

    def _heard(self, told: wire.Report, reply: wire.Reply) -> None:
        self.acked[told.epoch] = reply.ack
        fault = reply.fault if reply.fault in STOPPED else ""
        if fault and fault != self.fault:
            log.error("the centre takes no more events: %s at %s", fault, reply.ack + 1)
        self.fault = fault
        if told.answers:
            with write() as session:
                remote.told(session, {one.id for one in told.answers})

    def _more(self) -> bool:
        found = report.chains(db.session(), self.house)
        return not self.fault and any(self.acked.get(epoch, -1) < seq for epoch, seq in found)

    # -- what the reply asks for ------------------------------------------------------------------

    def _obey(self, reply: wire.Reply) -> None:
        restart = False
        for command in reply.commands:
            if command.id <= remote.last(db.session()):
                continue
            if command.kind in ("restart", "logs"):
                text = uplink_logs.tail(self.house.settings.home) if command.kind == "logs" else ""
                answer = wire.Answer(id=command.id, ok=bool(text) or command.kind == "restart", text=text)
                with write() as session:
                    remote.note(session, answer)
                    body = {"command": command.id, "act": command.kind, "clerk": f"centre/{command.by}"}
                    self.house.log(session, "centre.command", {**body, "ok": answer.ok})
                restart = restart or command.kind == "restart"
                continue
            with write() as session:
                remote.carry_out(session, self.house, command)
        if reply.commands:
            self.nudge()
        if restart:
            self.restart()

    def _tell_of(self, line: Line, centre: Centre, number: str) -> None:
        """Send an order's dossier, and the pictures of it the centre does not have."""
        session, kiosk = db.session(), self.house.settings.kiosk_id
        order = session.scalars(select(Order).where(Order.number == number)).first()
        found = dossier.build(session, self.house, order) if order else None
        if order is None or found is None:
            return
        plain = found.model_dump_json().encode()
        try:
            sealed = box.seal(centre.box_key, plain, dossiers.place(number, kiosk))
            answer = line.call("PUT", f"/orders/{number}/dossier", sealed, "application/octet-stream")
            for digest in json.loads(answer).get("missing", [])[:40]:
                picture = self.house.get_file(order, str(digest))
                sealed = box.seal(centre.box_key, picture, dossiers.file_place(number, digest, kiosk))
                line.call("PUT", f"/orders/{number}/files/{digest}", sealed, "application/octet-stream")
        except (Refused, VaultError) as error:
            log.warning("the dossier of %s was not taken: %s", number, error)

    def _adopt(self, line: Line, version: str) -> None:
        """Take the centre's catalogue over. One that does not fit this program is tried once and left."""
        shelf = self.house.catalogue
        if not version or version in (shelf.version, self._tried_catalogue) or not isinstance(shelf, Shelf):
            return
        found = json.loads(line.call("GET", "/catalogue"))
        try:
            adopted = shelf.adopt({str(name): str(text) for name, text in found["files"].items()})
        except (CatalogueError, KeyError, AttributeError) as error:
            log.warning("the centre's catalogue is not taken over: %s", error)
            self._tried_catalogue = version
            return
        self._tried_catalogue = version if adopted != version else ""
        with write() as session:
            self.house.log(session, "catalogue.pulled", {"version": adopted, "wanted": version})


def note_pairing(url: str, paired_as: wire.Paired) -> None:
    """Keep where the centre is; needs an app context."""
    with write() as session:
        value = {"url": url, **paired_as.model_dump(mode="json")}
        row = session.get(Standing, PAIRED)
        if row is None:
            session.add(Standing(name=PAIRED, value=value))
        else:
            row.value, row.at = value, now()
