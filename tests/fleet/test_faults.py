"""Kiosks and centre killed at random, lines cut: no event lost, none doubled, the same chains on both sides."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from kiosk import journal
from kiosk.db import db
from kiosk.fleet.models import FleetFault, FleetFigure, FleetOrder
from kiosk.journal.models import ChainHead
from kiosk.supervise import free_port
from tests.fleet import drill, world
from tests.fleet.drill import EVENTS, Attack, BadLine, Plan, chain_at_kiosk, processes
from tests.running import eventually

PLANS = [
    pytest.param(Plan(4, 40, kills=12, together=1, every=0.2, patience=120), id="small"),
    pytest.param(
        Plan(20, 500, kills=200, together=12, every=1.0, patience=1500),
        id="twenty",
        marks=[pytest.mark.long, pytest.mark.timeout(2400)],
    ),
]


def heads(centre: Flask) -> dict[str, tuple[int, str]]:
    with centre.app_context():
        rows = db.session.query(ChainHead).all()
        found = {row.kiosk: (row.seq, row.hash) for row in rows}
        db.session.remove()
        return found


def ends(homes: dict[str, Path]) -> dict[str, tuple[int, str]]:
    return {name: (chain_at_kiosk(home, last=True) or [(0, "")])[-1] for name, home in homes.items()}


@pytest.mark.kill
@pytest.mark.parametrize("plan", PLANS)
def test_none_lost_none_doubled(centre: Flask, empty_home: Path, database: str, tmp_path: Path, plan: Plan) -> None:
    chance, port = random.Random(plan.kiosks), free_port()
    line = BadLine(port, random.Random(plan.kiosks + 1))
    homes = {f"K{number:03d}": tmp_path / f"K{number:03d}" for number in range(plan.kiosks)}
    for number, (name, home) in enumerate(homes.items()):
        shutil.copytree(empty_home, home)
        one = world.station(home, name, app=drill.bare_kiosk(home, name))
        world.pair(centre, f"http://127.0.0.1:{line.port}", one, "yiyang" if number % 2 else "realestate")
        one.close()
    starts = {name: lambda name=name: started(drill.run_kiosk, str(homes[name]), name, plan) for name in homes} | {
        "centre": lambda: started(drill.run_centre, str(tmp_path / "centre"), database, port)
    }
    attack = Attack(starts, chance, pause=1.0, serves=lambda: drill.answers(port))
    attack.begin()
    try:
        for _ in range(plan.kills):
            attack.strike()
        eventually(lambda: line.breaks > plan.kiosks, plan.patience)  # reports go on, and so do the faults
        line.badness = 0.02  # safety wants unlimited faults, an end wants limited ones
        attack.strike_all()  # who waits because of the faults waits no more
        until = time.monotonic() + plan.patience
        while not whole(homes, plan.orders) or ends(homes).items() - heads(centre).items():
            assert time.monotonic() < until, (ends(homes), heads(centre), attack.kills)
            time.sleep(0.3)
    finally:
        attack.end()
        line.close()
    assert attack.kills["centre"] > 1
    judge(centre, homes, plan.orders)
    print(f"kills: {attack.kills}, breaks of the line: {line.breaks}")


def started(target: object, *words: object) -> drill.BaseProcess:
    process = processes.Process(target=target, args=words, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


def whole(homes: dict[str, Path], orders: int) -> bool:
    return all(seq == orders * EVENTS for seq, _ in ends(homes).values())


def judge(centre: Flask, homes: dict[str, Path], orders: int) -> None:
    with centre.app_context():
        query = select(journal.Event.seq, journal.Event.hash).order_by(journal.Event.seq)
        for name, home in homes.items():
            here = [tuple(row) for row in db.session.execute(query.where(journal.Event.kiosk == name))]
            assert here == chain_at_kiosk(home), name
        own = db.session.scalar(select(ChainHead.seq).where(ChainHead.kiosk == "C001")) or 0
        good, broken = journal.verify(db.session())
        assert broken is None
        assert good == len(homes) * orders * EVENTS + own
        assert db.session.query(FleetFault).filter(FleetFault.cleared_at.is_(None)).count() == 0
        by_kiosk = select(FleetOrder.kiosk, func.count()).group_by(FleetOrder.kiosk)
        counts = dict(tuple(row) for row in db.session.execute(by_kiosk))
        assert set(counts) == set(homes)
        assert all(count == orders for count in counts.values()), counts
        opened = select(func.sum(FleetFigure.amount)).where(FleetFigure.measure == "orders")
        assert db.session.scalar(opened) == len(homes) * orders
        done = select(func.sum(FleetFigure.amount)).where(FleetFigure.measure == "states", FleetFigure.key == "done")
        assert db.session.scalar(done) == len(homes) * orders
        assert db.session.query(FleetOrder).filter_by(state="done").count() == len(homes) * orders
