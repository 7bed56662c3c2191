"""The UKey pulled out, and the driver's process killed, in the middle of the write: what is left is always usable."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hardware.errors import DeviceCrashed, DeviceError, KeyMissing, TokenMissing, TokenRemoved
from kiosk.simulators.ukeys_pull import PullAfter
from tests.hardware.ukey_parts import PIN, SUBJECT, Desk, Writer, check, new_id
from tests.running import eventually


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_pulled_between_any_two_calls(desk: Desk) -> None:
    serial = desk.new("one")
    old = desk.generation(serial)
    steps = ["generate", "request", "write_certificate", "write_object", "prove_key"]
    writer = Writer(desk, serial)
    original = desk.call
    for step in steps:

        def pulled_before(method: str, step: str = step, **keywords: object) -> object:
            if method == step:
                desk.drawer.remove("one")
            return original(method, **keywords)

        desk.call = pulled_before  # type: ignore[method-assign]
        with pytest.raises(TokenMissing):
            writer.run()
        desk.call = original  # type: ignore[method-assign]
        desk.drawer.insert("one")
    writer.run()
    check(desk, writer, old)


def test_pulled_in_the_middle_of_the_work(desk: Desk) -> None:
    """The hand pulls after 1, 38, 75, … accesses to the token's files, over the whole write."""
    serial = desk.new("one")
    old = desk.generation(serial)
    cut = 0
    for number, accesses in enumerate(range(1, 400, 37)):
        writer = Writer(desk, serial, number)
        pulled = threading.Event()

        def pull(pulled: threading.Event = pulled) -> None:
            desk.drawer.remove("one")
            pulled.set()

        hand = PullAfter(desk.drawer.folder_in_slot("one"), accesses, pull)
        with contextlib.suppress(TokenRemoved, TokenMissing):
            writer.run()
        if not pulled.wait(0.2):
            hand.cancel()
            break
        cut += 1
        desk.drawer.insert("one")
        writer.run()
        check(desk, writer, old)
        old = (writer.key_id, writer.certificate or b"")
    assert cut >= 5


@pytest.mark.parametrize("accesses", [2, 4, 7, 11, 16])
def test_a_crash_costs_one_call(desk: Desk, accesses: int) -> None:
    serial = desk.new("one")
    old = desk.generation(serial)
    writer = Writer(desk, serial)
    pid = desk.child.pid
    assert pid is not None
    hand = PullAfter(desk.drawer.folder_in_slot("one"), accesses, lambda: os.kill(pid, signal.SIGSEGV))
    with pytest.raises(DeviceCrashed) as caught:
        writer.run()
    assert caught.value.signal == "SIGSEGV"
    with contextlib.suppress(OSError):
        hand.cancel()
    writer.run()
    assert desk.child.pid != pid
    check(desk, writer, old)


def test_a_torn_token_is_mended(desk: Desk) -> None:
    serial = desk.new("one")
    desk.call("change_pin", serial=serial, old=PIN, new="864209")
    torn = desk.drawer.folder_in_slot("one") / "token.object"
    (kept,) = desk.drawer.home.glob("drawer/*/token.object.good")
    eventually(lambda: kept.read_bytes() == torn.read_bytes())
    torn.write_bytes(b"")
    eventually(torn.read_bytes)
    desk.call("prove_pin", serial=serial, pin="864209")


def test_half_a_pair_is_left_alone(desk: Desk) -> None:
    serial, key_id = desk.new("one"), new_id()
    on = {"serial": serial, "pin": PIN, "key_id": key_id}
    desk.call("generate", algorithm="p256", **on)
    listed = len(desk.call("inspect").certificates)
    folder = desk.drawer.folder_in_slot("one")
    is_private = b"".join(number.to_bytes(8, "big") for number in (0, 2, 3))  # CKA_CLASS, a number, CKO_PRIVATE_KEY
    (private,) = [path for path in folder.glob("*.object") if is_private in path.read_bytes()]
    private.unlink()
    with pytest.raises(KeyMissing) as caught:
        desk.call("generate", algorithm="p256", **on)
    assert caught.value.code == "half_a_pair"
    assert desk.call("find_key", **on) is None
    with pytest.raises(DeviceError):
        desk.call("request", subject=SUBJECT, **on)
    assert desk.call("sweep", **on) == 1
    assert listed == 0
    assert desk.call("tokens")[0].blank
