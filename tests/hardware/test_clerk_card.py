"""The clerk's card over pcscd: it comes, it goes, pcscd is restarted, it proves itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.hardware.child import Child
from kiosk.hardware.errors import DeviceFailed, PinIncorrect, TokenMissing
from kiosk.hardware.health import Level
from tests.hardware.ukey_parts import PIN, Writer
from tests.hardware.ukey_pcsc import SERIAL, CardDesk, Pcsc, running

pytestmark = pytest.mark.conformance


@pytest.fixture
def pcsc(tmp_path: Path) -> Iterator[Pcsc]:
    with running(tmp_path) as pcsc:
        yield pcsc


@pytest.fixture
def desk(pcsc: Pcsc, tmp_path: Path) -> Iterator[CardDesk]:
    desk = CardDesk(pcsc, tmp_path / "card")
    yield desk
    desk.close()


@pytest.fixture
def clerk(desk: CardDesk) -> Iterator[Child]:
    options = {key: value for key, value in desk.options.items() if key != "unlock_style"}
    with Child("clerk-card", "kiosk.hardware.clerk_card:ClerkCardReader", options) as child:
        yield child


def _watch(clerk: Child, generation: int, timeout: float = 10.0) -> Any:
    return clerk.call("watch", deadline=30, generation=generation, timeout=timeout)


def _change(clerk: Child, seen: Any, act: Any) -> tuple[Any, float]:
    """Do something while the driver waits; what it saw, and how long after."""
    begin = [0.0]

    def later() -> None:
        begin[0] = time.monotonic()
        act()

    timer = threading.Timer(0.2, later)
    timer.start()
    found = _watch(clerk, seen.generation)
    taken = time.monotonic() - begin[0]
    timer.join()
    return found, taken


def test_a_card_comes_and_goes(desk: CardDesk, clerk: Child) -> None:
    seen = _watch(clerk, 0)
    assert not seen.present
    quiet = time.monotonic()
    assert _watch(clerk, seen.generation, 0.3) == seen
    assert time.monotonic() - quiet >= 0.3
    for _ in range(3):
        before = seen
        seen, taken = _change(clerk, seen, desk.card.insert)
        assert seen.present
        assert seen.readers[0].startswith("Virtual PCD")
        assert taken < 2.0
        assert seen.generation > before.generation
        seen, taken = _change(clerk, seen, desk.card.remove)
        assert not seen.present
        assert taken < 2.0


def test_pcscd_restarted(desk: CardDesk, clerk: Child) -> None:
    desk.card.insert()
    seen = _watch(clerk, 0)
    while not seen.present:
        seen = _watch(clerk, seen.generation)
    desk.pcsc.stop()
    gone = _watch(clerk, seen.generation)
    assert not gone.present
    assert clerk.call("health", deadline=20).level is Level.FAILED
    desk.card.remove()
    desk.pcsc.start()
    desk.card.insert()
    seen = gone
    until = time.monotonic() + 10
    while not seen.present:
        assert time.monotonic() < until
        seen = _watch(clerk, seen.generation, 2.0)
    assert clerk.call("health", deadline=20).level is Level.FINE


def test_the_certificate_proves_the_clerk(desk: CardDesk, clerk: Child) -> None:
    with pytest.raises(TokenMissing):
        clerk.call("prove", deadline=20, pin=PIN)
    desk.personalise()
    with pytest.raises(DeviceFailed, match="card_without_certificate"):
        clerk.call("prove", deadline=20, pin=PIN)
    writer = Writer(desk, SERIAL, algorithm="rsa2048")
    writer.run()
    assert clerk.call("prove", deadline=20, pin=PIN) == writer.certificate
    with pytest.raises(PinIncorrect):
        clerk.call("prove", deadline=20, pin="999111")
    elsewhere = {**desk.options, "reader": "Another reader"}
    with Child("ukey", "kiosk.hardware.ukey:UKeyReader", elsewhere) as other:
        assert other.call("tokens", deadline=20) == []
