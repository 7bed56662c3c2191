from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.hardware import wire
from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    DeviceBusy,
    DeviceCrashed,
    DeviceError,
    DeviceFailed,
    DeviceTimeout,
    PinIncorrect,
    PrintUnknown,
)

ABUSED = f"{__package__}.abused" if __package__ else "abused"


@pytest.fixture
def child() -> Iterator[Child]:
    with Child("abused", f"{ABUSED}:Abused") as child:
        yield child


def gone(pid: int, within: float = 5) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        threading.Event().wait(0.01)
    return False


def test_a_value_goes_in_and_comes_out(child: Child) -> None:
    page = os.urandom(3_000_000)
    assert child.call("echo", deadline=10, value={"page": page}) == {"page": page}
    assert child.call("pid", deadline=5) == child.pid != os.getpid()


def test_an_error_of_ours_arrives_with_its_facts(child: Child) -> None:
    with pytest.raises(PinIncorrect) as caught:
        child.call("refuse", deadline=5)
    assert caught.value.attempts_left == 3
    assert caught.value.code == "pin_incorrect"


def test_a_foreign_error_arrives_without_its_text(child: Child, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeviceFailed) as caught:
        child.call("stumble", deadline=5)
    assert (caught.value.code, caught.value.kind) == ("driver_error", "ValueError")
    child.close()
    assert "110101" not in str(caught.value) + "".join(capfd.readouterr())


def test_a_crash_costs_one_request(child: Child) -> None:
    first = child.call("pid", deadline=5)
    with pytest.raises(DeviceCrashed) as caught:
        child.call("segfault", deadline=5)
    assert caught.value.signal == "SIGSEGV"
    assert child.call("pid", deadline=5) != first
    with pytest.raises(DeviceCrashed) as caught:
        child.call("leave", deadline=5, status=7)
    assert caught.value.status == 7
    assert child.call("echo", deadline=5, value=1) == 1


def test_a_hang_is_killed_at_the_deadline(child: Child) -> None:
    pid = child.call("pid", deadline=5)
    begin = time.monotonic()
    with pytest.raises(DeviceTimeout):
        child.call("hang", deadline=0.3)
    assert 0.3 <= time.monotonic() - begin < 2
    assert gone(pid)
    assert child.call("echo", deadline=5, value="alive") == "alive"


def test_a_death_between_requests_is_not_noticed_by_the_caller(child: Child) -> None:
    pid = child.call("pid", deadline=5)
    os.kill(pid, signal.SIGKILL)
    assert child.call("pid", deadline=5) != pid


def test_several_threads_take_turns(child: Child) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda value: child.call("echo", deadline=20, value=value), range(200)))
    assert values == list(range(200))


def test_a_request_that_never_got_its_turn_was_not_begun(child: Child) -> None:
    with ThreadPoolExecutor(1) as pool:
        child.call("pid", deadline=5)
        slow = pool.submit(child.call, "nap", deadline=5, seconds=0.5)
        while not child._lock.locked():
            threading.Event().wait(0.001)
        with pytest.raises(DeviceBusy):
            child.call("echo", deadline=0.05, value=1)
        assert slow.result() == child.pid


def test_memory_has_a_ceiling() -> None:
    with Child("abused", f"{ABUSED}:Abused", memory_mb=512) as child:
        assert child.call("hoard", deadline=5, size=50_000_000) == 50_000_000
        with pytest.raises(DeviceFailed) as caught:
            child.call("hoard", deadline=5, size=600_000_000)
        assert caught.value.code == "out_of_memory"
        assert child.call("echo", deadline=5, value=1) == 1


def test_an_idle_process_leaves_and_a_new_one_comes() -> None:
    with Child("abused", f"{ABUSED}:Abused", idle_exit=0.2) as child:
        first = child.call("pid", deadline=5)
        assert gone(first)
        second = child.call("pid", deadline=5)
        assert second != first
        assert gone(second)


def test_closing_lets_the_driver_close(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("abused", f"{ABUSED}:Abused", {"log": str(log)})
    pid = child.call("pid", deadline=5)
    child.close()
    assert log.read_text() == "closed"
    assert gone(pid)
    child.close()


def test_a_module_serves_its_functions() -> None:
    with Child("functions", ABUSED) as child:
        assert child.call("double", deadline=5, value=21) == 42


def test_what_cannot_be_loaded_says_so() -> None:
    with Child("nothing", "kiosk.hardware.no_such_driver:Driver") as child, pytest.raises(DeviceFailed) as caught:
        child.call("read", deadline=5)
    assert (caught.value.code, caught.value.kind) == ("driver_not_loadable", "ModuleNotFoundError")


def test_a_driver_that_cannot_start_is_tried_again(tmp_path: Path) -> None:
    plugged = tmp_path / "plugged"
    with Child("late", f"{ABUSED}:NotStarting", {"path": str(plugged)}) as child:
        with pytest.raises(PinIncorrect):
            child.call("hello", deadline=5)
        plugged.touch()
        assert child.call("hello", deadline=5) == "hello"


def test_an_answer_that_cannot_be_sent_is_an_error_not_a_silence(child: Child) -> None:
    with pytest.raises(DeviceFailed):
        child.call("unsendable", deadline=5)
    assert child.call("echo", deadline=5, value=1) == 1


@pytest.mark.kill
def test_the_process_dies_with_its_parent_even_while_it_hangs(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "from kiosk.hardware.child import Child\n"
        f"Child('abused', '{ABUSED}:Abused').call('hang', deadline=50, mark={str(mark)!r})\n"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
    while not (mark.exists() and mark.read_text()):
        threading.Event().wait(0.02)
    pid = int(mark.read_text())
    assert not gone(pid, within=0.05)
    parent.kill()
    parent.wait()
    assert gone(pid)


def test_crashes_in_many_threads_hit_only_their_own_request(child: Child) -> None:
    def one(number: int) -> object:
        try:
            if number % 5 == 0:
                child.call("leave", deadline=30, status=3)
            return child.call("echo", deadline=30, value=number)
        except DeviceCrashed:
            return "crashed"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(one, range(40)))
    assert results == ["crashed" if number % 5 == 0 else number for number in range(40)]


def test_a_message_too_large_is_refused_and_costs_nothing_later(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    child.call("echo", deadline=5, value=1)
    monkeypatch.setattr(wire, "LARGEST", 1000)
    with pytest.raises(ValueError, match="larger"):
        child.call("echo", deadline=5, value=bytes(2000))
    monkeypatch.undo()
    assert child.call("echo", deadline=5, value=2) == 2


@pytest.mark.parametrize("error", [PinIncorrect(attempts_left=2), PinIncorrect("other"), PrintUnknown(cause="x")])
def test_errors_survive_pickling_and_copying(error: DeviceError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), twin.code, twin.facts) == (type(error), error.code, error.facts)
    with pytest.raises(AttributeError):
        _ = error.no_such_fact


def test_a_request_costs_little(child: Child) -> None:
    child.call("pid", deadline=5)
    costs = []
    for _ in range(300):
        begin = time.perf_counter()
        child.call("echo", deadline=5, value=1)
        costs.append(time.perf_counter() - begin)
    assert sorted(costs)[150] < 0.005
