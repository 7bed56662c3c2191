"""Effects at the devices while the person stands there: reading the card and the UKey."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from sqlalchemy import select

from kiosk.ca import reader
from kiosk.ca.connector import CaError, CaUnreachable
from kiosk.ca.validity import may_renew
from kiosk.catalogue import Operation, Service
from kiosk.db import now, today
from kiosk.hardware.errors import (
    CardLifted,
    CardMissing,
    CardUnreadable,
    PinIncorrect,
    PinLocked,
    SeveralTokens,
    TokenMissing,
    TokenRemoved,
)
from kiosk.hardware.ukey import current
from kiosk.hardware.ukey.model import TokenContents
from kiosk.orders import causes
from kiosk.orders.models import Certificate
from kiosk.orders.numbers import Invalid
from kiosk.orders.numbers import check as check_number
from kiosk.orders.people import holders
from kiosk.orders.prefill import answers, is_agent
from kiosk.worker.outcomes import Again, Done, Failed, Handler, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World

LOOK = 0.4  # seconds between two looks at a reader
UNWRITTEN = ("issued", "failed")
PATIENCE = 90.0  # seconds somebody is given to lay a card or insert a UKey


class CardRead(Handler):
    """The ID card on the reader: who stands in front of the kiosk."""

    kind, lane, tries, patience = "card.read", "desk", 1, PATIENCE

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        try:
            card = world.id_card.call("read", deadline=10)
        except CardMissing as error:
            return Again(LOOK, "card_not_lifted" if error.facts.get("read_before") else "card_missing")
        except (CardLifted, CardUnreadable) as error:
            return Failed(error.code)
        if card.valid_to is not None and card.valid_to < today():
            return Failed("card_expired")
        if card.kind == "resident":
            try:
                check_number("id_number", card.number)
            except Invalid:
                return Failed("card_number_wrong")
        return Done(private=card)

    def conclude(self, job: Job, done: Done) -> None:
        card = done.private
        data = job.house.data(job.order)
        kept = dataclasses.asdict(card)
        kept.pop("photo_wlt", None)
        data["card"] = {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in kept.items()}
        job.house.put_data(job.order, data)
        job.house.mark(job.session, job.order, "id_card")


class TokenRead(Handler):
    """The UKey in the slot: exactly one, of this owner, with a certificate this service may be done for."""

    kind, lane, tries, patience = "token.read", "desk", 1, PATIENCE

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        _, service, _ = job.house.offer(job.order)
        data = job.house.data(job.order)
        holder = None if is_agent(data) else data.get("card", {}).get("number")
        unwritten = self._unwritten(job) if service.operation == Operation.reissue else {}
        return {}, (job.order.kind, service, holder, unwritten)

    @staticmethod
    def _unwritten(job: Job) -> dict[str, dict[str, str]]:
        """By UKey: certificates that were issued here and did not get onto it."""
        query = select(Certificate).where(Certificate.serial.is_not(None), Certificate.state.in_(UNWRITTEN))
        found: dict[str, dict[str, str]] = {}
        for row in job.session.scalars(query.order_by(Certificate.id.desc()).limit(50)):
            if row.token_serial and row.order.kind == job.order.kind:
                given = answers(job.house, row.order, job.house.data(row.order))
                holder = holders(row.order.kind, given, row.position + 1)[row.position]
                owner = {"name": holder.name, "number": holder.number, "document_kind": holder.document}
                found.setdefault(row.token_serial, {"certificate": row.serial or "", **owner})
        return found

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        kind, service, holder, unwritten = inputs
        try:
            contents = world.ukey.call("inspect", deadline=15)
        except (TokenMissing, TokenRemoved):
            return Again(LOOK, "token_missing")
        except SeveralTokens:
            return Again(LOOK, "several_tokens")
        token = self._told(contents, unwritten)
        if token is None:
            return Failed("token_without_certificate")
        if token["kind"] not in ("", kind):
            return Failed("token_wrong_kind")
        if kind == "personal" and holder and token["number"] != holder:
            return Failed("token_other_owner")
        if contents.info.pin_locked and causes.work_of(service) != "same":
            return Failed("token_locked")
        refusal = self._refusal(world, token, service)
        if refusal:
            return refusal
        facts = {"token": token["serial"], "certificate": token["certificate"]}
        return Done(facts, private={**token, "kind": kind})

    @staticmethod
    def _told(contents: TokenContents, unwritten: dict[str, dict[str, str]]) -> dict[str, Any] | None:
        """Whose UKey this is, by its certificate, or by the one that should have been written to it."""
        serial, found = contents.info.serial, current(contents)
        if serial in unwritten:
            return {"serial": serial, "key_id": found.key_id if found else None, "kind": "", **unwritten[serial]}
        if found is None:
            return None
        facts = reader.facts_of(found.der)
        return {
            "serial": serial,
            "key_id": found.key_id,
            "certificate": facts.serial_hex,
            "kind": facts.owner.kind,
            "name": facts.owner.name,
            "number": facts.owner.number,
        }

    @staticmethod
    def _refusal(world: World, token: dict[str, Any], service: Service) -> Failed | None:
        """Why this certificate cannot be served; the CA is asked what it thinks of it."""
        try:
            record = world.ca.status(token["certificate"])
        except CaUnreachable:
            return Failed("ca_unreachable")
        except CaError:
            return Failed("certificate_foreign")
        token["not_after"] = record.not_after.isoformat()
        code = causes.refusal(service, record.state)
        if code:
            return Failed(code)
        if service.operation == Operation.renew:
            window = may_renew(record.not_after, now())
            if not window.ok:
                return Failed(f"renewal_{window.state}", {"days_left": window.days_left})
        return None

    def conclude(self, job: Job, done: Done) -> None:
        data = job.house.data(job.order)
        data["token"] = done.private
        job.house.put_data(job.order, data)
        job.house.mark(job.session, job.order, "token")


class TokenBlank(Handler):
    """A new UKey from the stock: exactly one, and nothing on it."""

    kind, lane, tries, patience = "token.blank", "desk", 1, PATIENCE

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        try:
            contents = world.ukey.call("inspect", deadline=15)
        except (TokenMissing, TokenRemoved):
            return Again(LOOK, "token_missing")
        except SeveralTokens:
            return Again(LOOK, "several_tokens")
        if not contents.info.blank:
            return Failed("token_not_blank")
        return Done({"token": contents.info.serial}, private=contents)

    def conclude(self, job: Job, done: Done) -> None:
        data = job.house.data(job.order)
        data["token"] = {"serial": done.private.info.serial}
        job.house.put_data(job.order, data)
        job.house.mark(job.session, job.order, "token")


class TokenProve(Handler):
    """The owner proves himself with the UKey's PIN: the old key signs a fresh nonce."""

    kind, lane, tries = "token.prove", "desk", 1

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        token = job.house.data(job.order)["token"]
        return {"token": token["serial"]}, (job.order.id, token["serial"], token["key_id"])

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        order_id, serial, key_id = inputs
        pin = pins.get(order_id)
        if pin is None:
            return Failed("pin_needed")
        try:
            world.ukey.call("prove_pin", deadline=15, serial=serial, pin=pin, key_id=key_id)
        except PinIncorrect as error:
            pins.forget(order_id)
            return Failed(error.code, {"attempts_left": error.facts.get("attempts_left")})
        except PinLocked as error:
            pins.forget(order_id)
            return Failed(error.code)
        except (TokenMissing, TokenRemoved, SeveralTokens) as error:
            return Failed(error.code)
        return Done()

    def conclude(self, job: Job, done: Done) -> None:
        job.house.mark(job.session, job.order, "pin")
