"""Key, request, certificate, proof: one certificate onto one UKey, so that a cut at any point loses nothing.

The order of things (research and Dogtag TPS agree): new key beside the old one, certificate, read back, proof by a
signature;
only then the CA hears that the old certificate is superseded. Nothing is ever deleted from a UKey here.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import select

from kiosk.ca.connector import CaUnreachable
from kiosk.ca.subject import Document, Subject
from kiosk.db import now
from kiosk.hardware.errors import (
    DeviceError,
    KeyMissing,
    PinIncorrect,
    PinLocked,
    ProofFailed,
    SeveralTokens,
    TokenFull,
    TokenMissing,
    TokenRemoved,
)
from kiosk.orders import fulfil, journey, standing, writing
from kiosk.orders.models import Certificate
from kiosk.orders.people import holders
from kiosk.orders.states import State
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

WAIT, LONG_WAIT = 0.7, 30.0  # seconds between two looks for the UKey or the PIN; after PRESENT seconds nobody is there
PRESENT = 15 * 60.0

DOCUMENTS = {
    "id_card": Document.ID_CARD,
    "passport": Document.PASSPORT,
    "officer": Document.OFFICER_CARD,
    "uscc": Document.USCC,
    "org_code": Document.ORGANISATION_CODE,
}


def subject_of(job: Job, position: int = 0) -> Subject:
    """Who the certificate of that position is for, by the order's answers (what was read outweighs what was typed)."""
    given = journey.answers(job.house, job.order, job.house.data(job.order))
    _, service, _ = job.house.offer(job.order)
    holder = holders(job.order.kind, given, service.max_applicants)[position]
    email = given.get("email") or None
    document = DOCUMENTS.get(holder.document, Document.OTHER)
    return Subject(name=holder.name, number=holder.number, document=document, email=None if position else email)


def certificate_of(job: Job) -> Certificate:
    position = int(job.effect.subject)
    query = select(Certificate).where(Certificate.order_id == job.order.id, Certificate.position == position)
    return job.session.scalars(query).one()


def stopped(job: Job, code: str) -> None:
    """The certificate cannot be made: money goes back while the CA has signed nothing, else a clerk has to look."""
    if job.order.state != State.WRITING:  # given up meanwhile
        return
    certificates = job.order.certificates
    if len(certificates) == 1 and certificates[0].state in ("planned", "adopted", "keyed"):
        fulfil.give_back(job.session, job.house, job.order, code)
    else:
        writing.fail(job.session, job.house, certificate_of(job), code)


def waiting(job: Job) -> float:
    """Seconds until the next look: short while somebody may be standing there."""
    age = (now() - job.effect.created_at).total_seconds()
    return WAIT if age < PRESENT else LONG_WAIT


class TokenHandler(Handler):
    """What needs the right UKey and its PIN waits for both, for as long as it takes: the order is paid."""

    lane = "desk"
    tries = 4

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        pin = pins.get(inputs["order"])
        if pin is None:
            return Again(inputs["wait"], "pin_needed")
        try:
            tokens = [token.serial for token in world.ukey.call("tokens", deadline=15)]
            if not tokens:
                return Again(inputs["wait"], "token_missing")
            if len(tokens) > 1:
                return Again(inputs["wait"], "several_tokens")
            if tokens != [inputs["token"]]:
                return Again(inputs["wait"], "token_exchanged")
            return self.act(world, pin, inputs)
        except (TokenMissing, TokenRemoved):
            return Again(inputs["wait"], "token_missing")
        except PinIncorrect as error:
            pins.forget(inputs["order"])
            return Again(inputs["wait"], "pin_incorrect", {"attempts_left": error.facts.get("attempts_left")})
        except SeveralTokens:
            return Again(inputs["wait"], "several_tokens")
        except PinLocked as error:
            return Failed(error.code)

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        raise AssertionError("a handler says what it does")  # pragma: no cover

    def failed(self, job: Job, failed: Failed) -> None:
        stopped(job, failed.code)

    def parked(self, job: Job, unknown: Unknown) -> None:
        job.house.task(job.session, "write_failed", {"code": unknown.code}, job.order, job.effect.subject)


class TokenAdopt(TokenHandler):
    """A new UKey takes the PIN its owner chose; the CA learns how it can be unlocked one day."""

    kind = "token.adopt"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        serial = certificate_of(job).token_serial
        return {"token": serial}, {"order": job.order.id, "token": serial, "wait": waiting(job)}

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        devices = world.settings.devices
        if devices.blank_so_pin and world.ca.capabilities.can_unlock:
            try:
                world.ca.register_token(inputs["token"], devices.blank_so_pin, replace=False)
            except CaUnreachable:
                return Again(inputs["wait"], "ca_unreachable")
        factory = devices.blank_pin
        world.ukey.call("change_pin", deadline=15, serial=inputs["token"], old=factory, new=pin)
        return Done()

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        pin = pins.get(inputs["order"])
        if pin is None:
            return Again(inputs["wait"], "pin_needed")
        try:
            world.ukey.call("prove_pin", deadline=15, serial=inputs["token"], pin=pin)
        except DeviceError:
            return None
        return Done()

    def conclude(self, job: Job, done: Done) -> None:
        certificate = certificate_of(job)
        certificate.state = "adopted"
        standing.used(job.session, job.house, certificate.token_serial, job.order)
        writing.go_on(job.session, job.house, job.order)


class WriteKey(TokenHandler):
    """A new key pair beside the old one, and a certificate request signed by it."""

    kind = "write.key"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        if certificate.key_id in (None, job.effect.facts.get("abandoned")):
            certificate.key_id = secrets.token_hex(10)
        subject = subject_of(job, certificate.position)
        inputs = {
            "order": job.order.id,
            "wait": waiting(job),
            "token": certificate.token_serial,
            "key_id": certificate.key_id,
            "subject": subject.attributes(),
        }
        return {"token": certificate.token_serial, "key_id": certificate.key_id}, inputs

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        on = {"serial": inputs["token"], "pin": pin, "key_id": inputs["key_id"]}
        try:
            spki = world.ukey.call("generate", deadline=60, **on)
            csr = world.ukey.call("request", deadline=20, subject=inputs["subject"], **on)
        except TokenFull as error:
            return Failed(error.code)
        except (KeyMissing, ProofFailed) as error:  # half a pair is left of an earlier try: take a new id
            return Failed(error.code, {"abandoned": inputs["key_id"]}, final=False)
        return Done({"spki": hashlib.sha256(spki).hexdigest()}, private=csr)

    def conclude(self, job: Job, done: Done) -> None:
        certificate = certificate_of(job)
        certificate.spki_sha256 = done.facts["spki"]
        certificate.request_der = job.house.seal(job.order, done.private, f"certificate.request_der.{certificate.id}")
        certificate.state = "keyed"
        writing.go_on(job.session, job.house, job.order)


class WriteCertificate(TokenHandler):
    """The certificate onto the UKey, read back byte by byte and proven by a signature; the old pair must still be
    whole.
    """

    kind = "write.certificate"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        assert certificate.certificate_der is not None
        der = job.house.unseal(job.order, certificate.certificate_der, f"certificate.certificate_der.{certificate.id}")
        inputs = {
            "order": job.order.id,
            "wait": waiting(job),
            "token": certificate.token_serial,
            "key_id": certificate.key_id,
            "old_key_id": certificate.old_key_id,
            "der": der,
            "label": subject_of(job, certificate.position).name,
        }
        return {"token": certificate.token_serial, "certificate": certificate.serial}, inputs

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        on = {"serial": inputs["token"], "key_id": inputs["key_id"]}
        der = inputs["der"]
        world.ukey.call("write_certificate", deadline=30, pin=pin, cert_der=der, label=inputs["label"], **on)
        if world.ukey.call("read_certificate", deadline=15, **on) != der:
            return Failed("read_back_differs", final=False)
        world.ukey.call("prove_key", deadline=20, pin=pin, cert_der=der, **on)
        if inputs["old_key_id"]:
            contents = world.ukey.call("inspect", deadline=15, serial=inputs["token"])
            if all(found.key_id != inputs["old_key_id"] for found in contents.certificates):
                return Failed("old_certificate_lost")
        return Done()

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "written"
        writing.go_on(job.session, job.house, job.order)
