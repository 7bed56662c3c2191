"""Short messages. The gateway takes each message's number once, so sending again after a lost answer is harmless."""

from __future__ import annotations

from typing import Any

from kiosk.fleet.sms import Delivery, SmsRefused
from kiosk.hardware.errors import DeviceMissing
from kiosk.orders import sms
from kiosk.orders.models import Message
from kiosk.worker.outcomes import Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


class SmsSend(Handler):
    """One message; number and text are wiped once it is out of our hands."""

    kind, lane, tries = "sms.send", "post", 4

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        message = self._message(job)
        opened = sms.opened(job.house, message)
        return {"message": message.ref, "about": message.kind}, (message.ref, opened.get("to"), opened.get("text"))

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        ref, to, text = inputs
        if to is None:
            return Failed("message_wiped")
        try:
            outcome = world.sms.send(ref, to, text)
        except SmsRefused as error:
            return Failed(error.code)
        except DeviceMissing as error:
            return Failed(error.code)
        if outcome.delivery == Delivery.SENT:
            return Done()
        if outcome.delivery == Delivery.UNKNOWN:
            return Unknown(outcome.code or "gateway_unknown")
        return Failed(outcome.code or "sms_failed", final=False)

    def conclude(self, job: Job, done: Done) -> None:
        self._end(job, "sent")

    def failed(self, job: Job, failed: Failed) -> None:
        message = self._end(job, "failed")
        if message.kind != "code":
            job.house.task(job.session, "sms_failed", {"code": failed.code, "about": message.kind}, job.order)

    def _end(self, job: Job, state: str) -> Message:
        message = self._message(job)
        message.state, message.sealed = state, None
        return message

    @staticmethod
    def _message(job: Job) -> Message:
        return job.session.get_one(Message, int(job.effect.subject))
