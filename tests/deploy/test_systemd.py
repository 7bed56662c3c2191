"""The units are well-formed and tight, and the processes tell systemd the truth."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import notify_systemd
from kiosk.supervise import free_port
from tests.deploy.conftest import DEPLOY

UNITS = DEPLOY / "systemd"
needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@needs_analyze
def test_units_are_well_formed() -> None:
    told = analyze("verify", "--man=no", *map(str, sorted(UNITS.glob("ca-kiosk*"))))
    not_installed_here = re.compile(
        r"Command /(opt/ca-kiosk/\S+|usr/s?bin/(cage|nginx)) is not executable: No such file"
    )
    left = [line for line in told.splitlines() if "ca-kiosk" in line and not not_installed_here.search(line)]
    assert left == []


@needs_analyze
def test_verify_sees_a_wrong_word(tmp_path: Path) -> None:
    unit = tmp_path / "ca-kiosk-web.service"
    unit.write_text((UNITS / unit.name).read_text("utf-8").replace("ProtectClock=", "ProtectClok="), "utf-8")
    assert "ProtectClok" in analyze("verify", "--man=no", str(unit))


@needs_analyze
@pytest.mark.parametrize(("name", "most"), [("web", 1.5), ("worker", 1.6), ("front", 1.5), ("screen", 5.0)])
def test_exposure(name: str, most: float) -> None:
    told = analyze("security", "--offline=yes", str(UNITS / f"ca-kiosk-{name}.service"))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found, told
    assert float(found[1]) <= most


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


def test_notify(manager: socket.socket) -> None:
    assert notify_systemd.notify("READY=1", "STATUS=open")
    assert manager.recv(4096) == b"READY=1\nSTATUS=open"


def test_notify_to_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ca-kiosk-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert notify_systemd.notify("STOPPING=1")
        assert sock.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "tcp:1", "/nowhere/notify"])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify_systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("60000000", None, 20.0), ("60000000", "1", None), ("0", None, None), ("x", None, None)],
)
def test_interval(monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, seconds: float | None) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    assert notify_systemd.interval() == seconds


def test_pulse_is_silent_when_something_is_dead(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    pulse = notify_systemd.Pulse()
    pulse.beat(lambda: False)
    pulse.beat(lambda: True)
    pulse.beat(lambda: True)  # not yet time for another
    assert manager.recv(4096) == b"WATCHDOG=1"
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def started(home: Path, prepared: Path, module: str, manager: socket.socket) -> subprocess.Popen[bytes]:
    shutil.copytree(prepared, home, ignore=shutil.ignore_patterns("sim"))
    environ = {**os.environ, "KIOSK_HOME": str(home), "KIOSK_PORT": str(free_port()), "KIOSK_SIMULATORS": "false"}
    environ |= {"WATCHDOG_USEC": "1500000", "NOTIFY_SOCKET": str(manager.getsockname())}
    environ.pop("WATCHDOG_PID", None)
    log = (home / "log").open("wb")
    with log:
        return subprocess.Popen([sys.executable, "-m", module], env=environ, stdout=log, stderr=log)


def test_the_web_says_ready_and_falls_silent_when_it_hangs(
    prepared_home: Path, tmp_path: Path, manager: socket.socket
) -> None:
    process = started(tmp_path / "home", prepared_home, "kiosk.serve", manager)
    try:
        assert manager.recv(4096) == b"READY=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        process.send_signal(signal.SIGSTOP)
        quiet_for(manager, 3.0)
    finally:
        process.kill()
        process.wait(10)


def quiet_for(manager: socket.socket, seconds: float) -> None:
    """Nothing more arrives, after what was on its way."""
    time.sleep(0.2)
    manager.setblocking(False)
    try:
        while True:
            manager.recv(4096)
    except BlockingIOError:
        pass
    manager.settimeout(seconds)
    with pytest.raises(TimeoutError):
        manager.recv(4096)


def test_the_worker_says_ready_alive_and_stopping(prepared_home: Path, tmp_path: Path, manager: socket.socket) -> None:
    process = started(tmp_path / "home", prepared_home, "kiosk.worker", manager)
    try:
        assert manager.recv(4096) == b"READY=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        process.terminate()
        last = [manager.recv(4096)]
        while last[-1] == b"WATCHDOG=1":
            last.append(manager.recv(4096))
        assert last[-1] == b"STOPPING=1"
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)
