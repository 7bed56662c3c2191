"""Papers: made by the press, printed by the printers. A printer cannot be asked, so nothing is ever printed twice
by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from kiosk.hardware.errors import CoverOpen, DeviceBusy, DeviceError, DeviceMissing, PaperJam, PaperOut, PrintUnknown
from kiosk.orders import effects, paperwork
from kiosk.orders.models import Paper
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

PATIENCE = 15 * 60.0  # how long a printer may be out of paper before a clerk's task is all that is left


class PaperMake(Handler):
    """Make the forms (PDF) and the receipt (PNG) of a finished order and keep them sealed."""

    kind, lane, tries = "paper.make", "paper", 3

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        return {}, (paperwork.forms(job.house, job.order), paperwork.receipt(job.house, job.order))

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        forms, receipt = inputs
        made = [(code, self._form(world, code, data, copies)) for code, data, copies in forms]
        made.append(("receipt", world.press.call("receipt", deadline=30, data=receipt)))
        return Done({"papers": [code for code, _ in made]}, private=made)

    @staticmethod
    def _form(world: World, code: str, data: dict[str, Any], copies: list[str]) -> bytes:
        """The form as PDF, sealed by the kiosk (PAdES) where it has a document key."""
        pdf: bytes = world.press.call("form", deadline=60, code=code, data=data, copies=copies)
        sealer = world.sealer
        if sealer is not None:
            pdf = sealer.call("seal", deadline=60, pdf=pdf, reason=f"{data['order_number']} {code}")
        return pdf

    def conclude(self, job: Job, done: Done) -> None:
        kept = paperwork.kept_only(job.house, job.order)
        for code, content in done.private:
            digest = job.house.put_file(job.order, content)
            job.session.add(
                Paper(order_id=job.order.id, code=code, file=digest, printed="kept" if code in kept else "no")
            )
            if code in kept:
                continue
            effects.enqueue(job.session, job.order, "print.receipt" if code == "receipt" else "print.form", code)

    def failed(self, job: Job, failed: Failed) -> None:
        job.house.task(job.session, "papers_not_made", {"code": failed.code}, job.order)


def _sent(send: Callable[[], object]) -> Outcome:
    """What became of a paper that was sent to its printer."""
    try:
        send()
    except PaperJam as error:  # a sheet of this very paper may be out already
        return Failed("print_unknown", {"cause": error.code}) if error.facts.get("begun") else Again(5.0, error.code)
    except (PaperOut, CoverOpen, DeviceMissing, DeviceBusy) as error:  # certainly not begun
        return Again(5.0, error.code)
    except PrintUnknown as error:
        return Failed(error.code)
    except DeviceError as error:
        return Failed("print_unknown", {"cause": error.code})
    return Done()


def _asked(world: World, job: str) -> Outcome:
    """An IPP printer's word on the job of that name."""
    try:
        found = world.a4_printer.call("find", deadline=15, job=job)
    except DeviceError:
        return Failed("print_unknown")
    return Done() if found == "completed" else Failed("print_unknown")


class Printing(Handler):
    """What both printers have in common."""

    lane, tries, patience = "paper", 1, PATIENCE

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        paper = self._paper(job)
        return {"paper": paper.code}, (f"{job.order.number}-{paper.code}", job.house.get_file(job.order, paper.file))

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        name, content = inputs
        return _sent(lambda: self.send(world, name, content))

    def send(self, world: World, name: str, content: bytes) -> None:
        raise AssertionError("a printer prints")  # pragma: no cover

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        return Failed("print_unknown")

    def conclude(self, job: Job, done: Done) -> None:
        self._paper(job).printed = "yes"

    def failed(self, job: Job, failed: Failed) -> None:
        self._paper(job).printed = "unknown"
        job.house.task(job.session, "not_printed", {"code": failed.code}, job.order, job.effect.subject)

    @staticmethod
    def _paper(job: Job) -> Paper:
        query = select(Paper).where(Paper.order_id == job.order.id, Paper.code == job.effect.subject)
        return job.session.scalars(query).one()


class PrintReceipt(Printing):
    kind = "print.receipt"

    def send(self, world: World, name: str, content: bytes) -> None:
        world.receipt_printer.call("print_png", deadline=60, png=content)


class PrintSheet(Handler):
    """A sheet to be stamped or signed, printed while the person waits; ``subject`` is the material. One press of the
    button, one sheet: a printer that says nothing is asked by the job's name and never sent the sheet again.
    """

    kind, lane, tries, patience = "print.sheet", "paper", 1, 90.0

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        code = paperwork.to_sign(job.house, job.order, job.effect.subject)
        assert code is not None
        name = f"{job.order.number}-{code}-{job.effect.id}"
        return {"paper": code, "job": name}, (name, paperwork.sheet(job.house, job.order, code))

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        name, (code, data, copies) = inputs
        pdf = world.press.call("form", deadline=60, code=code, data=data, copies=copies)
        return _sent(lambda: world.a4_printer.call("print_pdf", deadline=180, pdf=pdf, job=name))

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        return _asked(world, inputs[0])

    def failed(self, job: Job, failed: Failed) -> None:
        job.house.task(job.session, "sheet_not_printed", {"code": failed.code}, job.order, job.effect.subject)


class PrintForm(Printing):
    """A form on A4. An IPP printer can be asked by the job's name."""

    kind = "print.form"

    def send(self, world: World, name: str, content: bytes) -> None:
        world.a4_printer.call("print_pdf", deadline=180, pdf=content, job=name)

    def ask(self, world: World, pins: Pins, inputs: Any) -> Outcome | None:
        return _asked(world, inputs[0])
