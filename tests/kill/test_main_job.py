"""kill -9 of the worker or the web process in the middle of paying and writing: afterwards it is as if nothing had
happened.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.walk import Customer
from tests.running import Running, eventually

pytestmark = [pytest.mark.kill, pytest.mark.xdist_group("kill-main-job"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def shared(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("killed") / "home", prepared_home) as running:
        yield running


@pytest.fixture
def own(shared: Running) -> Running:
    """A kiosk whose processes are killed and started again, test after test, as in its life."""
    for part, start in ((shared.worker, shared.start_worker), (shared.web, shared.start_web)):
        if part is None or part.process is None or part.process.poll() is not None:
            start()
    return shared


class Since:
    """Looks only at what came after this moment."""

    def __init__(self, kiosk: Running) -> None:
        self.kiosk = kiosk
        self.last = {
            table: kiosk.rows(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]
            for table in ("payment", "certificate", "effect")
        }
        self.captured = self._captured()

    def rows(self, table: str, condition: str, wanted: str = "1") -> list[Any]:
        query = f"SELECT {wanted} FROM {table} WHERE id > ? AND ({condition})"
        return self.kiosk.rows(query, self.last[table])

    def _captured(self) -> int:
        trades = self.kiosk.control("gateways", "judge", prefix="K001")["trades"]
        return sum(bool(trade["captured_fen"]) for trade in trades)

    def paid(self) -> bool:
        return self._captured() > self.captured


class Walking(threading.Thread):
    """A customer who walks while the test kills processes."""

    def __init__(self, customer: Customer, service: str, kind: str) -> None:
        super().__init__(daemon=True)
        self.customer, self.case = customer, (service, kind)
        self.report: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        self.report = self.customer.walk("yiyang", *self.case, 1)

    def finished(self) -> dict[str, Any]:
        self.join(150)
        self.customer.close()
        assert not self.is_alive(), f"the customer stands at {self.customer.path}"
        told = {name: value for name, value in self.report.items() if name != "steps"}
        assert self.report["outcome"] == "done", f"{told}\n{self.report['steps'][-3:]}"
        return self.report


def judged(kiosk: Running, report: dict[str, Any]) -> None:
    """Charged exactly once; one certificate at the CA; it is the one that counts on the UKey; the journal is whole."""
    number = report["order"]
    trades = kiosk.control("gateways", "judge", prefix=f"{number[:4]}x{number[4:]}x")["trades"]
    assert sum(trade["captured_fen"] - trade["refunded_fen"] for trade in trades) == report["amount"]
    assert [trade["captured_fen"] for trade in trades if trade["captured_fen"]] == [report["amount"]]
    with sqlite3.connect(f"file:{kiosk.settings.ca_home / 'ledger.sqlite3'}?mode=ro", uri=True) as ledger:
        columns = [row[1] for row in ledger.execute("PRAGMA table_info(certificate)")]
        rows = [dict(zip(columns, row, strict=True)) for row in ledger.execute("SELECT * FROM certificate")]
    assert len([row for row in rows if str(row["request_id"]).startswith(number)]) == 1
    shown = kiosk.flask("ukey", "show", report["token"])
    newest = [line for line in shown.stdout.splitlines() if line.startswith(report["certificate"])]
    assert len(newest) == 1, shown.stdout + shown.stderr
    done = kiosk.flask("audit", "verify")
    assert done.returncode == 0, done.stdout


LONG = 150.0  # seconds the way to a certain moment may take on a busy machine
DEATHS = [
    ("pay.open:acted", "write.key:acted", "ca.issue:acted"),
    ("pay.open:begun", "pay.watch:ended", "pay.watch:acted", "write.certificate:acted"),
]
"""Where the worker dies in the course of one order: the code to pay, the money, and each step of the write."""


PAYING = ("payment", "state = 'created' OR code_url IS NOT NULL")
PAID = ("payment", "state = 'succeeded'")
WRITING = ("certificate", "state IN ('keyed', 'issued', 'written')")


@pytest.mark.parametrize("points", DEATHS, ids=" ".join)
def test_the_worker_is_killed(own: Running, points: tuple[str, ...]) -> None:
    since = Since(own)
    own.stop_worker()
    worker = own.start_worker(kill_at=points[0])
    walking = Walking(own.customer(), "new", "personal")
    for following in (*points[1:], ""):
        eventually(lambda worker=worker: worker.process is not None and worker.process.poll() is not None, timeout=LONG)
        if following == "pay.watch:acted":
            eventually(since.paid)
        elif following == "ca.issue:acted":  # the money has come, a key was made: all of the kiosk dies
            assert since.rows(*PAID)
            own.kill(own.web)
            own.start_web()
        elif following == "write.certificate:acted":  # SUCCESS was read from the gateway, and not committed
            assert since.rows("payment", "1", "state") == [("pending",)]
        worker = own.start_worker(kill_at=following)
    judged(own, walking.finished())


def test_the_web_is_killed(own: Running) -> None:
    """While the code is shown, and in the middle of the write."""
    since = Since(own)
    walking = Walking(own.customer(), "new", "personal")
    for moment in (PAYING, WRITING):
        eventually(lambda moment=moment: since.rows(*moment), timeout=LONG)
        own.kill(own.web)
        own.start_web()
    judged(own, walking.finished())


def test_a_crash_in_the_middle_of_a_write_costs_one_try(own: Running) -> None:
    """SIGSEGV in the UKey's child process: the worker lives and the write is finished."""
    since = Since(own)
    walking = Walking(own.customer(), "renew", "unit")
    eventually(lambda: since.rows("effect", "kind = 'write.key'"), timeout=LONG)
    assert own.worker is not None
    assert own.worker.process is not None
    children = Path(f"/proc/{own.worker.process.pid}/task/{own.worker.process.pid}/children")
    pids = [pid for task in children.parent.parent.iterdir() for pid in (task / "children").read_text().split()]
    victims = [pid for pid in pids if b"child_process\0ukey" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in victims:
        os.kill(int(pid), signal.SIGSEGV)
    assert victims
    report = walking.finished()
    assert own.worker.process.poll() is None
    judged(own, report)
