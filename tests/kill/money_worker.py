"""The real worker process, killed again and again at its named checkpoints: ``python -m tests.kill.money_worker``.

One process imports everything once and forks a life at a time; each life runs :func:`kiosk.worker.main.main` until it
reaches a checkpoint that still has to be died at (each one twice), then SIGKILLs itself. ``KILLS`` in the environment
is the file that remembers, ``MUTANT`` a fault to put into the product, for the judge to find.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kiosk import config, create_app
from kiosk.orders.effects import LANES
from kiosk.worker import checkpoints, health
from kiosk.worker import main as worker
from kiosk.worker.effects import HANDLERS
from kiosk.worker.outcomes import Failed, Outcome
from tests.kill.money_mutants import MUTANTS

TIMES = 2  # deaths at each checkpoint
BREATH = 0.4  # seconds a life is left alone, so that work gets done between the deaths
SCENARIOS = 20
FULL, DEAD = 15, 16
"""Scenarios whose UKey takes no key (before the CA is asked), and whose UKey dies with the certificate on its way."""
WRITING = ["token.adopt", "write.key", "write.certificate", "write.seal", "ca.issue", "ca.confirm", "ca.revoke"]
KINDS = ["pay.open", "pay.watch", "refund", "pos.begin", "pos.charge", "pos.void", *WRITING]
POINTS = [f"{kind}:{point}" for kind in KINDS for point in ("begun", "acted", "ended")]


def scenario(order_id: int) -> int:
    return (order_id - 1) % SCENARIOS


def break_tokens() -> None:
    """UKeys that fail, as hardware does: by the order they are used for."""
    for kind, bad in (("write.key", FULL), ("write.certificate", DEAD)):
        handler = HANDLERS[kind]
        sound = handler.perform

        def perform(world: Any, pins: Any, inputs: Any, sound: Any = sound, bad: int = bad) -> Outcome:
            if scenario(inputs["order"]) in (bad, 14 if bad == DEAD else bad):
                return Failed("token_full" if bad == FULL else "device_failed")
            outcome: Outcome = sound(world, pins, inputs)
            return outcome

        handler.perform = perform  # type: ignore[method-assign]


def live(kills: Path, wanted: list[str]) -> None:
    """One life."""
    chance, born, lock = random.Random(), time.monotonic(), threading.Lock()

    def hook(name: str) -> None:
        if name not in wanted or time.monotonic() - born < BREATH:
            return
        with lock:
            if chance.random() < 0.6:
                with kills.open("a") as file:
                    file.write(name + "\n")
                os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.hook = hook


def main() -> int:
    kills = Path(os.environ["KILLS"])
    points = os.environ.get("POINTS", " ".join(POINTS)).split()
    for kind in [kind for kind, lane in LANES.items() if lane in ("paper", "post")]:
        HANDLERS.pop(kind)  # papers and messages are another test's matter
    health.EVERY = 600.0
    break_tokens()
    MUTANTS[os.environ.get("MUTANT", "")]()
    app = create_app(config.load())
    stopping: list[int] = []
    child = 0

    def stop(signum: int, frame: object) -> None:
        stopping.append(signum)
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        died = Counter(kills.read_text().split()) if kills.exists() else Counter()
        child = os.fork()
        if child == 0:
            live(kills, [name for name in points if died[name] < TIMES])
            os._exit(worker.main(app))
        _, status = os.waitpid(child, 0)
        child = 0
        if not os.WIFSIGNALED(status) and not stopping:
            sys.stderr.write(f"the worker ended by itself: {status}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
