"""UKeys after payment: the next blank one for the next applicant, and a new PIN for one whose PIN is lost."""

from __future__ import annotations

import contextlib
from typing import Any

from kiosk.ca import connector as ca
from kiosk.hardware.errors import (
    DeviceError,
    PinIncorrect,
    PinLocked,
    PinTooWeak,
    SeveralTokens,
    TokenMissing,
    TokenRemoved,
)
from kiosk.orders import writing
from kiosk.worker.effects.writing import TokenHandler, certificate_of, stopped, waiting
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


class TokenNext(Handler):
    """Wait for a blank UKey that none of the other applicants got. Its owner chooses a PIN of his own."""

    kind, lane, tries = "token.next", "desk", 4

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        taken = [one.token_serial for one in job.order.certificates if one.token_serial]
        return {"position": job.effect.subject}, {"taken": taken, "wait": waiting(job)}

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        try:
            contents = world.ukey.call("inspect", deadline=15)
        except (TokenMissing, TokenRemoved):
            return Again(inputs["wait"], "next_token")
        except SeveralTokens:
            return Again(inputs["wait"], "several_tokens")
        if contents.info.serial in inputs["taken"]:
            return Again(inputs["wait"], "next_token")
        if not contents.info.blank:
            return Again(inputs["wait"], "token_not_blank")
        return Done({"token": contents.info.serial})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).token_serial = done.facts["token"]
        job.pins.forget(job.order.id)
        writing.go_on(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        stopped(job, failed.code)


class TokenUnlock(TokenHandler):
    """A new PIN by the CA's authorisation code: asked for per operation, never kept, shown or written down."""

    kind = "token.unlock"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        inputs = {
            "order": job.order.id,
            "wait": waiting(job),
            "token": certificate.token_serial,
            "request": f"{certificate.request_id}-{job.effect.id}-{job.effect.tries}",
        }
        return {"token": certificate.token_serial, "request": inputs["request"]}, inputs

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        try:
            code = world.ca.unlock_code(inputs["token"], inputs["request"])
        except ca.CaUnreachable as error:
            return Unknown(error.code)
        except ca.CaError as error:
            return Failed(error.code)
        try:
            world.ukey.call("unlock", deadline=20, serial=inputs["token"], so_pin=code, new_pin=pin)
        except (PinIncorrect, PinLocked):
            return Failed("unlock_code_wrong")
        except PinTooWeak as error:
            return Failed(error.code)
        with contextlib.suppress(ca.CaError):  # it ends by itself after its time
            world.ca.unlock_used(inputs["request"])
        return Done({"token": inputs["token"]})

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        pin = pins.get(inputs["order"])
        if pin is None:
            return Again(inputs["wait"], "pin_needed")
        try:
            world.ukey.call("prove_pin", deadline=15, serial=inputs["token"], pin=pin)
        except DeviceError:
            return None
        return Done({"token": inputs["token"]})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "confirmed"
        writing.go_on(job.session, job.house, job.order)
