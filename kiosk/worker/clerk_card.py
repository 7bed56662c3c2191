"""The clerks' card reader: one thread that tells who comes and goes, and has a card prove itself when a page asks.

A PIN arrives over the worker's socket, is used once and forgotten; it is in no table, file or log.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import Any

from cryptography import x509
from flask import Flask

from kiosk.ca.connector import CaError, CaUnreachable, State, serial_hex
from kiosk.db import write
from kiosk.hardware.errors import DeviceError, PinIncorrect
from kiosk.orders import desk_cards
from kiosk.orders.book import House
from kiosk.orders.desk_cards import Proof, Seen
from kiosk.worker.world import World

log = logging.getLogger("kiosk.worker")
LOOK = 0.5  # seconds one look at the reader lasts while nothing changes; a PIN waits no longer than that
BEAT = 20.0  # seconds between two signs of life
LATE = 30.0  # a PIN that waited longer is not used
SETTLING = 10.0  # seconds a card that was just put in may take to be readable


class CardDesk:
    """``put`` may be called from any thread; everything else happens in :meth:`run`."""

    def __init__(self, app: Flask, house: House, world: World) -> None:
        self.app, self.house, self.world = app, house, world
        self._asked: tuple[str, str, float] | None = None
        self._lock = threading.Lock()
        self._seen = Seen(True)
        self._generation = 0
        self._came = self._told = 0.0

    def put(self, token: str, pin: str) -> None:
        """A PIN for one request; a request that waits is replaced."""
        with self._lock:
            self._asked = token, pin, time.monotonic()

    def run(self, stopped: threading.Event) -> None:
        """Watch until told to stop; a reader or pcscd that is away is looked for again."""
        while not stopped.is_set():
            try:
                self._round()
            except DeviceError as error:
                self._generation = 0
                self._tell(Seen(True, code=error.code))
                self._refuse_waiting(error)
                stopped.wait(2)
            except Exception:  # a bug must cost one look, not the thread
                log.exception("the clerks' card reader")
                stopped.wait(2)

    def _round(self) -> None:
        wait = LOOK if self._generation else 0.0
        call = self.world.clerk_card.call
        watch = call("watch", deadline=15, generation=self._generation, timeout=wait)
        if watch.generation != self._generation:
            self._generation, self._came = watch.generation, time.monotonic()
            self._tell(Seen(True, watch.present, str(watch.generation)))
        if watch.present and not self._seen.fingerprint and time.monotonic() - self._came < SETTLING:
            self._identify()
        elif time.monotonic() - self._told > BEAT:
            self._tell(self._seen)
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None and time.monotonic() - asked[2] < LATE:
            self._answer(asked[0], self._prove(asked[1]))

    def _identify(self) -> None:
        """Whose card it claims to be; needs no PIN and proves nothing."""
        try:
            der = self.world.clerk_card.call("certificate", deadline=20)
        except DeviceError as error:
            if error.code != self._seen.code:
                self._tell(Seen(True, self._seen.present, self._seen.stay, code=error.code))
        else:
            self._tell(Seen(True, True, self._seen.stay, _fingerprint(der)))

    def _prove(self, pin: str) -> Proof:
        call, stay = self.world.clerk_card.call, self._seen.stay
        fingerprint = ""
        try:
            fingerprint = _fingerprint(call("certificate", deadline=20))
            der = call("prove", deadline=30, pin=pin)
        except PinIncorrect as error:
            left = error.facts.get("attempts_left")
            return Proof("failed", error.code, left if isinstance(left, int) else None, fingerprint)
        except DeviceError as error:
            return Proof("failed", error.code, None, fingerprint)
        certificate = x509.load_der_x509_certificate(der)
        serial, not_after = serial_hex(certificate.serial_number), certificate.not_valid_after_utc.isoformat()
        if self._revoked(serial):
            return Proof("failed", "card_revoked", None, _fingerprint(der), serial, not_after, stay)
        return Proof("done", "", None, _fingerprint(der), serial, not_after, stay)

    def _revoked(self, serial: str) -> bool:
        """What the CA says of the certificate. One it did not issue is held good: an administrator enrolled it; while
        the line is cut the enrolment alone counts.
        """
        try:
            return self.world.ca.status(serial).state in (State.REVOKED, State.HELD)
        except CaUnreachable:
            log.warning("a clerk's certificate could not be asked for: the certification authority does not answer")
        except CaError:
            pass
        return False

    def _refuse_waiting(self, error: DeviceError) -> None:
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None:
            self._answer(asked[0], Proof("failed", error.code))

    def _answer(self, token: str, proof: Proof) -> None:
        with self.app.app_context(), write() as session:
            desk_cards.answer(session, token, proof)

    def _tell(self, seen: Seen) -> None:
        if seen == self._seen and time.monotonic() - self._told <= BEAT:
            return
        with self.app.app_context(), write() as session:
            desk_cards.note(session, self.house, seen)
        self._seen, self._told = seen, time.monotonic()


def _fingerprint(der: Any) -> str:
    return hashlib.sha256(der).hexdigest()
