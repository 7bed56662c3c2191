"""pcscd of our own with a virtual reader, OpenSC on top, and the simulated card in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.hardware.child import Child
from kiosk.simulators.ukey_card import Card
from tests.hardware.ukey_parts import PIN

PUK = "8765432187654321"
SERIAL = "00112233"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
MODULES = [Path(f"/usr/lib/{name}/opensc-pkcs11.so") for name in ("x86_64-linux-gnu", "aarch64-linux-gnu")]
PATIENCE = 10.0
OPENSC = """app default {
  card_drivers = isoApplet;
  framework pkcs15 { use_file_caching = no; }
}
app opensc-pkcs11 { pkcs11 { user_pin_unblock_style = set_pin_in_unlogged_session; } }
"""


def _free_ports() -> int:
    """The first of two neighbouring free ports: the virtual reader has two slots."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                two.bind(("127.0.0.1", port + 1))
                return port


class Pcsc:
    """pcscd in a mount namespace: its socket's place is compiled in, so a private folder is mounted there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_ports()
        self.folder = home / "pcscd"
        self.socket = self.folder / "pcscd.comm"
        readers = home / "readers"
        self.folder.mkdir()
        readers.mkdir()
        place = f"{self.port:#x}"
        reader = f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{place}\nLIBPATH {DRIVER}\nCHANNELID {place}\n'
        (readers / "vpcd").write_text(reader)
        (home / "opensc.conf").write_text(OPENSC)
        self._readers = readers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        mount = 'mkdir -p /run/pcscd && mount --bind "$0" /run/pcscd && exec pcscd --foreground --config "$1"'
        command = ["unshare", "--mount", "sh", "-c", mount, str(self.folder), str(self._readers)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                pytest.skip("pcscd cannot be started here")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as knock, socket.socket() as reader:
            try:
                knock.connect(str(self.socket))
                reader.connect(("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        path = os.environ.get("PATH", "/usr/bin:/bin")
        return {"PATH": path, "PCSCLITE_CSOCK_NAME": str(self.socket), "OPENSC_CONF": str(self.home / "opensc.conf")}

    def card_name(self) -> str:
        """Wait until pcscd has noticed the card; what OpenSC takes it for. (``--wait`` misses a card just put in.)"""
        until = time.monotonic() + PATIENCE
        command = ["opensc-tool", "--reader", "0", "--name"]
        while True:
            done = subprocess.run(command, env=self.environment(), capture_output=True, timeout=30, check=False)
            if done.returncode == 0:
                return done.stdout.decode()
            assert time.monotonic() < until, done.stderr
            time.sleep(0.05)

    def run(self, *command: str) -> str:
        """A tool of OpenSC's, looking at this pcscd."""
        done = subprocess.run(command, env=self.environment(), capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("utf-8", "replace")


class CardDesk:
    """The card, the reader and the driver in its own process."""

    def __init__(self, pcsc: Pcsc, home: Path) -> None:
        self.pcsc = pcsc
        self.card = Card(home, pcsc.port)
        self.memory = home / "card.json"
        self.module = next(path for path in MODULES if path.exists())
        self.options = {
            "module": str(self.module),
            "config": str(pcsc.home / "opensc.conf"),
            "pcsc_socket": str(pcsc.socket),
            "unlock_style": "puk",
        }
        self.child = Child("ukey", "kiosk.hardware.ukey:UKeyReader", self.options)

    def close(self) -> None:
        self.child.close()
        self.card.remove()

    def call(self, method: str, **keywords: Any) -> Any:
        return self.child.call(method, deadline=60, **keywords)

    def insert(self) -> None:
        """Insert the card and wait until the driver sees it."""
        self.card.insert()
        self._until(1)

    def remove(self) -> None:
        """Pull the card and wait until the driver misses it."""
        self.card.remove()
        self._until(0)

    def _until(self, count: int) -> None:
        until = time.monotonic() + PATIENCE
        while len(self.call("tokens")) != count:
            assert time.monotonic() < until, "the reader did not notice"
            time.sleep(0.02)

    def personalise(self) -> None:
        """What the maker does: a PKCS#15 structure, PIN and PUK."""
        self.card.insert()
        self.pcsc.card_name()
        command = ["pkcs15-init", "--reader", "0", "--create-pkcs15", "--profile", "pkcs15+onepin", "--label", "UKEY"]
        self.pcsc.run(*command, "--pin", PIN, "--puk", PUK, "--serial", SERIAL)
        self._until(1)


@contextlib.contextmanager
def running(home: Path) -> Iterator[Pcsc]:
    """A started pcscd; skips the test where the parts are missing."""
    tools = ("pcscd", "unshare", "pkcs15-init")
    if not DRIVER.exists() or not any(path.exists() for path in MODULES) or not all(map(shutil.which, tools)):
        pytest.skip("pcscd, vsmartcard-vpcd or opensc is not installed")
    pcsc = Pcsc(home)
    pcsc.start()
    try:
        yield pcsc
    finally:
        pcsc.stop()
