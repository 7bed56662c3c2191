"""The order book: open, find and change orders. Every change is journalled in the same transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from kiosk import journal
from kiosk.catalogue import Catalogue, Kind, Offer, Scheme, Service
from kiosk.config import Settings
from kiosk.db import today
from kiosk.orders.models import Order, Payment, Task
from kiosk.orders.states import MOVES, PAYMENT_MOVES, PaymentState, State, check
from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles


class NotOffered(Exception):
    """The catalogue has no such scheme, service or kind."""


@dataclass(frozen=True)
class House:
    """What every room needs at hand: settings, catalogue, keys and files of this kiosk."""

    settings: Settings
    catalogue: Catalogue
    vault: Vault
    files: SealedFiles

    @property
    def origin(self) -> tuple[str, int]:
        return self.settings.kiosk_id, self.settings.epoch

    @property
    def schemes(self) -> list[Scheme]:
        """What this kiosk offers, in its order."""
        known = self.catalogue.schemes
        return [known[code] for code in self.settings.schemes or known if code in known]

    def offer(self, order: Order) -> tuple[Scheme, Service, Offer]:
        """The scheme, service and offer an order is about."""
        try:
            scheme = self.catalogue.of(order.catalogue_version).schemes[order.scheme]
            service = scheme.services[order.service]
            return scheme, service, service.offers[Kind(order.kind)]
        except (KeyError, ValueError) as error:
            raise NotOffered(f"{order.scheme}/{order.service}/{order.kind}") from error

    # -- events -----------------------------------------------------------------------------------

    def log(self, session: Session, kind: str, body: dict[str, Any] | None = None, order: Order | None = None) -> None:
        journal.append(session, self.origin, kind, body, order_no=order.number if order else None)

    # -- sealed data ------------------------------------------------------------------------------

    def data(self, order: Order) -> dict[str, Any]:
        """The order's personal data: ``card``, ``token``, ``form``, ``role``, ... An empty dict for a new order."""
        if order.sealed is None:
            return {}
        plain = self.vault.open(order.wrapped_key, order.number, order.sealed, f"order.sealed.{order.number}")
        loaded: dict[str, Any] = json.loads(plain)
        return loaded

    def put_data(self, order: Order, data: dict[str, Any]) -> None:
        plain = json.dumps(data, ensure_ascii=False).encode()
        order.sealed = self.vault.seal(order.wrapped_key, order.number, plain, f"order.sealed.{order.number}")
        person = data.get("card", {}).get("number")
        form, told = data.get("form", {}), {**data.get("old", {}), **data.get("token", {})}.get("number")
        if order.kind == Kind.unit:
            subject = told or form.get("uscc") or form.get("org_code")
        else:
            subject = told or form.get("id_number") or (person if data.get("role") != "agent" else None)
        order.person_index = self.vault.blind(person, "person") if person else None
        order.unit_index = self.vault.blind(subject, str(order.kind)) if subject else None
        phone = form.get("mobile")
        order.phone_index = self.vault.blind(phone, "phone") if phone else None
        name = form.get("unit_name") or form.get("name") or data.get("token", {}).get("name")
        name = name or data.get("card", {}).get("name")
        order.name_index = self.vault.blind(name, "name") if name else None

    def seal(self, order: Order, data: bytes, place: str) -> bytes:
        return self.vault.seal(order.wrapped_key, order.number, data, f"{place}.{order.number}")

    def unseal(self, order: Order, sealed: bytes, place: str) -> bytes:
        return self.vault.open(order.wrapped_key, order.number, sealed, f"{place}.{order.number}")

    def put_file(self, order: Order, data: bytes) -> str:
        return self.files.put(order.wrapped_key, order.number, data)

    def get_file(self, order: Order, digest: str) -> bytes:
        return self.files.get(order.wrapped_key, order.number, digest)

    # -- orders -----------------------------------------------------------------------------------

    def open_order(self, session: Session, scheme: str, service: str, kind: str) -> Order:
        order = Order(
            number="-", scheme=scheme, service=service, kind=kind, catalogue_version=self.catalogue.version, progress={}
        )
        self.offer(order)
        session.add(order)
        session.flush()
        order.number = f"{self.settings.kiosk_id}{today():%y%m%d}{self.settings.epoch % 10}{order.id:05d}"
        order.wrapped_key = self.vault.new_key(order.number)
        body = {"scheme": scheme, "service": service, "kind": kind, "catalogue": self.catalogue.version}
        self.log(session, "order.opened", body, order)
        return order

    def move(self, session: Session, order: Order, new: State, note: str | None = None) -> None:
        """Take the order to ``new``; :class:`MoveRefused` if it may not go there."""
        check("order", MOVES, State(order.state), new)
        self.log(session, "order.moved", {"from": order.state, "to": new, "note": note}, order)
        order.state, order.note = new, note

    def move_payment(self, session: Session, payment: Payment, new: PaymentState) -> None:
        check("payment", PAYMENT_MOVES, PaymentState(payment.state), new)
        body = {"number": payment.out_trade_no, "from": payment.state, "to": new, "amount": payment.amount}
        self.log(session, "payment.moved", body, payment.order)
        payment.state = new

    def mark(self, session: Session, order: Order, step: str, done: bool = True) -> None:
        """Note that a step of the journey is done (or has to be done again)."""
        progress = {**order.progress, step: True} if done else {k: v for k, v in order.progress.items() if k != step}
        if progress != order.progress:
            order.progress = progress
            self.log(session, "step.done" if done else "step.reopened", {"step": step}, order)

    # -- effects and tasks ------------------------------------------------------------------------

    def task(
        self, session: Session, kind: str, facts: dict[str, Any], order: Order | None = None, subject: str = ""
    ) -> Task:
        """Ask for a clerk; the same open task is not asked for twice."""
        query = select(Task).where(Task.kind == kind, Task.subject == subject, Task.closed_at.is_(None))
        query = query.where(Task.order_id == (order.id if order else None))
        found = session.scalars(query).first()
        if found:
            return found
        task = Task(order_id=order.id if order else None, kind=kind, subject=subject, facts=facts)
        session.add(task)
        self.log(session, "task.opened", {"task": kind, "subject": subject, **facts}, order)
        return task
