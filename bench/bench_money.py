"""Money end to end: ``python -m bench.bench_money [--orders N]``.

Orders go through the real worker process against the simulated gateways: orders opened to paid per second, and the time
from the gateway's SUCCESS to the moment a page that polls the local database every 1.5 s shows it. The floor, measured
in the same run, is one signed question to the gateway.
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

from sqlalchemy import select

from kiosk.db import db
from kiosk.orders.models import Payment
from kiosk.orders.states import PaymentState
from kiosk.worker.world import World
from tests.kill.money_drill import Drill

PAGE_POLL = 1.5  # seconds, as in the page's fragment
AT_ONCE = 8  # people who pay at the same time: more than one kiosk ever has


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


def run(drill: Drill, orders: int) -> dict[str, Any]:
    """Everybody pays as soon as his code is there; his page polls on."""
    chance, opened, began = random.Random(1), 0, time.monotonic()
    polls: dict[int, float] = {}
    paid_at: dict[int, float] = {}
    seen_at: dict[int, float] = {}
    while len(seen_at) < orders:
        if opened < orders and opened - len(seen_at) < AT_ONCE:
            drill.open(opened)
            opened += 1
        db.session.rollback()
        for payment in db.session.scalars(select(Payment).execution_options(populate_existing=True)):
            if payment.id in seen_at:
                continue
            if payment.code_url and payment.id not in paid_at:
                drill.ask("gateways", "pay", code=payment.code_url)
                paid_at[payment.id] = time.monotonic()
                polls[payment.id] = paid_at[payment.id] + chance.uniform(0, PAGE_POLL)
            elif payment.id in polls and time.monotonic() >= polls[payment.id]:
                polls[payment.id] += PAGE_POLL
                if payment.state == PaymentState.SUCCEEDED:
                    seen_at[payment.id] = time.monotonic()
        time.sleep(0.02)
    seconds = time.monotonic() - began
    shown = [seen_at[one] - paid_at[one] for one in seen_at]
    return {"orders": orders, "orders_per_s": orders / seconds, "shown_p50_s": statistics.median(shown)} | {
        "shown_p95_s": percentile(shown, 0.95)
    }


def main() -> int:
    """Print one line of JSON; 1 when the page is slower than two polls of worker and page together."""
    parser = argparse.ArgumentParser(description="Orders per second and time to the page")
    parser.add_argument("--orders", type=int, default=60)
    options = parser.parse_args()
    folder = tempfile.TemporaryDirectory(prefix="bench-money-")
    with folder, Drill(Path(folder.name) / "home", options.orders) as drill:
        drill.pos_ways = ()
        drill.start_worker()
        found = run(drill, options.orders)
        number = db.session.scalars(select(Payment.out_trade_no).where(Payment.channel == "wechat")).first()
        found["floor_s"] = floor(drill, number or "")
    found["shown_p95_to_floor"] = found["shown_p95_s"] / found["floor_s"]
    sys.stdout.write(json.dumps({key: round(value, 4) for key, value in found.items()}) + "\n")
    return 0 if found["shown_p95_s"] < 2 * (PAGE_POLL + 1.5) else 1


if __name__ == "__main__":
    sys.exit(main())
