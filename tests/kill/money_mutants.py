"""Faults that would cost somebody money, put into the product one at a time: the judge has to find each of them."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.db import now
from kiosk.orders import fulfil, money_back
from kiosk.orders.states import EffectState, State
from kiosk.payments.channel import Outcome as Known
from kiosk.payments.channel import Trade
from kiosk.worker.effects import HANDLERS
from kiosk.worker.effects.authority import CaIssue
from kiosk.worker.effects.money import Attempt, PayWatch, RefundPayment
from kiosk.worker.outcomes import Done, Job, Outcome
from kiosk.worker.pins import Pins
from kiosk.worker.world import World


class CloseLocally(PayWatch):
    """Believes its own clock: what is late or called off is closed without the gateway's word."""

    def perform(self, world: World, pins: Pins, inputs: Attempt) -> Outcome:
        trade = world.channel(inputs.channel).query(inputs.number)
        if trade.outcome != Known.PAID and (inputs.closing or now() >= inputs.expires_at):
            return Done({"trade": "closed", "wrong": []}, private=(Trade(Known.CLOSED, inputs.number), inputs))
        return super().perform(world, pins, inputs)


class NewRefundNumber(RefundPayment):
    """Takes a fresh number for every try, so that asking first finds nothing; gives back by halves."""

    def perform(self, world: World, pins: Pins, inputs: Any) -> Outcome:
        channel, number, trade, amount, total, reason = inputs
        outcome: Outcome = Done()
        for _ in range(2):
            fresh = f"{number[:24]}{secrets.token_hex(4)}"
            outcome = super().perform(world, pins, (channel, fresh, trade, amount // 2, total, reason))
            if not isinstance(outcome, Done):
                return outcome
        return outcome


class NewCaRequest(CaIssue):
    """After a doubt, asks the CA under a new id and with a new key instead of asking what became of the old one."""

    def plan(self, job: Job) -> tuple[dict[str, Any], Any]:
        in_doubt = job.effect.state == EffectState.UNKNOWN
        facts, request = super().plan(job)
        if not in_doubt:
            return facts, request
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        fresh = f"{request.request_id}-{secrets.token_hex(3)}"
        return facts, dataclasses.replace(request, request_id=fresh, csr=csr.public_bytes(Encoding.DER))


def close_locally() -> None:
    HANDLERS["pay.watch"] = CloseLocally()


def new_refund_number() -> None:
    HANDLERS["refund"] = NewRefundNumber()


def new_ca_request() -> None:
    HANDLERS["ca.issue"] = NewCaRequest()


def give_back_only_money(session: Any, house: Any, order: Any, reason: str) -> None:
    """Gives the money back and leaves the certificate alive."""
    house.move(session, order, State.REFUNDING, reason)
    money_back.pay_back(session, house, order)


def refund_without_revoke() -> None:
    fulfil.give_back = give_back_only_money


MUTANTS = {
    "": lambda: None,
    "close_locally": close_locally,
    "new_refund_number": new_refund_number,
    "new_ca_request": new_ca_request,
    "refund_without_revoke": refund_without_revoke,
}
