"""A whole kiosk in a folder of its own, for tests that look at it from outside."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from kiosk import config
from kiosk.supervise import Part, Supervisor, free_port
from kiosk.walk import Customer

LINE = httpx.Client(trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0))
"""To everything on this machine. Each client reads all certificates it would trust: that costs more than a test."""

KILLER = """
import os, signal, sys, runpy
from kiosk.worker import checkpoints
wanted, left = sys.argv[1], [int(sys.argv[2])]
def hook(name):
    if name == wanted:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
checkpoints.hook = hook
sys.argv = ["kiosk.worker"]
runpy.run_module("kiosk.worker", run_name="__main__")
"""


def prepare(home: Path) -> Path:
    """A home that has been set up: database, CA, demo UKeys."""
    environ = {**os.environ, "KIOSK_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "setup"], env=environ, check=True, timeout=120)
    return home


class Running:
    """Simulators, worker and web of one kiosk. ``template`` is a prepared home to copy."""

    def __init__(self, home: Path, template: Path | None = None, **settings: Any) -> None:
        if template is not None:
            shutil.copytree(template, home, dirs_exist_ok=True, symlinks=True)
        self.home, self.more = home, settings
        self.customers: list[Customer] = []
        self.worker: Part | None = None
        self.web: Part | None = None
        self._choose_ports()

    def _choose_ports(self) -> None:
        self.port = free_port()
        self.settings = config.load({}, home=str(self.home), port=self.port, **self.more)
        self.supervisor = Supervisor(self.settings)
        self.supervisor.environ |= {"KIOSK_PORT": str(self.port)}
        for key, value in self.more.items():
            self.supervisor.environ[f"KIOSK_{key.upper()}"] = str(value)

    def __enter__(self) -> Self:
        for left in (2, 1, 0):
            try:
                self._start_all()
                return self
            except SystemExit:  # a port that was free a moment ago went to somebody else
                self.supervisor.stop()
                if not left:
                    raise
                self._choose_ports()
            except BaseException:
                self.supervisor.stop()
                raise
        raise AssertionError("three tries end above")

    def _start_all(self) -> None:
        self.supervisor.simulators()
        self.start_worker()
        self.start_web()

    def __exit__(self, *_: object) -> None:
        for customer in self.customers:
            customer.close()
        self.supervisor.stop()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- processes -------------------------------------------------------------------------------

    def start_worker(self, kill_at: str = "", times: int = 1) -> Part:
        """The worker; with ``kill_at`` it dies by SIGKILL when it reaches that checkpoint for the ``times``-th time."""
        command = [sys.executable, "-m", "kiosk.worker"]
        if kill_at:
            command = [sys.executable, "-c", KILLER, kill_at, str(times)]
        self.worker = self._start("worker", command, says_ready=True)
        assert self.worker.ready.wait(60), self.worker.log.read_text()[-2000:]
        return self.worker

    def start_web(self) -> Part:
        self.web = self._start("web", [sys.executable, "-m", "kiosk.serve"], says_ready=False)
        self.supervisor.wait_for_web()
        return self.web

    def _start(self, name: str, command: list[str], says_ready: bool) -> Part:
        self.supervisor.parts = [part for part in self.supervisor.parts if part.name != name]
        environ = self.supervisor.environ
        part = Part(name, command, environ, self.supervisor.logs / f"{name}.log", says_ready=says_ready)
        part.start()
        self.supervisor.parts.append(part)
        return part

    def kill(self, part: Part | None) -> None:
        assert part is not None
        assert part.process is not None
        os.kill(part.process.pid, signal.SIGKILL)
        part.process.wait(10)

    def stop_worker(self) -> None:
        assert self.worker is not None
        self.worker.stop()
        self.worker.kill()

    # -- what the outside says -------------------------------------------------------------------

    def control(self, simulator: str, verb: str | None = None, **body: Any) -> dict[str, Any]:
        """A simulator's state or one of its verbs, past the kiosk."""
        part = next(part for part in self.supervisor.parts if part.name == simulator)
        base = f"http://127.0.0.1:{part.told['control']}"
        answer = LINE.post(f"{base}/{verb}", json=body) if verb else LINE.get(f"{base}/state")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def customer(self) -> Customer:
        """Somebody who stands there as long as the kiosk runs."""
        self.customers.append(Customer(self.base))
        return self.customers[-1]

    def flask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        return subprocess.run(
            command, env=self.supervisor.environ, capture_output=True, text=True, timeout=120, check=False
        )

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Rows of the kiosk's database, read from outside."""
        with sqlite3.connect(f"file:{self.settings.home / 'kiosk.sqlite'}?mode=ro", uri=True) as raw:
            return raw.execute(query, values).fetchall()


def eventually(look: Any, timeout: float = 30.0) -> Any:
    """The first true answer of ``look``; AssertionError after ``timeout`` seconds."""
    until = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
