"""Two hundred orders, gateways that lie and drop, a worker that dies at every named point: nobody pays twice, nobody
pays for nothing. ``CHAOS_SEED`` in the environment chooses other faults and other deaths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kiosk.db import db
from kiosk.orders import fulfil
from kiosk.orders.models import Order, Payment, Refund
from kiosk.orders.states import State
from tests.kill.money_drill import Drill
from tests.kill.money_judge import Judge
from tests.kill.money_mutants import give_back_only_money
from tests.kill.money_worker import KINDS, POINTS

ORDERS = 200
TIMES = 2  # deaths at each checkpoint
CHAOS = 0.12  # share of all exchanges with the gateways that go wrong
SMALL = (0, 1, 2, 8, 9, 13, 14, 15, 16, 18, 19)
"""Ways of the small run: paid at once, by two phones, while being cancelled, by card; UKeys that fail before and after
the CA.
"""
SMALL_POINTS = ("pay.open:acted", "pay.watch:acted", "refund:acted", "pos.charge:acted", "ca.issue:acted")
Told = Callable[[str, object], None]

pytestmark = pytest.mark.kill


def judged(drill: Drill, told: Told) -> Judge:
    """Every side was asked and nothing is wrong; the summary goes to the end of the test run."""
    injected = drill.ask("gateways", "calm")["hit"]
    judge = Judge(drill)
    found = judge.violations()
    told("table", summary(drill, judge, injected, found))
    assert found == []
    return judge


def summary(drill: Drill, judge: Judge, injected: dict[str, int], found: list[str]) -> str:
    died = Counter(drill.kills.read_text().split())
    states = Counter(str(order.state) for order in judge.orders)
    attempts = db.session.scalar(select(func.count()).select_from(Payment))
    backs = Counter(str(reason) for reason in db.session.scalars(select(Refund.reason)))
    lines = [
        f"money under chaos, seed {drill.seed}: {len(judge.orders)} orders, "
        + ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        f"{sum(injected.values())} faults of the gateways ({', '.join(sorted(injected))}); "
        f"{attempts} attempts to pay, {backs.total()} refunds ({backs['surplus']} of them surplus money); "
        f"{died.total()} deaths of the worker",
        f"{'died at':<20}{'begun':>7}{'acted':>7}{'ended':>7}",
    ]
    for kind in KINDS:
        hits = [died[f"{kind}:{point}"] for point in ("begun", "acted", "ended")]
        lines += [f"{kind:<20}{hits[0]:>7}{hits[1]:>7}{hits[2]:>7}"] if any(hits) else []
    return "\n".join([*lines, f"violations of I1-I11: {len(found)}"])


@pytest.mark.timeout(300)
def test_a_little_chaos(tmp_path: Path, record_property: Told) -> None:
    with Drill(tmp_path / "home", 20, SMALL, ("wechat", "wechat")) as drill:
        drill.ask("gateways", "chaos", rate=2 * CHAOS, seed=drill.seed)
        drill.start_worker(SMALL_POINTS, times=1, spared=(2, 5))  # few enough for eleven orders to come by each point
        drill.run()
        judge = judged(drill, record_property)
        assert len(judge.orders) == len(SMALL)
        assert sorted(drill.kills.read_text().split()) == sorted(SMALL_POINTS)


@pytest.mark.long
@pytest.mark.xdist_group("money_chaos")
@pytest.mark.timeout(1800)
def test_chaos(tmp_path: Path, record_property: Told) -> None:
    with Drill(tmp_path / "home", ORDERS) as drill:
        drill.ask("gateways", "chaos", rate=CHAOS, seed=drill.seed)
        drill.start_worker(POINTS, TIMES)
        drill.run()
        judge = judged(drill, record_property)
        assert len(judge.orders) == ORDERS
        died = Counter(drill.kills.read_text().split())
        assert {point: died[point] for point in POINTS if died[point] < TIMES} == {}
        states = Counter(db.session.scalars(select(Order.state)))
        assert states[State.DONE] > ORDERS / 3
        assert states[State.REFUNDED] >= ORDERS / 20
        assert (db.session.scalar(select(func.count()).select_from(Refund)) or 0) > ORDERS / 20


MUTANTS = {
    "close_locally": ((7, 9, 12), "I1 I4 I8", ()),
    "new_refund_number": ((15,), "I1 I2", ("refund:acted",)),
    "new_ca_request": ((0, 1), "I5b I5c", ("ca.issue:acted",)),
    "refund_without_revoke": ((16,), "I5b", ()),
}


@pytest.mark.long
@pytest.mark.xdist_group("money_mutants")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_caught(
    mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Told
) -> None:
    ways, names, points = MUTANTS[mutant]
    if mutant == "refund_without_revoke":
        monkeypatch.setattr(fulfil, "give_back", give_back_only_money)
    with Drill(tmp_path / "home", 40, ways, ("wechat", "wechat")) as drill:  # unseen codes of Alipay die slowly
        drill.ask("gateways", "chaos", rate=0.3, seed=7)
        drill.start_worker(points, mutant=mutant)
        drill.run()
        drill.ask("gateways", "calm")
        found = {violation.partition(":")[0] for violation in Judge(drill).violations()}
        caught = sorted(found & set(names.split()))
        record_property("table", f"mutant {mutant}: caught by {' '.join(caught) or 'nothing'}")
        assert caught, found
