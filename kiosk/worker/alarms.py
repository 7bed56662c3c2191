"""The thread that looks what is out of order and takes notices to where they go."""

from __future__ import annotations

import datetime as dt
import logging
import threading

from flask import Flask
from sqlalchemy.exc import OperationalError

from kiosk.db import db, now, write
from kiosk.fleet.notices import post
from kiosk.fleet.sms import Delivery, SmsRefused
from kiosk.hardware.errors import DeviceMissing
from kiosk.orders import desk_notices
from kiosk.orders.book import House
from kiosk.orders.desk_notices import Letter, NoticeSettings
from kiosk.worker.world import World

log = logging.getLogger("kiosk.worker")
EVERY = 10.0  # seconds between two rounds


class Alarms:
    """One round after the other: look, tell, try again what was not taken."""

    def __init__(self, app: Flask, house: House, world: World) -> None:
        self.app, self.house, self.world = app, house, world

    def run(self, stopped: threading.Event) -> None:
        while not stopped.wait(EVERY):
            try:
                self.round(now())
            except OperationalError:
                log.exception("the database does not answer")
            except Exception:  # a bug must cost one round, not the thread
                log.exception("notices")

    def round(self, moment: dt.datetime) -> None:
        """Look once, and try every letter that is due."""
        with self.app.app_context():
            with write() as session:
                desk_notices.look(session, self.house, moment)
            wanted = desk_notices.settings(db.session(), self.house)
            waiting = desk_notices.due(db.session(), moment)
            db.session.rollback()
            for letter in waiting:
                taken, code = self._deliver(wanted, letter)
                with write() as session:
                    desk_notices.tried(session, self.house, letter, taken, code, moment)

    def _deliver(self, wanted: NoticeSettings, letter: Letter) -> tuple[bool, str]:
        address = desk_notices.address_of(self.house, wanted, letter)
        if address is None:
            return False, "not_wanted"
        if letter.channel == "webhook":
            message = {"id": letter.id, "kind": letter.kind, "text": letter.text, "items": list(letter.items)}
            message |= {"kiosk": self.house.settings.kiosk_id, "hall": self.house.settings.hall}
            sent = post(address, wanted.secret.encode(), message)
            return sent.taken, sent.code
        try:
            outcome = self.world.sms.send(letter.id, address, letter.text)
        except (SmsRefused, DeviceMissing) as error:
            return False, error.code
        return outcome.delivery == Delivery.SENT, outcome.code
