"""``python -m kiosk.supervise``: everything a kiosk needs, started, watched and stopped together.

The simulated outside world (where the configuration wants it), the worker and the web process. A process that dies is
started
again, each time a little later; Ctrl-C or SIGTERM stops all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from kiosk import config

SIMULATORS = ("gateways", "id_reader", "scanner", "receipt_printer", "a4_printer", "ukeys", "pos", "sms", "hands")
READY = 60.0  # seconds a part may take to say that it is ready


@dataclass
class Part:
    """One process under supervision."""

    name: str
    command: list[str]
    environ: dict[str, str]
    log: Path
    says_ready: bool = True
    needed: bool = True
    process: subprocess.Popen[str] | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    told: dict[str, object] = field(default_factory=dict)
    starts: int = 0
    next_start: float = 0.0

    def start(self) -> None:
        self.starts += 1
        self.ready.clear()
        with self.log.open("a", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                self.command,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
                env=self.environ,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        if not self.says_ready:
            self.ready.set()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with self.log.open("a", encoding="utf-8") as out, process.stdout as lines:
            for line in lines:
                if line.startswith("ready") and not self.ready.is_set():
                    with contextlib.suppress(ValueError):
                        self.told = json.loads(line.removeprefix("ready") or "{}")
                    self.ready.set()
                out.write(line)

    def came_up(self) -> bool:
        """Wait until the part says it is ready; False when it died or took too long."""
        until = time.monotonic() + READY
        while time.monotonic() < until:
            if self.ready.wait(0.1):
                return True
            if self.process is None or self.process.poll() is not None:
                return False
        return False

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=5)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Supervisor:
    """Starts the parts in the right order and keeps them running."""

    def __init__(self, settings: config.Settings) -> None:
        self.settings = settings
        self.parts: list[Part] = []
        self.stopping = threading.Event()
        self.logs = settings.home / "log"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.environ = {**os.environ, "KIOSK_HOME": str(settings.home), "PYTHONUNBUFFERED": "1"}

    # -- the simulated outside --------------------------------------------------------------------

    def simulators(self) -> None:
        """Start all simulators side by side, wait for their word, and write their addresses down."""
        base = self.settings.home / "sim"
        parts = []
        for name in SIMULATORS:
            home = base / name
            home.mkdir(parents=True, exist_ok=True)
            control = str(free_port())  # chosen here, so that a part that is started again is found again
            command = [sys.executable, "-m", f"kiosk.simulators.{name}", "--control", control, "--home", str(home)]
            if name in ("id_reader", "pos"):
                command += ["--link", str(home / "port")]
            if name == "gateways":
                command += ["--early-bills"]  # the running day can be reconciled; real ones give its bill next day
            if name in ("gateways", "receipt_printer", "sms", "a4_printer"):
                command += ["--port", str(free_port())]
            part = Part(
                name, command, self.environ, self.logs / f"{name}.log", needed=name not in ("a4_printer", "pos", "sms")
            )
            part.start()
            parts.append(part)
        self.parts += parts
        for part in parts:
            if not part.came_up() and part.needed:
                raise SystemExit(f"the simulator {part.name} did not start; see {part.log}")
        self.write_addresses()

    def write_addresses(self) -> None:
        """``run/simulators.toml``: where each simulated device and gateway is."""
        base = self.settings.home / "sim"
        told = {part.name: part.told for part in self.parts if part.ready.is_set()}
        devices = {
            "id_card": str(base / "id_reader" / "port"),
            "pos": str(base / "pos" / "port") if "pos" in told else "",
            "scanner": str(told["scanner"].get("device", "pnm:0")),
            "scanner_config": str(told["scanner"].get("config_dir", base / "scanner")),
            "receipt_printer": str(
                told["receipt_printer"].get("address") or f"tcp://127.0.0.1:{told['receipt_printer']['port']}"
            ),
            "a4_printer": str(told.get("a4_printer", {}).get("uri", "")),
            "ukey_config": str(told["ukeys"].get("config", base / "ukeys" / "softhsm2.conf")),
            "blank_so_pin": str(told["ukeys"].get("so_pin", "")),
            "ukey_module": str(told["ukeys"].get("module", self.settings.devices.ukey_module)),
        }
        lines = [f"merchant = {json.dumps(str(told['gateways']['merchant']))}", "", "[devices]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in devices.items()]
        lines += ["", "[controls]"]
        lines += [f'{name} = "http://127.0.0.1:{facts["control"]}"' for name, facts in told.items()]
        lines.append(f'phone = "http://127.0.0.1:{told["gateways"]["port"]}"')
        if "sms" in told and "port" in told["sms"]:
            secret = told["sms"].get("secret", base / "sms" / "secret")
            lines += [
                "",
                "[sms]",
                f'base_url = "http://127.0.0.1:{told["sms"]["port"]}"',
                f"secret = {json.dumps(str(secret))}",
            ]
        target = self.settings.run / "simulators.toml"
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.write_text("\n".join(lines) + "\n", "utf-8")

    # -- the kiosk itself -------------------------------------------------------------------------

    def kiosk(self) -> None:
        for name, module, says in (("worker", "kiosk.worker", True), ("web", "kiosk.serve", False)):
            part = Part(name, [sys.executable, "-m", module], self.environ, self.logs / f"{name}.log", says_ready=says)
            part.start()
            self.parts.append(part)

    def wait_for_web(self) -> None:
        address = f"http://{self.settings.host}:{self.settings.port}/"
        until = time.monotonic() + READY
        while time.monotonic() < until and not self.stopping.is_set():
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise SystemExit(f"the web process did not start; see {self.logs / 'web.log'}")

    def watch(self) -> None:
        """Start again what died, until told to stop."""
        while not self.stopping.wait(0.3):
            for part in self.parts:
                if part.process is None or part.process.poll() is None:
                    continue
                if part.next_start == 0.0:
                    say(f"{part.name} ended ({part.process.returncode}); starting it again")
                    part.next_start = time.monotonic() + min(0.2 * 2 ** min(part.starts, 7), 20)
                elif time.monotonic() >= part.next_start:
                    part.next_start = 0.0
                    part.start()

    def stop(self) -> None:
        self.stopping.set()
        for part in reversed(self.parts):
            part.stop()
        for part in reversed(self.parts):
            part.kill()


def main() -> int:
    """Start, print the address, watch; 0 after an orderly stop."""
    settings = config.load()
    supervisor = Supervisor(settings)

    def stop(signum: int, frame: FrameType | None) -> None:
        supervisor.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    began = time.monotonic()
    try:
        if settings.simulators:
            say("starting the simulated devices and gateways ...")
            supervisor.simulators()
        supervisor.kiosk()
        supervisor.wait_for_web()
        worker = next(part for part in supervisor.parts if part.name == "worker")
        if not worker.came_up():
            raise SystemExit(f"the worker did not start; see {worker.log}")
        say(f"ready in {time.monotonic() - began:.1f} s: http://{settings.host}:{settings.port}/")
        if settings.simulators:
            say(f"play with the simulated world at http://{settings.host}:{settings.port}/bench")
        supervisor.watch()
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
