"""Money end to end: ``python -m bench.bench_money [--orders N] [--people N]``.

Orders go through the real worker process against the simulated gateways in a process of their own. Two figures:
``orders_per_s``, from a queue of N orders whose buyers pay as soon as their code is there; and how long after the
gateway's SUCCESS (its ledger's time) the pay page of a person, two of them at a time, has led him on: ``shown_p95_s``.
The page is asked as his browser asks it, every ``PAGE_POLL`` seconds. Floors, measured in the same run: one signed
question to the gateway, and the two waits that the polling itself makes.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from kiosk.config import Settings
from kiosk.db import db, write
from kiosk.orders.models import Payment, Visit
from kiosk.orders.states import PaymentState
from kiosk.worker.effects.money import POLL
from kiosk.worker.world import World
from tests.kill.money_drill import Drill

PAGE_POLL = 1.0  # seconds, as in templates/journey/_pay_waiting.html
AT_ONCE = 2  # people who pay at the same time; a kiosk has one


class Counter(Drill):
    """A drill in which nothing dies and codes live as long as in the product."""

    qr_seconds = Settings.model_fields["qr_seconds"].default


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def floor(drill: Drill, number: str) -> float:
    """Seconds of one question about a trade (median of 30)."""
    world, taken = World(drill.house.settings), []
    for _ in range(30):
        began = time.perf_counter()
        world.channel("wechat").query(number)
        taken.append(time.perf_counter() - began)
    world.close()
    return statistics.median(taken)


def codes(drill: Drill) -> list[tuple[int, str]]:
    """(payment, code) of every attempt that shows one."""
    db.session.rollback()
    query = select(Payment.id, Payment.code_url).where(Payment.state == PaymentState.PENDING)
    return [(number, str(code)) for number, code in db.session.execute(query)]


def burst(drill: Drill, orders: int) -> float:
    """Orders per second: all of them wait when the worker starts, and are paid as their codes appear."""
    for index in range(orders):
        drill.open(index)
    drill.start_worker()
    began, paid = time.monotonic(), set()
    count = select(func.count()).where(Payment.state == PaymentState.SUCCEEDED)
    while db.session.scalar(count) != orders:
        for payment, code in codes(drill):
            if payment not in paid:
                paid.add(payment)
                drill.ask("gateways", "pay", code=code)
        time.sleep(0.02)
    return orders / (time.monotonic() - began)


class Person:
    """Stands before the pay page, whose fragment asks again and again."""

    def __init__(self, drill: Drill, index: int, wait: float) -> None:
        drill.open(index)
        self.order = drill.buyers[-1].order_id
        self.client, self.next, self.wait = drill.app.test_client(), 0.0, wait
        token = f"bench-{self.order}"
        with write() as session:
            session.add(Visit(token=token, order_id=self.order))
        with self.client.session_transaction() as cookie:
            cookie["visit"] = token

    def paid(self) -> None:
        self.next = time.monotonic() + self.wait

    def led_on(self) -> bool:
        """Whether this poll led away from paying; the next page was fetched then."""
        if not self.next or time.monotonic() < self.next:
            return False
        self.next += PAGE_POLL
        db.session.rollback()
        db.session.expire_all()
        answer = self.client.get("/pay/wait?status=code", headers={"HX-Request": "true"})
        target = json.loads(answer.headers.get("HX-Location", "{}")).get("path")
        return target == "/work" and self.client.get(target).status_code == 200


def shown(drill: Drill, first: int, people: int) -> list[float]:
    """Seconds from the gateway's SUCCESS to the page that says so, one for each person."""
    dice, waiting, seen, come = random.Random(1), dict[int, Person](), dict[int, float](), 0
    done: set[int] = set()
    while len(seen) < people:
        if come < people and len(waiting) < AT_ONCE:
            person = Person(drill, first + come, dice.uniform(0, PAGE_POLL))
            waiting[person.order], come = person, come + 1
        for payment, code in codes(drill):
            if payment not in done:
                done.add(payment)
                order = db.session.get_one(Payment, payment).order_id
                drill.ask("gateways", "pay", code=code)
                waiting[order].paid()
        for order, person in list(waiting.items()):
            if person.led_on():
                seen[order] = time.time()
                del waiting[order]
        time.sleep(0.01)
    numbers = {p.out_trade_no: p.order_id for p in db.session.scalars(select(Payment))}
    entries = [e for e in drill.ask("gateways", "ledger")["entries"] if e["kind"] == "capture"]
    at = {numbers[entry["out_trade_no"]]: entry["at"] for entry in entries}
    return [moment - at[order] for order, moment in seen.items()]


def main() -> int:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description="Orders per second and time to the page")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--people", type=int, default=40)
    options = parser.parse_args()
    folder = tempfile.TemporaryDirectory(prefix="bench-money-")
    with folder, Counter(Path(folder.name) / "home", options.orders + options.people) as drill:
        drill.pos_ways = ()
        rate = burst(drill, options.orders)
        times = shown(drill, options.orders, options.people)
        number = db.session.scalars(select(Payment.out_trade_no).where(Payment.channel == "wechat")).first()
        asked = floor(drill, number or "")
    dice = random.Random(2)
    waits = [dice.uniform(0, POLL) + dice.uniform(0, PAGE_POLL) for _ in range(10_000)]
    found: dict[str, Any] = {"orders_per_s": rate, "orders_per_s_times_floor": rate * asked}
    found |= {"shown_p50_s": statistics.median(times), "shown_p95_s": percentile(times, 0.95)}
    found |= {"floor_question_s": asked, "floor_polling_p95_s": percentile(waits, 0.95)}
    found["shown_p95_to_polling"] = found["shown_p95_s"] / found["floor_polling_p95_s"]
    sys.stdout.write(json.dumps({key: round(value, 4) for key, value in found.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
