"""What is asked of the certification authority: issuing, confirming, ending, finding. Every request is idempotent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kiosk.ca import connector as ca
from kiosk.catalogue import Operation
from kiosk.orders import causes, journey, people, writing
from kiosk.orders.states import State
from kiosk.worker.effects.writing import certificate_of, stopped, subject_of
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

SHOWN = 20  # certificates of one number that a person is shown


class CaIssue(Handler):
    """The CA signs. The same request always gives the same certificate."""

    kind, lane, tries = "ca.issue", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        assert certificate.request_der is not None
        _, service, _ = job.house.offer(job.order)
        renewing = service.operation == Operation.renew
        renews = certificate.old_serial if renewing else None
        replaces = certificate.old_serial if not renewing else None
        request = ca.CertificateRequest(
            request_id=certificate.request_id,
            use="sign",
            csr=job.house.unseal(job.order, certificate.request_der, f"certificate.request_der.{certificate.id}"),
            subject=subject_of(job, certificate.position),
            kind="unit" if job.order.kind == "unit" else "personal",
            years=0 if replaces else job.order.years or 0,
            renews=renews,
            replaces=replaces,
            token_serial=certificate.token_serial,
        )
        return {"request": certificate.request_id, "renews": renews, "replaces": replaces}, request

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
        writing.go_on(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        stopped(job, failed.code)


class CaConfirm(Handler):
    """The new certificate is proven: tell the CA, and let it end the old one for the order's cause."""

    kind, lane, tries = "ca.confirm", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        _, service, _ = job.house.offer(job.order)
        cause = causes.cause_of(service, job.house.data(job.order))
        old = certificate.old_serial if cause.moment == "after_proof" else None
        facts = {"request": certificate.request_id, "ends": old, "reason": cause.revocation_reason if old else None}
        return facts, (certificate.request_id, old, cause.revocation_reason)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        request_id, old, reason = inputs
        try:
            world.ca.confirm(request_id, "sign")
            if old:
                world.ca.revoke(old, ca.Reason(reason))
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code, final=False)
        return Done({"ended": old, "reason": reason} if old else {})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "confirmed"
        writing.go_on(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        job.house.move(job.session, job.order, State.CLERK, failed.code)
        job.house.task(job.session, "supersede_failed", {"code": failed.code}, job.order, job.effect.subject)


class CaAct(Handler):
    """Freeze, unfreeze, revoke: the CA alone acts, at once. Each is idempotent at the CA, so asking again is safe."""

    kind, lane, tries = "ca.act", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        _, service, _ = job.house.offer(job.order)
        reason = causes.cause_of(service, job.house.data(job.order)).revocation_reason
        return {"certificate": certificate.old_serial, "reason": reason}, (certificate.old_serial, reason)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        serial, reason = inputs
        acts: dict[str, Callable[[], object]] = {
            "certificateHold": lambda: world.ca.hold(serial),
            "removeFromCRL": lambda: world.ca.release(serial),
        }
        try:
            acts.get(reason, lambda: world.ca.revoke(serial, ca.Reason(reason)))()
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code)
        return Done({"certificate": serial, "reason": reason})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "confirmed"
        writing.go_on(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        stopped(job, failed.code)


class CaFind(Handler):
    """All certificates of the number the person gave (after the SMS code), and which of them this service may have."""

    kind, lane, tries = "ca.find", "ca", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        data = job.house.data(job.order)
        given = journey.answers(job.house, job.order, data)
        number = people.number_of(job.order.kind, given)
        if number is None and job.order.kind == "personal" and not journey.is_agent(data):
            number = data.get("card", {}).get("number")
        return {}, (number, job.order.kind)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        number, kind = inputs
        try:
            found = world.ca.certificates_for(number)
        except ca.CaError as error:
            return Failed("ca_unreachable" if isinstance(error, ca.CaUnreachable) else error.code)
        rows = [record for record in found if record.kind == kind and record.use == "sign"]
        return Done({"found": len(rows)}, private=(number, rows))

    def conclude(self, job: Job, done: Done) -> None:
        number, rows = done.private
        data = job.house.data(job.order)
        data["found"] = [
            {
                "certificate": row.serial_hex,
                "kind": row.kind,
                "name": row.name,
                "number": number,
                "state": str(row.state),
                "not_after": row.not_after.isoformat(),
                "token": row.token_serial,
            }
            for row in rows[:SHOWN]
        ]
        job.house.put_data(job.order, data)
