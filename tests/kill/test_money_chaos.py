"""Two hundred orders, gateways that lie and drop, a worker that dies at every named point: nobody pays twice, nobody
pays for nothing.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kiosk.db import db
from kiosk.orders import fulfil
from kiosk.orders.models import Order, Refund
from kiosk.orders.states import State
from tests.kill.money_drill import Drill
from tests.kill.money_judge import Judge
from tests.kill.money_mutants import give_back_only_money
from tests.kill.money_worker import POINTS, TIMES

ORDERS = 200
CHAOS = 0.12  # share of all exchanges with the gateways that go wrong

pytestmark = [pytest.mark.kill, pytest.mark.long]


@pytest.mark.xdist_group("money_chaos")
@pytest.mark.timeout(660)
def test_chaos(tmp_path: Path) -> None:
    with Drill(tmp_path / "home", ORDERS) as drill:
        drill.ask("gateways", "chaos", rate=CHAOS, seed=20261121)
        drill.start_worker()
        drill.run(520)
        drill.ask("gateways", "calm")
        judge = Judge(drill)
        assert judge.violations() == []
        assert len(judge.orders) == ORDERS
        died = Counter(drill.kills.read_text().split())
        assert {point: died[point] for point in POINTS if died[point] < TIMES} == {}
        states = Counter(db.session.scalars(select(Order.state)))
        assert states[State.DONE] > ORDERS / 3
        assert states[State.REFUNDED] >= ORDERS / 20
        assert db.session.scalar(select(func.count()).select_from(Refund)) > ORDERS / 20


MUTANTS = {
    "close_locally": ((7, 9, 12), "I1 I4 I8", ""),
    "new_refund_number": ((15,), "I1 I2", "refund:acted"),
    "new_ca_request": ((0, 1), "I5b I5c", "ca.issue:acted"),
    "refund_without_revoke": ((16,), "I5b", ""),
}


@pytest.mark.xdist_group("money_mutants")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_caught(mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways, names, points = MUTANTS[mutant]
    if mutant == "refund_without_revoke":
        monkeypatch.setattr(fulfil, "give_back", give_back_only_money)
    with Drill(tmp_path / "home", 40, ways, ("wechat", "wechat")) as drill:  # unseen codes of Alipay die slowly
        drill.ask("gateways", "chaos", rate=0.3, seed=7)
        drill.start_worker(mutant, points)
        drill.run(200)
        drill.ask("gateways", "calm")
        found = {violation.partition(":")[0] for violation in Judge(drill).violations()}
        assert found & set(names.split()), found
