"""The worker process: one for each kiosk (a file lock keeps it so), one thread for each lane."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from flask import Flask

from kiosk import notify_systemd
from kiosk.orders.book import House
from kiosk.worker import health, retention
from kiosk.worker.alarms import Alarms
from kiosk.worker.clerk_card import CardDesk
from kiosk.worker.effects import HANDLERS
from kiosk.worker.engine import Engine
from kiosk.worker.pins import Pins, PinServer
from kiosk.worker.uplink import Uplink
from kiosk.worker.world import World

log = logging.getLogger("kiosk.worker")


class AlreadyRunning(Exception):
    """Another worker holds this kiosk's lock."""


def take_lock(run: Path) -> int:
    """Hold ``run/worker.lock`` for as long as this process lives; raises :class:`AlreadyRunning`."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(run / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise AlreadyRunning(str(run)) from error
    return handle


def running(run: Path) -> bool:
    """Whether a worker holds the lock."""
    try:
        os.close(take_lock(run))
    except AlreadyRunning:
        return True
    return False


def main(app: Flask) -> int:
    """Run until SIGTERM or SIGINT. Prints ``ready`` once effects are taken."""
    house: House = app.extensions["house"]
    lock = take_lock(house.settings.run)
    world, pins = World(house.settings), Pins()
    engine = Engine(app, house, world, pins, HANDLERS)
    desk = CardDesk(app, house, world) if house.settings.devices.clerk_card_module else None
    server = PinServer(house.settings.run / "worker.sock", pins, engine.nudge, desk.put if desk else None)
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()
        engine.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    doubtful = engine.recover()
    if doubtful:
        log.warning("%d effects were under way at the last stop; asking what became of them", doubtful)
    server.start()
    threads = [threading.Thread(target=engine.run_lane, args=(lane,), name=lane, daemon=True) for lane in engine.lanes]
    threads.append(threading.Thread(target=engine.watch_queue, name="queue", daemon=True))
    uplink = Uplink(app, engine.nudge, lambda: os.kill(os.getpid(), signal.SIGTERM))
    threads.append(threading.Thread(target=uplink.run, args=(stopped,), name="uplink", daemon=True))
    threads.append(threading.Thread(target=health.watch, args=(app, world, stopped), name="health", daemon=True))
    alarms = Alarms(app, house, world)
    threads.append(threading.Thread(target=alarms.run, args=(stopped,), name="alarms", daemon=True))
    threads.append(threading.Thread(target=retention.watch, args=(app, house, stopped), name="retention", daemon=True))
    if desk:
        threads.append(threading.Thread(target=desk.run, args=(stopped,), name="clerk card", daemon=True))
    for thread in threads:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    notify_systemd.notify("READY=1")
    pulse = notify_systemd.Pulse()
    while not stopped.wait(0.5):
        pulse.beat(lambda: all(thread.is_alive() for thread in threads))
    notify_systemd.notify("STOPPING=1")
    for thread in threads:
        thread.join(timeout=5)
    server.close()
    world.close()
    os.close(lock)
    return 0
