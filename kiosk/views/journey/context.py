"""What a page of the journey knows, and how a request finds its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import flash, g, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from kiosk.catalogue import Offer, Operation, Scheme, Service
from kiosk.db import db, write
from kiosk.orders import journey
from kiosk.orders.book import House
from kiosk.orders.models import Order
from kiosk.orders.states import State
from kiosk.views import visit
from kiosk.views.frame import house
from kiosk.views.language import gettext as _

P = ParamSpec("P")
R = TypeVar("R")
AFTER = ("付款", "办理")  # what follows the walk, for the progress line


@dataclass(frozen=True)
class Progress:
    """第 n 步，共 m 步."""

    number: int
    total: int
    title: str
    next_title: str


@dataclass
class Walk:
    """An order on its way, as one request sees it."""

    house: House
    session: Session
    order: Order
    data: dict[str, Any]
    way: list[journey.Step]
    step: journey.Step
    offer: Offer
    service: Service
    scheme: Scheme

    @property
    def next_code(self) -> str:
        codes = [step.code for step in self.way]
        at = codes.index(self.step.code) if self.step.code in codes else -1
        return codes[min(at + 1, len(codes) - 1)]

    @property
    def back_code(self) -> str | None:
        codes = [step.code for step in self.way]
        at = codes.index(self.step.code)
        return codes[at - 1] if at > 0 else None

    def progress(self) -> Progress:
        codes = [step.code for step in self.way]
        at = codes.index(self.step.code)
        after = [] if self.service.operation == Operation.query else list(AFTER)
        titles = [*(step.title for step in self.way), *after, ""]
        return Progress(at + 1, len(titles) - 1, _(self.step.title), _(titles[at + 1]) if titles[at + 1] else "")

    def refresh(self) -> None:
        """Read data and way again after a change."""
        self.data = self.house.data(self.order)
        self.way = journey.steps(self.house, self.order, self.data)


def walk_of(session: Session, order: Order, code: str | None = None) -> Walk:
    """The walk at step ``code``; at the first open step when there is none of that name."""
    here = house()
    scheme, service, offer = here.offer(order)
    data = here.data(order)
    way = journey.steps(here, order, data)
    step = next((s for s in way if s.code == code), None) or journey.first_open(here, order, data, way)
    return Walk(here, session, order, data, way, step, offer, service, scheme)


def reading(code: str | None = None) -> Walk:
    order = visit.order()
    assert order is not None
    return walk_of(db.session(), order, code)


def changing(code: str) -> Any:
    """``with changing(code) as walk``: one writing transaction around a walk."""
    return _Changing(code)


class _Changing:
    def __init__(self, code: str) -> None:
        self.code, self.manager = code, write()

    def __enter__(self) -> Walk:
        session = self.manager.__enter__()
        try:
            order = session.get(Order, g.visit_order_id)
            assert order is not None
            return walk_of(session, order, self.code)
        except BaseException as error:
            self.manager.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, *error: Any) -> None:
        self.manager.__exit__(*error)


def beyond(order: Order, number: int) -> Progress:
    """The progress line of what follows the walk: paying is its first page, the work its second."""
    before = len(walk_of(db.session(), order).way)
    title, *following = AFTER[number - 1 :]
    return Progress(before + number, before + len(AFTER), _(title), _(following[0]) if following else "")


def home() -> Response:
    """Back to the first page, also for an htmx request."""
    if g.get("timed_out"):
        flash(_("长时间没有操作，已为您退出。未付款的内容已清除。"))
    return go(url_for("home.index"))


def go(address: str) -> Response:
    """See other: a plain redirect, or htmx's own for a polled fragment."""
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        return Response(status=200, headers={"HX-Redirect": address})
    return redirect(address, 303)


def with_order(*states: State) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Only for a visit whose order is in one of ``states``; else on to where the order is."""

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            order = visit.order()
            if order is None:
                return home()
            if states and order.state not in states:
                return go(where(order))
            return view(*args, **kwargs)

        return guarded

    return decorate


def where(order: Order) -> str:
    """The page an order belongs on now."""
    match order.state:
        case State.DRAFT:
            return url_for("journey.step", code=reading().step.code)
        case State.PAYING:
            return url_for("journey.pay")
        case State.VOID:
            return url_for("home.index")
        case State.DONE | State.REFUNDED:
            return url_for("journey.done")
        case _:
            return url_for("journey.work")
