"""One page on the glass: scanned, judged, read, and compared with what is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kiosk.hardware.errors import DeviceCrashed, DeviceError, DeviceTimeout, NothingOnGlass
from kiosk.imaging.verdict import PictureRefused
from kiosk.orders import capture
from kiosk.orders.capture import Wanted
from kiosk.orders.models import Material
from kiosk.worker.outcomes import Done, Failed, Handler, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

JUDGING, READING = 30, 25  # seconds


@dataclass(frozen=True)
class Seen:
    """A scanned page and everything that is known of it. ``read`` None: nothing was read."""

    picture: bytes = field(repr=False)
    shown: bytes | None = field(repr=False)
    faults: tuple[str, ...]
    cutout: bytes | None = field(default=None, repr=False)
    facts: dict[str, Any] = field(default_factory=dict)
    codes: tuple[str, ...] = field(default=(), repr=False)
    read: dict[str, str] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


class Scan(Handler):
    """``subject`` is the material's code."""

    kind, lane, tries = "scan", "desk", 1

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        asked = capture.wanted(job.house, job.order, job.effect.subject)
        return {"material": asked.material}, asked

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        asked: Wanted = inputs
        try:
            scan = world.scanner.call("scan", deadline=60, dpi=300)
        except NothingOnGlass as error:
            return Failed(error.code)
        except DeviceError as error:
            return Failed(error.code, dict(error.facts))
        try:
            seen = judge(world, asked, scan.png, scan.dpi)
        except PictureRefused as refused:
            return Failed(f"picture_{refused.code}")
        except (DeviceCrashed, DeviceTimeout):  # this picture cost the child its life: not the same picture again
            return Failed("picture_not_judged")
        return Done({"faults": list(seen.faults), "notes": list(seen.notes)}, private=(asked, seen))

    def conclude(self, job: Job, done: Done) -> None:
        asked, seen = done.private
        put = job.house.put_file
        material = Material(
            order_id=job.order.id,
            code=job.effect.subject,
            state="refused" if seen.faults else "good",
            verdict=list(seen.faults),
            picture=put(job.order, seen.picture),
            shown=put(job.order, seen.shown) if seen.shown else None,
            cutout=put(job.order, seen.cutout) if seen.cutout else None,
            facts={**seen.facts, "notes": list(seen.notes)},
        )
        job.session.add(material)
        if seen.read is not None and capture.keep_reading(job.house, job.order, asked, seen.read):
            for step in [step for step in job.order.progress if step.startswith("form-")]:
                job.house.mark(job.session, job.order, step, done=False)


def judge(world: World, asked: Wanted, picture: bytes, dpi: int | None) -> Seen:
    """The whole verdict on one picture. PictureRefused, DeviceCrashed and DeviceTimeout are the inspector's."""
    seen = _seal(world, asked, picture, dpi) if asked.check == "seal" else _document(world, asked, picture)
    if capture.of_another_order(asked, seen.codes):
        seen = replace(seen, faults=(capture.OTHER_ORDER, *seen.faults))
    if seen.faults or not asked.reads:
        return seen
    read = _read(world, asked, seen)
    if read is None:
        return replace(seen, notes=(capture.SEAL_UNREAD if asked.reads == "seal" else capture.UNREAD,))
    faults, notes = capture.judged(asked, read)
    return replace(seen, faults=tuple(faults), notes=tuple(notes), read=read)


def _seal(world: World, asked: Wanted, picture: bytes, dpi: int | None) -> Seen:
    verdict = world.inspector.call("seal", deadline=JUDGING, picture=picture, family=asked.kind, dpi=dpi)
    codes = world.inspector.call("codes", deadline=JUDGING, picture=picture)
    faults = [str(label) for label in verdict.defects]
    if not verdict.found and not faults:
        faults = ["none"]
    facts = {"diameter_mm": verdict.diameter_mm, "size_mm": verdict.size_mm}
    return Seen(picture, verdict.marked_png, tuple(faults), verdict.seal_png, facts, tuple(codes))


def _document(world: World, asked: Wanted, picture: bytes) -> Seen:
    found = world.inspector.call("document", deadline=JUDGING, picture=picture, kind=asked.kind, sealed=asked.sealed)
    return Seen(picture, found.page_jpeg, tuple(str(fault) for fault in found.faults), codes=tuple(found.qr))


def _read(world: World, asked: Wanted, seen: Seen) -> dict[str, str] | None:
    """The words on the picture; None where the reader is not there, died or took too long: nothing depends on it."""
    reader = world.reader
    try:
        if asked.reads != "seal":
            words: dict[str, str] = reader.call(asked.reads, deadline=READING, picture=seen.picture)
            return words
        if seen.cutout is None:
            return None
        name = reader.call("ring_name", deadline=READING, seal_png=seen.cutout, name=asked.name)
    except (DeviceError, PictureRefused):
        return None
    return {"name": name.text, "same": "yes" if name.same else "no", "sure": "yes" if name.sure else "no"}
