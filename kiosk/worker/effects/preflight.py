"""Before anybody pays: can everything be delivered? (UKey, PIN, CA and its clock, printer and paper, gateway, disk)"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kiosk.ca import connector as ca
from kiosk.ca.connector import CaError, SubjectRefused
from kiosk.catalogue import Kind, Operation
from kiosk.db import now
from kiosk.hardware.errors import DeviceError, PinIncorrect
from kiosk.hardware.health import Level
from kiosk.imaging.seal_maker import MakerFailed
from kiosk.orders import causes, fulfil, money, people, sealing
from kiosk.orders.invalid import Invalid
from kiosk.orders.models import Certificate
from kiosk.orders.prefill import answers
from kiosk.worker.effects.writing import subject_of
from kiosk.worker.outcomes import Done, Handler, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

MIN_FREE = 200 * 1024 * 1024  # bytes that must be free on the kiosk's disk


MAX_SKEW = 300  # seconds; beyond it neither side believes the other's signatures


@dataclass(frozen=True)
class Look:
    """What has to be looked at for one order. ``channels``: ways to pay, none when nothing costs; ``only_unit``: number
    of the enterprise that may have one unit certificate alone; ``faults``: known already; ``seal``: an electronic seal
    is to be made.
    """

    order_id: int
    serial: str
    key_id: str | None
    blank: bool
    pin: bool
    channels: tuple[str, ...]
    only_unit: str | None
    faults: tuple[str, ...]
    seal: bool = False


class Preflight(Handler):
    """Looks at each part; what is wrong is listed, and nothing can be paid until the list is empty."""

    kind, lane, tries = "preflight", "desk", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        scheme, service, offer = job.house.offer(job.order)
        data = job.house.data(job.order)
        token = data.get("token", {})
        needs_pin = offer.token == "existing" and "token_pin" in offer.identity  # noqa: S105
        named = [] if not causes.certifies(service) or self._nameable(job) else ["subject_refused"]
        alone = scheme.one_unit_certificate_per_enterprise and service.operation == Operation.new
        number = people.number_of(job.order.kind, answers(job.house, job.order, data)) if alone else None
        look = Look(
            order_id=job.order.id,
            serial=token.get("serial") or "",
            key_id=token.get("key_id") if needs_pin else None,
            blank=offer.token == "blank",  # noqa: S105
            pin=needs_pin or offer.token == "blank" or causes.work_of(service) == "same",  # noqa: S105
            channels=tuple(offer.payments) if job.order.amount else (),
            only_unit=number if job.order.kind == Kind.unit else None,
            faults=tuple(named),
            seal=sealing.wanted(job.house, job.order, Certificate(position=0)) is not None,
        )
        return {}, look

    @staticmethod
    def _nameable(job: Job) -> bool:
        """Whether a certificate can carry this name and number."""
        try:
            for position in range(fulfil.copies(job.house, job.order)):
                subject_of(job, position)
        except (SubjectRefused, KeyError, Invalid):
            return False
        return True

    def perform(self, world: World, pins: Pins, inputs: Look) -> Outcome:
        faults = list(inputs.faults)

        def look(check: Callable[[], str | None]) -> None:
            try:
                fault = check()
            except (DeviceError, CaError) as error:
                fault = error.code
            if fault and fault not in faults:
                faults.append(fault)

        if inputs.serial:
            look(lambda: self._token(world, pins, inputs))
        look(lambda: self._ca(world))
        if inputs.seal:
            look(lambda: self._seal_maker(world))
        if inputs.only_unit:
            look(lambda: self._only_unit(world, inputs.only_unit or ""))
        look(lambda: self._printer(world))
        look(lambda: self._disk(world))
        methods = self._ways(world, inputs.channels, faults) if inputs.channels else []
        closed = [name for name in inputs.channels if name not in methods and self._set_up(world, name)]
        return Done({"faults": faults, "channels": methods, "closed": closed})

    @staticmethod
    def _token(world: World, pins: Pins, inputs: Look) -> str | None:
        contents = world.ukey.call("inspect", deadline=15)
        if contents.info.serial != inputs.serial:
            return "token_exchanged"
        pin = pins.get(inputs.order_id)
        if pin is None:
            return "pin_needed" if inputs.pin else None
        on = {"serial": inputs.serial}
        if inputs.blank:
            if not contents.info.blank:
                return "token_not_blank"
            try:
                world.ukey.call("prove_pin", deadline=15, pin=world.settings.devices.blank_pin, **on)
            except PinIncorrect:
                return "token_not_blank"  # somebody has set a PIN already: not from the stock
        elif inputs.key_id:
            world.ukey.call("prove_pin", deadline=15, pin=pin, key_id=inputs.key_id, **on)
        return None

    @staticmethod
    def _only_unit(world: World, number: str) -> str | None:
        """One unit certificate per enterprise: is there one already?"""
        lasting = (ca.State.ACTIVE, ca.State.HELD)
        found = [row for row in world.ca.certificates_for(number) if row.kind == "unit" and row.state in lasting]
        return "unit_certificate_exists" if found else None

    @staticmethod
    def _ca(world: World) -> str | None:
        skew = abs((world.ca.clock() - now()).total_seconds())
        return "clock_skew" if skew > world.settings.max_clock_skew else None

    @staticmethod
    def _seal_maker(world: World) -> str | None:
        try:
            return None if world.seal_maker.call("certificate", deadline=15) else "seal_maker_silent"
        except (DeviceError, MakerFailed):
            return "seal_maker_silent"

    @staticmethod
    def _printer(world: World) -> str | None:
        health = world.receipt_printer.call("health", deadline=10)
        return health.code or "printer_failed" if health.level in (Level.FAILED, Level.UNKNOWN) else None

    @staticmethod
    def _disk(world: World) -> str | None:
        return "disk_full" if shutil.disk_usage(world.settings.home).free < MIN_FREE else None

    def _ways(self, world: World, allowed: tuple[str, ...], faults: list[str]) -> list[str]:
        """The ways to pay that work now, best first; none is a fault, and so is a clock that is wrong."""
        adapters = [name for name in world.channels() if name not in money.QR] if set(money.QR) & set(allowed) else []
        found, skewed = [], False
        for name in [*(n for n in money.QR if n in allowed), *adapters]:
            works, skew = self._gateway(world, name)
            skewed = skewed or skew
            found += [name] if works else []
        if money.CARD in allowed and self._terminal(world):
            found.append(money.CARD)
        elif money.CARD in allowed and world.settings.devices.window_pos:
            found.append(money.WINDOW)
        if "transfer" in allowed:
            found.append("transfer")
        if skewed:
            faults.append("clock_skew")
        elif not found:
            faults.append("gateway_unreachable")
        return found

    @staticmethod
    def _set_up(world: World, name: str) -> bool:
        """Whether this kiosk has that way to pay at all; one it has and cannot use now is shown as out of service."""
        return bool(world.settings.devices.pos) if name == money.CARD else name in world.channels()

    @staticmethod
    def _gateway(world: World, name: str) -> tuple[bool, bool]:
        """(can be paid with, its clock and ours are more than five minutes apart)"""
        try:
            probe = world.channel(name).probe()
        except DeviceError:  # not set up, or set up wrongly
            return False, False
        skewed = abs(probe.skew_seconds or 0) > MAX_SKEW
        return probe.reachable and not skewed, skewed

    @staticmethod
    def _terminal(world: World) -> bool:
        try:
            health = world.pos.call("health", deadline=10)
        except DeviceError:
            return False
        return bool(health.level in (Level.FINE, Level.WARNING))

    def conclude(self, job: Job, done: Done) -> None:
        if not done.facts["faults"]:
            job.house.mark(job.session, job.order, "preflight")
