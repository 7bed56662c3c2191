"""Before anybody pays: can everything be delivered? (UKey, PIN, CA and its clock, printer and paper, gateway, disk)"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from kiosk.ca.connector import CaError, SubjectRefused
from kiosk.catalogue import Operation
from kiosk.db import now
from kiosk.hardware.errors import DeviceError, PinIncorrect
from kiosk.hardware.health import Level
from kiosk.worker.effects.writing import subject_of
from kiosk.worker.outcomes import Done, Handler, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

MIN_FREE = 200 * 1024 * 1024  # bytes that must be free on the kiosk's disk


class Preflight(Handler):
    """Looks at each part; what is wrong is listed, and nothing can be paid until the list is empty."""

    kind, lane, tries = "preflight", "desk", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        _, service, offer = job.house.offer(job.order)
        token = job.house.data(job.order).get("token", {})
        needs_pin = offer.token == "existing" and "token_pin" in offer.identity  # noqa: S105
        blank = service.operation == Operation.new
        certifies = service.operation in (Operation.new, Operation.renew, Operation.replace, Operation.change)
        named = [] if not certifies or self._nameable(job) else ["subject_refused"]
        token_facts = (token.get("serial"), token.get("key_id") if needs_pin else None, blank)
        return {}, (job.order.id, *token_facts, bool(job.order.amount), named)

    @staticmethod
    def _nameable(job: Job) -> bool:
        """Whether a certificate can carry this name and number."""
        try:
            subject_of(job)
        except (SubjectRefused, KeyError):
            return False
        return True

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        order_id, serial, key_id, blank, costs, faults = inputs

        def look(check: Callable[[], str | None]) -> None:
            try:
                fault = check()
            except (DeviceError, CaError) as error:
                fault = error.code
            if fault and fault not in faults:
                faults.append(fault)

        if serial:
            look(lambda: self._token(world, pins, order_id, serial, key_id, blank))
        look(lambda: self._ca(world))
        look(lambda: self._printer(world))
        look(lambda: self._disk(world))
        methods = [name for name in ("wechat", "alipay") if costs and self._gateway(world, name)]
        if costs and not methods:
            faults.append("gateway_unreachable")
        return Done({"faults": faults, "channels": methods})

    @staticmethod
    def _token(world: World, pins: Pins, order_id: int, serial: str, key_id: str | None, blank: bool) -> str | None:
        contents = world.ukey.call("inspect", deadline=15)
        if contents.info.serial != serial:
            return "token_exchanged"
        pin = pins.get(order_id)
        if pin is None:
            return "pin_needed"
        if blank:
            if not contents.info.blank:
                return "token_not_blank"
            try:
                world.ukey.call("prove_pin", deadline=15, serial=serial, pin=world.settings.devices.blank_pin)
            except PinIncorrect:
                return "token_not_blank"  # somebody has set a PIN already: not from the stock
        elif key_id:
            world.ukey.call("prove_pin", deadline=15, serial=serial, pin=pin, key_id=key_id)
        return None

    @staticmethod
    def _ca(world: World) -> str | None:
        skew = abs((world.ca.clock() - now()).total_seconds())
        return "clock_skew" if skew > world.settings.max_clock_skew else None

    @staticmethod
    def _printer(world: World) -> str | None:
        health = world.receipt_printer.call("health", deadline=10)
        return health.code or "printer_failed" if health.level in (Level.FAILED, Level.UNKNOWN) else None

    @staticmethod
    def _disk(world: World) -> str | None:
        return "disk_full" if shutil.disk_usage(world.settings.home).free < MIN_FREE else None

    @staticmethod
    def _gateway(world: World, name: str) -> bool:
        try:
            probe = world.channel(name).probe()
        except DeviceError:  # not set up
            return False
        return probe.reachable and abs(probe.skew_seconds or 0) <= 300

    def conclude(self, job: Job, done: Done) -> None:
        if not done.facts["faults"]:
            job.house.mark(job.session, job.order, "preflight")
