"""The real worker process, killed again and again at its named checkpoints: ``python -m tests.kill.money_worker``.

One process imports everything once and forks a life at a time; each life runs :func:`kiosk.worker.main.main` until it
reaches a checkpoint that still has to be died at, then SIGKILLs itself. In the environment: ``KILLS`` the file that
remembers, ``POINTS`` the checkpoints and ``TIMES`` how often to die at each, ``SPARED`` how many checkpoints a life
passes at least and at most before it may end, so that work gets done between the deaths, ``SEED`` of every choice,
``MUTANT`` a fault to put into the product, for the judge to find.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from kiosk import config, create_app
from kiosk.orders.effects import LANES
from kiosk.payments.alipay import AlipayChannel
from kiosk.worker import checkpoints, health
from kiosk.worker import main as worker
from kiosk.worker.effects import HANDLERS
from kiosk.worker.outcomes import Failed, Outcome
from tests.kill.money_mutants import MUTANTS

RARE = ("refund", "pos.void", "ca.revoke")  # these come too seldom to be spared
GRACE = timedelta(seconds=10)  # a code of the simulated Alipay dies at its expiry
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


def live(kills: Path, wanted: list[str], seed: str, least: int, most: int) -> None:
    """One life."""
    spared, lock = [random.Random(seed).randint(least, most)], threading.Lock()

    def hook(name: str) -> None:
        with lock:
            spared[0] -= 1
            if name in wanted and (spared[0] < 0 or name.partition(":")[0] in RARE):
                with kills.open("a") as file:
                    file.write(name + "\n")
                os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.hook = hook


def main() -> int:
    kills = Path(os.environ["KILLS"])
    points, times, seed = os.environ["POINTS"].split(), int(os.environ["TIMES"]), os.environ["SEED"]
    least, most = map(int, os.environ["SPARED"].split())
    for kind in [kind for kind, lane in LANES.items() if lane in ("paper", "post")]:
        HANDLERS.pop(kind)  # papers and messages are another test's matter
    health.EVERY = health.SOON = 600.0
    AlipayChannel.unseen_grace = GRACE
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
            live(kills, [name for name in points if died[name] < times], f"{seed}:{died.total()}", least, most)
            os._exit(worker.main(app))
        _, status = os.waitpid(child, 0)
        child = 0
        if not os.WIFSIGNALED(status) and not stopping:
            sys.stderr.write(f"the worker ended by itself: {status}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
