"""What an order does to certificates and keys, read from the life cycle table: no service is known here by name."""

from __future__ import annotations

from typing import Any

from kiosk.catalogue import Operation, Service
from kiosk.catalogue.lifecycle import Cause, State, may, shipped

CA_STATES = {"active": State.ACTIVE, "held": State.SUSPENDED, "revoked": State.REVOKED, "expired": State.EXPIRED}
"""The CA's word for a certificate's state, as a state of the table."""


def cause_of(service: Service, data: dict[str, Any]) -> Cause:
    """Why the order is made: the answer named ``…_cause``, else the operation's usual cause."""
    known = shipped().causes_of(service.operation)
    form = data.get("form", {})
    named = form.get(f"{service.operation}_cause")
    return next((cause for cause in known if cause.code == named), known[0])


def work_of(service: Service) -> str:
    """``new`` (keys and certificates are made), ``same`` (the PIN is set anew), ``none`` (the CA alone acts), ``look``
    (nothing is changed).
    """
    kinds = {cause.key_operation for cause in shipped().causes_of(service.operation, by="user")}
    if not kinds:
        return "look"
    return kinds.pop() if len(kinds) == 1 else "none"  # causes shared with replacement: here the CA alone acts


def certifies(service: Service) -> bool:
    """Whether the service ends with a new certificate."""
    return work_of(service) == "new"


def irreversible(service: Service) -> bool:
    """Whether a certificate is ended for ever at once: the person is asked twice."""
    return service.operation == Operation.revoke


def refusal(service: Service, ca_state: str) -> str | None:
    """Code of why the operation may not follow the certificate's state; None when it may."""
    return None if may(service.operation, CA_STATES[ca_state]) else f"certificate_{ca_state}"
