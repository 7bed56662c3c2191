"""What the worker knows of every device, gateway, the CA, the clock and the disk."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial

from flask import Flask
from sqlalchemy import delete, select

from kiosk.ca.connector import CaError
from kiosk.db import db, now, write
from kiosk.documents import fonts
from kiosk.hardware.errors import DeviceBusy, DeviceError
from kiosk.hardware.health import Health, Level
from kiosk.orders import money, standing
from kiosk.orders.models import DeviceHealth
from kiosk.worker.world import World

log = logging.getLogger("kiosk.worker")
EVERY = 20.0  # seconds between two rounds
SOON = 5.0  # and while the kiosk may not serve: what was mended is seen at once
LOW_DISK, NO_DISK = 1024**3, 200 * 1024**2

NEEDED = ("id_card", "scanner", "ukey", "receipt_printer", "ca", "clock", "disk", "papers")
"""Without these a kiosk may not serve; of the ways to pay one at least has to work."""


def probe(world: World) -> dict[str, Health]:
    """Ask every part once. Never raises."""
    parts: dict[str, Callable[[], Health]] = {
        "id_card": lambda: _device(world, "id_card"),
        "scanner": lambda: _device(world, "scanner"),
        "ukey": lambda: _device(world, "ukey"),
        "receipt_printer": lambda: _device(world, "receipt_printer"),
        "a4_printer": lambda: _device(world, "a4_printer"),
        "ca": lambda: _ca(world)[0],
        "clock": lambda: _ca(world)[1],
        "disk": lambda: _disk(world),
        "papers": _papers,
        **_ways(world),
    }
    if world.settings.devices.clerk_card_module:
        parts["clerk_card"] = lambda: _device(world, "clerk_card")
    found = {}
    for name, ask in parts.items():
        try:
            found[name] = ask()
        except DeviceBusy:
            found[name] = Health(Level.BUSY, "device_busy", "")
        except (DeviceError, CaError) as error:
            level = Level.UNKNOWN if error.code == "not_configured" else Level.FAILED
            found[name] = Health(level, error.code, "")
        except Exception as error:  # a broken part must not hide the others
            log.exception("health of %s", name)
            found[name] = Health(Level.UNKNOWN, "internal", type(error).__name__)
    return found


def may_serve(found: dict[str, Health]) -> bool:
    """Whether this kiosk may take customers."""
    good = (Level.FINE, Level.WARNING, Level.BUSY)
    payable = any(health.level in good for name, health in found.items() if money.is_way(name))
    return payable and all(name in found and found[name].level in good for name in NEEDED)


def _ways(world: World) -> dict[str, Callable[[], Health]]:
    """A look at each way to pay: both gateways, the operator's adapters, and the card terminals that are set up."""
    names = {"wechat", "alipay", *world.channels()}
    looks: dict[str, Callable[[], Health]] = {
        money.part_of(name): partial(_gateway, world, name) for name in sorted(names, reverse=True)
    }
    if world.settings.devices.pos:
        looks[money.part_of("pos")] = partial(_device, world, "pos", deadline=3)
    if world.settings.devices.window_pos:  # nothing to ask: a clerk confirms its slips
        looks[money.part_of("pos_manual")] = partial(Health, Level.FINE, "", "")
    return looks


def _device(world: World, name: str, deadline: float = 10) -> Health:
    child = getattr(world, name)
    health: Health = child.call("health", deadline=deadline)
    return health


def _ca(world: World) -> tuple[Health, Health]:
    skew = abs((world.ca.clock() - now()).total_seconds())
    if skew > world.settings.max_clock_skew:
        return Health(Level.FINE, "", ""), Health(Level.FAILED, "clock_skew", f"{skew:.0f} s")
    return Health(Level.FINE, "", ""), Health(Level.FINE, "", f"{skew:.1f} s")


def _gateway(world: World, name: str) -> Health:
    found = world.channel(name).probe()
    if not found.reachable:
        return Health(Level.FAILED, "gateway_unreachable", found.reason or "")
    if abs(found.skew_seconds or 0) > 300:
        return Health(Level.FAILED, "clock_skew", f"{found.skew_seconds:.0f} s")
    return Health(Level.FINE, "", "")


def _disk(world: World) -> Health:
    free = shutil.disk_usage(world.settings.home).free
    level = Level.FAILED if free < NO_DISK else Level.WARNING if free < LOW_DISK else Level.FINE
    return Health(level, "" if level == Level.FINE else "disk_full", f"{free // 1024**2} MB")


def _papers() -> Health:
    """The fonts, and the library without which a page takes twenty seconds."""
    code, detail = fonts.installed()
    return Health(Level.FAILED if code else Level.FINE, code, detail)


def keep(found: dict[str, Health]) -> None:
    """Store one round; needs an app context."""
    with write() as session:
        session.execute(delete(DeviceHealth).where(DeviceHealth.name.not_in(found)))  # parts that were taken away
        for name, health in found.items():
            row = session.get(DeviceHealth, name) or DeviceHealth(name=name)
            row.level, row.code, row.detail, row.at = health.level, health.code, health.detail[:200], now()
            session.merge(row)


def watch(app: Flask, world: World, stopped: threading.Event) -> None:
    """Probe round after round until told to stop; what a self-test found is journalled."""
    asked = False
    while not stopped.is_set():
        with app.app_context():
            before = {row.name: row.level for row in db.session.scalars(select(DeviceHealth))}
            db.session.rollback()
            found = probe(world)
            keep(found)
            if asked:
                body = {"before": before, "after": {name: str(health.level) for name, health in found.items()}}
                with write() as session:
                    app.extensions["house"].log(session, "kiosk.self_tested", body)
        asked = _pause(app, stopped, EVERY if may_serve(found) else SOON)


def _pause(app: Flask, stopped: threading.Event, seconds: float) -> bool:
    """Wait for the next round; a self-test that is asked for cuts it short (True)."""
    since, until = now(), time.monotonic() + seconds
    while not stopped.wait(1.0) and time.monotonic() < until:
        with app.app_context():
            if standing.self_test_asked(db.session(), since):
                return True
    return False


def fresh(wait: float = 15.0) -> dict[str, Health]:
    """What a running worker found at its last round; waits for one that is not older than two rounds."""
    until = time.monotonic() + wait
    while True:
        db.session.rollback()
        rows = db.session.scalars(select(DeviceHealth)).all()
        limit = now() - dt.timedelta(seconds=2 * EVERY)
        if rows and all(row.at >= limit for row in rows):
            return {row.name: Health(Level(row.level), row.code, row.detail) for row in rows}
        if time.monotonic() > until:
            stale = Health(Level.UNKNOWN, "worker_silent", "")
            return {row.name: stale for row in rows} or {"worker": stale}
        time.sleep(0.2)
