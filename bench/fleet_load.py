"""1,000 kiosks' heartbeats and pushes against one web process of the centre."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask_migrate import upgrade
from sqlalchemy import insert

from kiosk import config, create_app
from kiosk.db import db, now, today, write
from kiosk.fleet import signing, wire
from kiosk.fleet.models import FleetKiosk, FleetStatus
from kiosk.fleet.postgres import Cluster
from kiosk.journal import Event
from kiosk.journal.chain import START, digest
from kiosk.supervise import free_port

CALLERS = 8  # connections at a time
WARM = 100
EVENTS = 12
PARTS = ("id_card", "scanner", "ukey", "receipt_printer", "a4_printer", "ca", "clock", "wechat", "alipay", "disk")


@dataclass
class Simulated:
    """One kiosk's credential and where its chain stands."""

    name: str
    key: Ed25519PrivateKey
    counter: int = 0
    seq: int = 0
    prev: str = START
    orders: int = 0

    def request(self, events: list[wire.Told]) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the next report."""
        self.counter += 1
        report = wire.Report(now=1, epoch=1, heartbeat=HEARTBEAT, events=events)
        body = report.model_dump_json().encode()
        signer = signing.Signer(self.name, "0" * 16, self.key)
        return body, signer.headers("POST", f"{wire.API}/sync", self.counter, body)

    def order(self) -> list[wire.Told]:
        """One order from its opening to its end: 12 events."""
        self.orders += 1
        number = f"{self.name}{today():%y%m%d}1{self.orders:05d}"
        out = [self._event(number, "order.opened", {"scheme": "yiyang", "service": "renew", "kind": "unit"})]
        out += [self._event(number, "step.done", {"step": f"step-{n}"}) for n in range(5)]
        out += [self._event(number, "order.moved", {"from": "draft", "to": "paying", "note": None})]
        out += [self._event(number, "payment.started", {"channel": "wechat", "amount": 20000})]
        out += [self._event(number, "payment.moved", {"to": "succeeded", "amount": 20000})]
        return out + [self._event(number, "order.moved", {"to": to}) for to in ("paid", "writing", "done")]

    def _event(self, number: str, kind: str, body: dict[str, Any]) -> wire.Told:
        self.seq += 1
        facts: dict[str, Any] = {"seq": self.seq, "at": now(), "order_no": number, "kind": kind, "body": body}
        event = Event(kiosk=self.name, epoch=1, prev=self.prev, **facts)
        told = wire.Told(prev=self.prev, hash=digest(event), **facts)
        self.prev = told.hash
        return told


_HEALTH = wire.PartHealth(level="fine", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
HEARTBEAT = wire.Heartbeat(
    version="0.1.0",
    parts=dict.fromkeys(PARTS, _HEALTH),
    stock=wire.StockTold(left=80, received=100, used=18, spoilt=2, level=20),
    today={"done": 12, "paid": 2},
)


@dataclass
class Race:
    """Requests made ready beforehand, sent by a few connections; every answer must be 200."""

    port: int
    work: list[tuple[bytes, dict[str, str]]]
    taken: list[float] = field(default_factory=list)
    bad: list[tuple[int, bytes]] = field(default_factory=list)

    def run(self) -> dict[str, float]:
        threads = [threading.Thread(target=self._lane, args=(lane,)) for lane in range(CALLERS)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        if self.bad:
            raise SystemExit(f"the centre answered {self.bad[0]} ({len(self.bad)} times)")
        self.taken.sort()
        p50, p95, p99 = (self.taken[int(len(self.taken) * share)] * 1000 for share in (0.5, 0.95, 0.99))
        return {"per_s": len(self.taken) / seconds, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}

    def _lane(self, lane: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body, headers in self.work[lane::CALLERS]:
            began = time.perf_counter()
            line.request("POST", f"{wire.API}/sync", body, headers)
            answer = line.getresponse()
            read = answer.read()
            self.taken.append(time.perf_counter() - began)
            if answer.status != 200 or json.loads(read)["fault"]:
                self.bad.append((answer.status, read[:200]))
        line.close()


def _fleet(cluster: Cluster, home: Path, kiosks: int) -> tuple[str, list[Simulated]]:
    """A centre that has paired that many kiosks."""
    database = cluster.make("load")
    values = {"role": "centre", "kiosk_id": "C001", "simulators": False, "database": database}
    app = create_app(config.load({}, home=str(home), **values))
    made = [Simulated(f"K{number:04d}", Ed25519PrivateKey.generate()) for number in range(kiosks)]
    with app.app_context():
        upgrade()
        with write() as session:
            rows = [
                {
                    "kiosk": one.name,
                    "hall": f"hall{position % 50:02d}",
                    "credential": "0" * 16,
                    "public_key": one.key.public_key().public_bytes_raw(),
                }
                for position, one in enumerate(made)
            ]
            session.execute(insert(FleetKiosk), rows)
            session.execute(insert(FleetStatus), [{"kiosk": one.name} for one in made])
        db.session.remove()
        db.engine.dispose()
    return database, made


def load(cluster: Cluster, folder: Path, kiosks: int, requests: int) -> dict[str, Any]:
    """Requests a second and their times, heartbeats and pushes."""
    home, port = folder / "centre", free_port()
    database, fleet = _fleet(cluster, home, kiosks)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIOSK_")}
    environ = {**kept, "KIOSK_HOME": str(home), "KIOSK_ROLE": "centre", "KIOSK_KIOSK_ID": "C001"}
    environ |= {"KIOSK_DATABASE": database, "KIOSK_PORT": str(port), "KIOSK_SIMULATORS": "false", "KIOSK_THREADS": "8"}
    with subprocess.Popen(
        [sys.executable, "-m", "kiosk.serve"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as centre:
        try:
            _wait(port)
            Race(port, [one.request([]) for one in fleet[:WARM]]).run()
            pids = (centre.pid, cluster.pid() or 0)
            heartbeats = _measured(pids, port, [fleet[n % kiosks].request([]) for n in range(requests)])
            pushes = _measured(pids, port, [_push(fleet[n % kiosks]) for n in range(requests * 3 // 4)])
        finally:
            centre.terminate()
            centre.wait(20)
    pushes["events_per_s"] = round(pushes["per_s"] * EVENTS, 1)
    return {"kiosks": kiosks, "connections": CALLERS, "heartbeats": heartbeats, "pushes": pushes}


def _measured(pids: tuple[int, int], port: int, work: list[tuple[bytes, dict[str, str]]]) -> dict[str, float]:
    """Times, and CPU milliseconds a request in the web process and in PostgreSQL: these hold on a busy machine too."""
    before = [_cpu_ms(pid) for pid in pids]
    found = Race(port, work).run()
    web, postgres = ((_cpu_ms(pid) - old) / len(work) for pid, old in zip(pids, before, strict=True))
    found |= {"web_cpu_ms": web, "postgres_cpu_ms": postgres, "per_s_of_two_idle_cores": 2000 / (web + postgres)}
    return {key: round(value, 2) for key, value in found.items()}


def _push(one: Simulated) -> tuple[bytes, dict[str, str]]:
    return one.request(one.order())


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _cpu_ms(pid: int) -> float:
    """CPU time of a process and its children, living and ended."""
    total, ticks = 0, os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = entry.read_text().split(" ", 1)
        except OSError:
            continue
        fields = rest.rsplit(")", 1)[1].split()
        if int(number) == pid:
            total += sum(int(value) for value in fields[11:15])
        elif int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total * 1000 / ticks
