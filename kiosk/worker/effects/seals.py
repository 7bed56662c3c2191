"""The electronic seal: made by the seal maker (制章者), then written onto the UKey beside its certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kiosk.db import now
from kiosk.documents import fonts
from kiosk.hardware.child import Child
from kiosk.imaging import eseal
from kiosk.imaging.eseal import SealRefused, SealRequest
from kiosk.imaging.seal_maker import MakerFailed, verified
from kiosk.orders import sealing, writing
from kiosk.worker.effects.writing import TokenHandler, certificate_of, stopped, subject_of, waiting
from kiosk.worker.outcomes import Done, Failed, Handler, Job, Outcome, Unknown
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

SIGNING = 20.0  # seconds the maker is given for one signature


class _Maker:
    """The seal maker's process as `eseal.build` wants it."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def certificate(self) -> bytes:
        found: bytes = self._child.call("certificate", deadline=SIGNING)
        return found

    def sign(self, data: bytes) -> bytes:
        signature: bytes = self._child.call("sign", deadline=SIGNING, data=data)
        return signature


class MakeSeal(Handler):
    """Picture, holder, certificate and its validity go to the maker; the signed seal is checked and kept."""

    kind, lane, tries, backoff = "seal.make", "ca", 4, 2.0

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        asked = sealing.wanted(job.house, job.order, certificate)
        assert asked is not None
        assert certificate.certificate_der is not None
        assert certificate.not_before is not None
        assert certificate.not_after is not None
        place = f"certificate.certificate_der.{certificate.id}"
        request = SealRequest(
            serial=certificate.request_id,
            name=subject_of(job, certificate.position).name,
            kind=eseal.TYPE_UNIT if asked.family == "unit" else eseal.TYPE_PERSONAL,
            owner=(job.house.unseal(job.order, certificate.certificate_der, place),),
            valid_from=certificate.not_before,
            valid_to=certificate.not_after,
            picture=asked.picture or b"",
            size_mm=(0.0, 0.0),
            made_at=now().replace(microsecond=0),
        )
        return {"seal": asked.kind, "id": request.serial}, (asked.family, request)

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        family, request = inputs
        if not request.picture:
            face = fonts.font_file(fonts.SERIF, bold=True)
            if face is None:
                return Failed("fonts_missing")
            drawn = world.inspector.call("template_seal", deadline=20, family=family, name=request.name, face=face)
            request = replace(request, picture=drawn)
        try:
            picture = eseal.whole_millimetres(request.picture)
            request = replace(request, picture=picture, size_mm=eseal.size_mm(picture))
            seal = eseal.build(request, _Maker(world.seal_maker))
            told = eseal.parse(seal)
            if told.signed != eseal.seal_info(request).dump() or not verified(told.maker, told.signed, told.signature):
                return Failed("seal_signature_wrong", final=False)
        except SealRefused as refused:
            return Failed(f"seal_{refused.code}")
        except MakerFailed as failed:
            return Failed(failed.code, final=False)
        return Done({"bytes": len(seal), "mm": list(told.size_mm)}, private=seal)

    def conclude(self, job: Job, done: Done) -> None:
        certificate = certificate_of(job)
        sealing.keep(job.house, job.order, certificate, done.private)
        certificate.state = "seal_made"
        writing.go_on(job.session, job.house, job.order)

    def failed(self, job: Job, failed: Failed) -> None:
        stopped(job, failed.code)

    def parked(self, job: Job, unknown: Unknown) -> None:
        job.house.task(job.session, "write_failed", {"code": unknown.code}, job.order, job.effect.subject)


class WriteSeal(TokenHandler):
    """The finished seal onto the UKey, beside the certificate it belongs to, and read back."""

    kind = "write.seal"

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        certificate = certificate_of(job)
        seal = sealing.kept(job.house, job.order, certificate)
        inputs = {
            "order": job.order.id,
            "wait": waiting(job),
            "token": certificate.token_serial,
            "label": label_of(certificate.serial or ""),
            "seal": seal,
        }
        return {"token": certificate.token_serial, "seal": seal is not None}, inputs

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        return Done() if inputs["seal"] is None else super().perform(world, pins, inputs)

    def act(self, world: World, pin: str, inputs: Any) -> Outcome:
        on, seal = {"serial": inputs["token"], "label": inputs["label"]}, inputs["seal"]
        world.ukey.call("write_object", deadline=30, pin=pin, data=seal, **on)
        if world.ukey.call("read_object", deadline=15, **on) != seal:
            return Failed("read_back_differs", final=False)
        return Done({"bytes": len(seal)})

    def conclude(self, job: Job, done: Done) -> None:
        certificate_of(job).state = "sealed"
        writing.go_on(job.session, job.house, job.order)


def label_of(serial: str) -> str:
    """Under which label the seal of the certificate with that serial number (hex) lies on a UKey."""
    return f"SEAL-{serial[:24]}"
