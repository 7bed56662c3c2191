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
from tests.fleet.drill import STATES, WAY, Attack, BadLine, chain_at_kiosk, processes

EVENTS = 1 + len(WAY) + len(STATES)  # of one whole order


def heads(centre: Flask) -> dict[str, tuple[int, str]]:
    with centre.app_context():
        rows = db.session.query(ChainHead).all()
        found = {row.kiosk: (row.seq, row.hash) for row in rows}
        db.session.remove()
        return found


def ends(homes: dict[str, Path]) -> dict[str, tuple[int, str]]:
    return {name: (chain_at_kiosk(home) or [(0, "")])[-1] for name, home in homes.items()}


@pytest.mark.kill
@pytest.mark.parametrize(
    ("kiosks", "orders", "kills", "patience"),
    [
        pytest.param(4, 40, 12, 120, id="small"),
        pytest.param(20, 500, 300, 1500, id="whole", marks=[pytest.mark.long, pytest.mark.timeout(2400)]),
    ],
)
def test_none_lost_none_doubled(
    centre: Flask, empty_home: Path, database: str, tmp_path: Path, kiosks: int, orders: int, kills: int, patience: int
) -> None:
    chance, port = random.Random(kiosks), free_port()
    line = BadLine(port, random.Random(kiosks + 1))
    homes = {}
    for number in range(kiosks):
        name = f"K{number:03d}"
        homes[name] = shutil.copytree(empty_home, tmp_path / name)
        one = world.station(homes[name], name, app=drill.bare_kiosk(homes[name], name))
        world.pair(centre, f"http://127.0.0.1:{line.port}", one, "yiyang" if number % 2 else "realestate")
        one.close()
    starts = {name: lambda name=name: started(drill.run_kiosk, str(homes[name]), name, orders) for name in homes} | {
        "centre": lambda: started(drill.run_centre, str(tmp_path / "centre"), database, port)
    }
    attack = Attack(starts, chance, pause=1.0)
    attack.begin()
    try:
        for _ in range(kills):
            attack.strike()
        line.badness = 0.05  # safety wants unlimited faults, an end wants limited ones
        until = time.monotonic() + patience
        while not whole(homes, orders) or ends(homes).items() - heads(centre).items():
            assert time.monotonic() < until, (ends(homes), heads(centre), attack.kills)
            time.sleep(0.3)
    finally:
        attack.end()
        line.close()
    assert attack.kills.get("centre", 0) > 0
    assert line.breaks > kiosks
    judge(centre, homes, orders)


def started(target: object, *words: object) -> drill.BaseProcess:
    process = processes.Process(target=target, args=words, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


def whole(homes: dict[str, Path], orders: int) -> bool:
    return all(len(chain_at_kiosk(home)) == orders * EVENTS for home in homes.values())


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
