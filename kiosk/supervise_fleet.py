"""``python -m kiosk.supervise_fleet``: a whole fleet on one machine, for trying out: a centre on its own PostgreSQL and
kiosks with their simulated worlds, paired and reporting. Ctrl-C stops all.

Everything lies in one folder and is made at the first start; accounts get random passwords, kept beside it for its
owner alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

from flask import Flask

from kiosk import config, create_app
from kiosk.db import db, write
from kiosk.fleet.postgres import Cluster, NoPostgres, lasting_folder
from kiosk.orders import clerks
from kiosk.orders.book import House
from kiosk.supervise import Part, say

HALL = "yiyang"
STAFF = {
    "admin": ("admin", "auditor", "finance"),
    "admin.two": ("admin",),
    "reviewer": ("reviewer",),
    "reviewer.two": ("reviewer",),
}
ACCOUNTS = "accounts.txt"
SETUP, READY, STOP = 300.0, 120.0, 40.0  # seconds


class Fleet:
    """The centre and its kiosks below ``folder``; ``port`` is the centre's, the kiosks' follow."""

    def __init__(self, folder: Path, kiosks: int, port: int, every: float = 2.0) -> None:
        self.folder, self.port = folder.absolute(), port
        self.names = [f"K{number:03d}" for number in range(1, kiosks + 1)]
        self.centre_home = self.folder / "centre"
        self.every = every
        self.cluster = Cluster(lasting_folder(self.centre_home))
        self.centre: Part | None = None
        self.parts: list[Part] = []
        self.stopping = threading.Event()

    # -- addresses --------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kiosk_port(self, name: str) -> int:
        return self.port + 1 + self.names.index(name)

    def home(self, name: str) -> Path:
        return self.folder / name

    def environ(self, home: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KIOSK_")}
        return {**kept, "KIOSK_HOME": str(home), "PYTHONUNBUFFERED": "1"}

    # -- making -----------------------------------------------------------------------------------

    def write_settings(self) -> None:
        """``kiosk.toml`` of everybody, written anew at each start: ports may have changed."""
        centre = {"role": "centre", "kiosk_id": "C001", "port": self.port, "database": self.cluster.url("centre")}
        self._settings(
            self.centre_home,
            {**centre, "threads": 8, "hall": "centre", "hall_name": "CA 自助服务中心", "simulators": False},
        )
        for name in self.names:
            facts = {"kiosk_id": name, "port": self.kiosk_port(name), "hall": HALL, "simulators": True}
            self._settings(self.home(name), facts, f"\n[fleet]\nevery = {self.every}\n")

    @staticmethod
    def _settings(home: Path, facts: dict[str, object], more: str = "") -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shown = {True: "true", False: "false"}
        lines = [
            f"{name} = {shown[value] if isinstance(value, bool) else value if isinstance(value, int) else repr(value)}"
            for name, value in facts.items()
        ]
        (home / "kiosk.toml").write_text("\n".join(lines) + "\n" + more, "utf-8")

    def set_up(self) -> None:
        """Databases, CAs and demo UKeys of everybody, side by side."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "setup"]
        running = [
            (home, subprocess.Popen(command, env=self.environ(home), stdout=subprocess.DEVNULL))
            for home in (self.centre_home, *map(self.home, self.names))
        ]
        for home, process in running:
            if process.wait(SETUP):
                raise SystemExit(f"{home.name} could not be set up")

    def people(self) -> None:
        """Accounts of the centre with random passwords, made once."""
        target = self.folder / ACCOUNTS
        if target.exists():
            return
        app = self._app()
        lines = []
        with app.app_context():
            house: House = app.extensions["house"]
            for name, roles in STAFF.items():
                password = secrets.token_urlsafe(12)
                with write() as session:
                    _, otpauth = clerks.add(session, house, name, name, password, roles)
                secret = parse_qs(urlsplit(otpauth).query)["secret"][0]
                lines.append(f"{name}\t{password}\t{secret}")
            db.session.remove()
            db.engine.dispose()
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write("# name, password, secret of the one-time code (TOTP)\n" + "\n".join(lines) + "\n")

    def _app(self) -> Flask:
        return create_app(config.load({}, home=str(self.centre_home)))

    def pair(self) -> None:
        """Every kiosk that is not paired yet, by code, as its operator would do it."""
        for name in self.names:
            if (self.home(name) / "secrets" / "fleet.key").exists():
                continue
            code = self.flask(self.centre_home, "fleet", "invite", name, "--hall", HALL).strip()
            self.flask(self.home(name), "fleet", "pair", "--centre", self.address, typed=code + "\n")

    def flask(self, home: Path, *words: str, typed: str = "") -> str:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        done = subprocess.run(
            command, env=self.environ(home), input=typed, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise SystemExit(f"{home.name}: {' '.join(words)}: {done.stderr[-500:]}")
        return done.stdout

    # -- running ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything, in order; returns when every page answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.cluster.start()
        self.cluster.make("centre")
        self.write_settings()
        self.set_up()
        self.people()
        self.start_centre()
        self.pair()
        self._start("notices", self.centre_home, "flask", "--app", "wsgi", "notices", "run", log="notices")
        for name in self.names:
            self._start(name, self.home(name), "kiosk.supervise")
        for part in self.parts:
            if part is not self.centre and not part.came_up():
                raise SystemExit(f"{part.name} did not start; see {part.log}")

    def start_centre(self) -> None:
        self.centre = self._start("centre", self.centre_home, "kiosk.serve", log="web", says=False)
        until, address = time.monotonic() + READY, f"http://127.0.0.1:{self.port}/"
        while time.monotonic() < until and not self.stopping.is_set():
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise SystemExit(f"the centre did not start; see {self.centre.log}")

    def _start(self, name: str, home: Path, *module: str, log: str = "supervise", says: bool = True) -> Part:
        (home / "log").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", *module]
        part = Part(name, command, self.environ(home), home / "log" / f"{log}.log", says_ready=says)
        part.start()
        self.parts = [*(one for one in self.parts if one.name != name), part]
        return part

    def watch(self) -> None:
        """Start again what died, until told to stop."""
        while not self.stopping.wait(0.5):
            for part in self.parts:
                if part.process is not None and part.process.poll() is not None:
                    say(f"{part.name} ended ({part.process.returncode}); starting it again")
                    self.stopping.wait(min(0.5 * 2 ** min(part.starts, 6), 20))
                    part.start()

    def stop(self) -> None:
        """Kiosks first, then the centre, then its database. A kiosk stops its own parts, so it is given time."""
        self.stopping.set()
        kiosks = [part for part in self.parts if part is not self.centre]
        for part in kiosks:
            part.stop()
        until = time.monotonic() + STOP
        for part in kiosks:
            if part.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.process.wait(max(until - time.monotonic(), 0.1))
        for part in self.parts:
            part.stop()
        for part in self.parts:
            part.kill()
        self.cluster.stop()


def main() -> int:
    """Start, print the addresses, watch; 0 after an orderly stop."""
    parser = argparse.ArgumentParser(prog="python -m kiosk.supervise_fleet", description="A centre and its kiosks")
    parser.add_argument("--home", type=Path, default=Path("var/fleet"))
    parser.add_argument("--kiosks", type=int, default=3, choices=range(1, 10))
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    fleet = Fleet(options.home, options.kiosks, options.port)

    def stop(signum: int, frame: FrameType | None) -> None:
        fleet.stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    began = time.monotonic()
    try:
        say("starting PostgreSQL, the centre and the kiosks (about a minute the first time) ...")
        fleet.start()
        say(f"ready in {time.monotonic() - began:.1f} s")
        say(f"centre  {fleet.address}/admin   accounts: {fleet.folder / ACCOUNTS}")
        for name in fleet.names:
            say(f"{name}    http://127.0.0.1:{fleet.kiosk_port(name)}/   bench: /bench")
        fleet.watch()
    except KeyboardInterrupt:
        say("stopping ...")
    except NoPostgres as error:
        raise SystemExit(str(error)) from error
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fleet.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
