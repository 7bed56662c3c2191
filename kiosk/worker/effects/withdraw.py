"""Before money goes back: the CA's word that no certificate of the order is alive."""

from __future__ import annotations

from typing import Any

from kiosk.ca import connector as ca
from kiosk.orders import money_back
from kiosk.orders.states import State
from kiosk.worker.effects.writing import certificate_of
from kiosk.worker.outcomes import Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


class CaRevoke(Handler):
    """Ask whether the request was ever signed; what was signed is revoked. Both questions may be repeated for ever.

    It runs in the CA's lane, so that no submission of the same request can still be on its way beside it.
    """

    kind, lane, tries = "ca.revoke", "ca", 5

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        request = certificate_of(job).request_id
        return {"request": request}, request

    def perform(self, world: World, pins: Pins, inputs: str) -> Outcome:
        try:
            found = world.ca.find(inputs, "sign")
            if found is None:
                return Done({"issued": False})
            if isinstance(found, ca.Pending):
                return Unknown("ca_pending")
            revoked = world.ca.revoke(found.serial_hex, ca.Reason.CESSATION_OF_OPERATION)
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code, final=False)
        return Done({"issued": True, "certificate": revoked.serial_hex, "reason": revoked.reason})

    def conclude(self, job: Job, done: Done) -> None:
        certificate = certificate_of(job)
        certificate.state = "revoked" if done.facts["issued"] else "void"
        certificate.serial = done.facts.get("certificate")
        waiting = [c for c in job.order.certificates if c.request_der and c.state not in money_back.WITHDRAWN]
        if job.order.state == State.REFUNDING and not waiting:
            money_back.pay_back(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        if job.order.state == State.REFUNDING:
            job.house.move(job.session, job.order, State.CLERK, failed.code)
        facts = {"code": failed.code}
        job.house.task(job.session, "refund_after_issue", facts, job.order, job.effect.subject)

    def parked(self, job: Job, unknown: Unknown) -> None:
        facts = {"code": unknown.code}
        job.house.task(job.session, "refund_after_issue", facts, job.order, job.effect.subject)
