"""What the driver costs: a certificate's whole way onto a UKey through Child, against the same work in bare C.

``python -m bench.bench_ukey [--rounds N]`` prints one JSON line. Both run in turns on fresh copies of one token in
memory: P-256 pair, signed request, certificate, 8 KB seal, both read back, one more signature as proof. The C program
does it in one session of one process; the driver in five calls to another process, each with its own login, as the
worker does. ``ratio``: median of the paired ratios. ``ratio_without_logins``: the same less four of the five logins,
which are there by design (no session outlives a call); this one is to stay at or below ``goal``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from kiosk.hardware.child import Child
from kiosk.simulators.ukeys_drawer import Drawer
from tests.hardware.ukey_parts import PIN, SO_PIN, SUBJECT, issue, new_id

SEAL = os.urandom(8192)
C_SOURCE = Path(__file__).with_name("bench_ukey_raw.c")
GOAL = 2.5


class Slot:
    """A slot whose only token is a fresh copy of a blank one."""

    def __init__(self, home: Path) -> None:
        self.drawer = Drawer(home)
        made = self.drawer.create("bench", "BENCH", PIN, SO_PIN)
        self.serial = made["serial"]
        self.template = home / "drawer" / "bench" / made["folder"]
        self.token = self.drawer.slot / made["folder"]

    def fresh(self) -> None:
        shutil.rmtree(self.token, ignore_errors=True)
        shutil.copytree(self.template, self.token)


def ours(child: Child, serial: str, certificates: list[bytes]) -> float:
    """One write through the driver, in ms. The CA's own time is not counted."""
    on = {"serial": serial, "pin": PIN, "key_id": new_id()}
    begin = time.perf_counter()
    child.call("generate", deadline=30, algorithm="p256", **on)
    request = child.call("request", deadline=30, subject=SUBJECT, **on)
    taken = time.perf_counter() - begin
    certificates.append(issue(request))
    begin = time.perf_counter()
    child.call("write_certificate", deadline=30, cert_der=certificates[-1], **on)
    child.call("write_object", deadline=30, serial=serial, pin=PIN, label="seal", data=SEAL)
    child.call("prove_key", deadline=30, cert_der=certificates[-1], **on)
    return (taken + time.perf_counter() - begin) * 1000


def login(child: Child, serial: str) -> float:
    """One call that only logs in, in ms."""
    begin = time.perf_counter()
    child.call("prove_pin", deadline=30, serial=serial, pin=PIN)
    return (time.perf_counter() - begin) * 1000


class RawC:
    """The compiled program: one line in, one sequence, its milliseconds out."""

    def __init__(self, folder: Path, drawer: Drawer) -> None:
        program = folder / "raw"
        subprocess.run(["gcc", "-O2", "-Wall", "-o", program, C_SOURCE, "-ldl"], check=True)
        environment = {**os.environ, "SOFTHSM2_CONF": str(drawer.config)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [program, drawer.module, PIN], env=environment, stdin=pipe, stdout=pipe, text=True
        )

    def run(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        slot = Slot(Path(name))
        raw = RawC(Path(name), slot.drawer)
        certificates: list[bytes] = []
        pairs, logins = [], []
        options = {"module": slot.drawer.module, "config": str(slot.drawer.config)}
        with Child("ukey", "kiosk.hardware.ukey:UKeyReader", options) as child:
            for turn in range(rounds + 3):
                slot.fresh()
                floor = raw.run()
                slot.fresh()
                mine = ours(child, slot.serial, certificates)
                slot.fresh()
                one = login(child, slot.serial)
                if turn >= 3:
                    pairs.append((mine, floor))
                    logins.append(one)
        raw.close()
    print(json.dumps(report(pairs, logins)))


def report(pairs: list[tuple[float, float]], logins: list[float]) -> dict[str, float]:
    """Medians in ms and the paired ratios."""
    ratio = statistics.median(mine / floor for mine, floor in pairs)
    without = statistics.median((mine - 4 * one) / floor for (mine, floor), one in zip(pairs, logins, strict=True))
    return {
        "ours_ms": round(statistics.median(mine for mine, _ in pairs), 2),
        "raw_c_ms": round(statistics.median(floor for _, floor in pairs), 2),
        "one_login_ms": round(statistics.median(logins), 2),
        "ratio": round(ratio, 2),
        "ratio_without_logins": round(without, 2),
        "goal": GOAL,
        "rounds": len(pairs),
    }


if __name__ == "__main__":
    main()
