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

from kiosk.ca import connector as ca
from kiosk.ca.subject import Document, Subject
from kiosk.catalogue import Operation
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
from kiosk.orders import effects, fulfil, journey
from kiosk.orders.models import Certificate
from kiosk.orders.states import State
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

WAIT = 0.7  # seconds between two looks for the UKey or the PIN


DOCUMENTS = {"id_card": Document.ID_CARD, "passport": Document.PASSPORT, "officer": Document.OFFICER_CARD}


def subject_of(job: Job) -> Subject:
    """Who the certificate is for, by the order's answers (what was read outweighs what was typed)."""
    given = journey.answers(job.house, job.order, job.house.data(job.order))
    email = given.get("email") or None
    if job.order.kind == "unit":
        number = given.get("uscc") or given["org_code"]
        document = Document.USCC if len(number) == 18 else Document.ORGANISATION_CODE
        return Subject(name=given["unit_name"], number=number, document=document, email=email)
    document = DOCUMENTS.get(given.get("id_type", "id_card"), Document.OTHER)
    return Subject(name=given["name"], number=given["id_number"], document=document, email=email)


def certificate_of(job: Job) -> Certificate:
    position = int(job.effect.subject)
    query = select(Certificate).where(Certificate.order_id == job.order.id, Certificate.position == position)
    return job.session.scalars(query).one()


class TokenHandler(Handler):
    """What needs the right UKey and its PIN waits for both, for as long as it takes: the order is paid."""

    lane = "desk"
    tries = 4

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        pin = pins.get(inputs["order"])
        if pin is None:
            return Again(WAIT, "pin_needed")
        try:
            tokens = [token.serial for token in world.ukey.call("tokens", deadline=15)]
            if not tokens:
                return Again(WAIT, "token_missing")
            if len(tokens) > 1:
                return Again(WAIT, "several_tokens")
            if tokens != [inputs["token"]]:
                return Again(WAIT, "token_exchanged")
            return self.act(world, pin, inputs)
        except (TokenMissing, TokenRemoved):
            return Again(WAIT, "token_missing")
        except PinIncorrect as error:
            pins.forget(inputs["order"])
            return Again(WAIT, "pin_incorrect", {"attempts_left": error.facts.get("attempts_left")})
        except SeveralTokens:
            return Again(WAIT, "several_tokens")
        except PinLocked as error:
            return Failed(error.code)

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        raise AssertionError("a handler says what it does")  # pragma: no cover

    def failed(self, job: Job, failed: Failed) -> None:
        if certificate_of(job).state == "planned":  # the CA has not been asked
            fulfil.give_back(job.session, job.house, job.order, failed.code)
        else:
            job.house.move(job.session, job.order, State.CLERK, failed.code)
            job.house.task(job.session, "write_failed", {"code": failed.code}, job.order, job.effect.subject)

    def parked(self, job: Job, unknown: Unknown) -> None:
        job.house.task(job.session, "write_failed", {"code": unknown.code}, job.order, job.effect.subject)


class TokenAdopt(TokenHandler):
    """A new UKey takes the PIN its owner chose."""

    kind = "token.adopt"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        serial = certificate_of(job).token_serial
        return {"token": serial}, {"order": job.order.id, "token": serial}

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        factory = world.settings.devices.blank_pin
        world.ukey.call("change_pin", deadline=15, serial=inputs["token"], old=factory, new=pin)
        return Done()

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        pin = pins.get(inputs["order"])
        if pin is None:
            return Again(WAIT, "pin_needed")
        try:
            world.ukey.call("prove_pin", deadline=15, serial=inputs["token"], pin=pin)
        except DeviceError:
            return None
        return Done()

    def conclude(self, job: Job, done: Done) -> None:
        effects.enqueue(job.session, job.order, "write.key", job.effect.subject)


class WriteKey(TokenHandler):
    """A new key pair beside the old one, and a certificate request signed by it."""

    kind = "write.key"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        if certificate.key_id in (None, job.effect.facts.get("abandoned")):
            certificate.key_id = secrets.token_hex(10)
        subject = subject_of(job)
        inputs = {
            "order": job.order.id,
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
        fulfil.next_write(job.session, job.house, job.order)


class CaIssue(Handler):
    """The CA signs. The same request always gives the same certificate."""

    kind, lane, tries = "ca.issue", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        assert certificate.request_der is not None
        _, service, _ = job.house.offer(job.order)
        renews = certificate.old_serial if service.operation == Operation.renew else None
        request = ca.CertificateRequest(
            request_id=certificate.request_id,
            use="sign",
            csr=job.house.unseal(job.order, certificate.request_der, f"certificate.request_der.{certificate.id}"),
            subject=subject_of(job),
            kind="unit" if job.order.kind == "unit" else "personal",
            years=job.order.years or 0,
            renews=renews,
            token_serial=certificate.token_serial,
        )
        return {"request": certificate.request_id, "renews": renews}, request

    def perform(self, world: World, pins: Pins, inputs: ca.CertificateRequest) -> Outcome:
        try:
            answer = world.ca.submit(inputs)
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code)
        return self._take(answer)

    def ask(self, world: World, pins: Pins, inputs: ca.CertificateRequest) -> Outcome | None:
        try:
            answer = world.ca.find(inputs.request_id, "sign")
        except ca.CaError as error:
            return Unknown(error.code)
        return None if answer is None else self._take(answer)

    @staticmethod
    def _take(answer: ca.Issued | ca.Pending) -> Outcome:
        if isinstance(answer, ca.Pending):
            return Again(float(answer.retry_after), "ca_pending")
        return Done({"certificate": answer.serial_hex}, private=answer)

    def conclude(self, job: Job, done: Done) -> None:
        certificate, issued = certificate_of(job), done.private
        certificate.serial = issued.serial_hex
        certificate.not_before, certificate.not_after = issued.not_before, issued.not_after
        place = f"certificate.certificate_der.{certificate.id}"
        certificate.certificate_der = job.house.seal(job.order, issued.certificate, place)
        certificate.state = "issued"
        fulfil.next_write(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        fulfil.give_back(job.session, job.house, job.order, failed.code)


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
            "token": certificate.token_serial,
            "key_id": certificate.key_id,
            "old_key_id": certificate.old_key_id,
            "der": der,
            "label": subject_of(job).name,
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
        fulfil.next_write(job.session, job.house, job.order)


class CaConfirm(Handler):
    """The new certificate is proven: tell the CA, and let it supersede the old one."""

    kind, lane, tries = "ca.confirm", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        facts = {"request": certificate.request_id, "supersedes": certificate.old_serial}
        return facts, (certificate.request_id, certificate.old_serial)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        request_id, old_serial = inputs
        try:
            world.ca.confirm(request_id, "sign")
            if old_serial:
                world.ca.revoke(old_serial, ca.Reason.SUPERSEDED)
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code, final=False)
        return Done({"superseded": old_serial} if old_serial else {})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "confirmed"
        fulfil.next_write(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        job.house.move(job.session, job.order, State.CLERK, failed.code)
        job.house.task(job.session, "supersede_failed", {"code": failed.code}, job.order, job.effect.subject)
