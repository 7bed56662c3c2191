"""The same driver on a smart card: OpenSC, pcscd and a card that locks, runs full and is pulled at any APDU."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hardware.errors import (
    DeviceCrashed,
    DeviceError,
    DeviceFailed,
    PinIncorrect,
    PinLocked,
    TokenFull,
    TokenMissing,
    TokenRemoved,
)
from tests.hardware.ukey_parts import PIN, SUBJECT, Writer, check, issue, new_id
from tests.hardware.ukey_pcsc import PUK, SERIAL, CardDesk, Pcsc, running

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def pcsc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pcsc]:
    with running(tmp_path_factory.mktemp("pcsc")) as pcsc:
        yield pcsc


@pytest.fixture
def desk(pcsc: Pcsc, tmp_path: Path) -> Iterator[CardDesk]:
    desk = CardDesk(pcsc, tmp_path / "card")
    desk.personalise()
    yield desk
    desk.close()


def test_inserted_written_read_by_a_foreign_tool_and_pulled(desk: CardDesk) -> None:
    (info,) = desk.call("tokens")
    assert (info.serial, info.blank) == (SERIAL, True)
    writer = Writer(desk, SERIAL, algorithm="rsa2048")
    writer.run()
    listing = desk.pcsc.run("pkcs11-tool", "--module", str(desk.module), "--login", "--pin", PIN, "-O")
    assert listing.count(f"ID:         {writer.key_id}") == 3
    assert SUBJECT[2][1] in listing
    desk.remove()
    with pytest.raises(TokenMissing):
        desk.call("inspect")
    desk.insert()
    assert desk.call("read_certificate", serial=SERIAL, key_id=writer.key_id) == writer.certificate


def test_wrong_pins_lock_the_card_and_the_puk_opens_it(desk: CardDesk) -> None:
    writer = Writer(desk, SERIAL, algorithm="rsa2048")
    writer.run()
    left: list[object] = []
    for _ in range(5):
        with pytest.raises(PinIncorrect) as caught:
            desk.call("prove_pin", serial=SERIAL, pin="999111")
        left.append(caught.value.attempts_left)
    assert left == [None, None, None, None, 1]
    with pytest.raises(PinLocked):
        desk.call("prove_pin", serial=SERIAL, pin="999111")
    with pytest.raises(PinLocked):
        desk.call("prove_pin", serial=SERIAL, pin=PIN)
    with pytest.raises(PinIncorrect):
        desk.call("unlock", serial=SERIAL, so_pin="0" * 16, new_pin="864209")
    desk.call("unlock", serial=SERIAL, so_pin=PUK, new_pin="864209")
    assert writer.certificate is not None
    desk.call("prove_key", serial=SERIAL, pin="864209", key_id=writer.key_id, cert_der=writer.certificate)
    desk.call("change_pin", serial=SERIAL, old="864209", new=PIN)
    desk.call("prove_pin", serial=SERIAL, pin=PIN, key_id=writer.key_id)


def test_what_is_no_pin_at_all_is_a_wrong_one(desk: CardDesk) -> None:
    for pin in ("", "1", "1" * 300, "密码"):
        with pytest.raises(PinIncorrect):
            desk.call("prove_pin", serial=SERIAL, pin=pin)


def test_a_right_pin_sets_the_counter_back(desk: CardDesk) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(PinIncorrect):
                desk.call("prove_pin", serial=SERIAL, pin="999111")
        desk.call("prove_pin", serial=SERIAL, pin=PIN)


def test_what_the_card_cannot_is_refused_before_anything_is_written(desk: CardDesk) -> None:
    before = desk.memory.read_bytes()
    with pytest.raises(DeviceFailed) as caught:
        desk.call("generate", serial=SERIAL, pin=PIN, key_id=new_id(), algorithm="p256")
    assert caught.value.code == "algorithm_unsupported"
    with pytest.raises((TokenFull, DeviceFailed)):
        desk.call("write_object", serial=SERIAL, pin=PIN, label="seal", data=bytes(70_000))
    assert len(desk.memory.read_bytes()) < len(before) + 1000
    assert desk.call("inspect").objects == ()


def test_pulled_at_an_apdu_anywhere_in_the_write(desk: CardDesk) -> None:
    """Every 47th APDU of the write, before and after the card executes it; nothing is ever deleted."""
    old = Writer(desk, SERIAL, algorithm="rsa2048")
    old.run()
    assert old.certificate is not None
    start, begin = desk.memory.read_bytes(), desk.card.apdus
    Writer(desk, SERIAL, 1, "rsa2048").run()
    whole = desk.card.apdus - begin
    assert whole > 60
    for number, place in enumerate(range(3, whole, 47)):
        desk.remove()
        desk.memory.write_bytes(start)
        desk.insert()
        writer = Writer(desk, SERIAL, 1, "rsa2048")
        desk.card.pull_at({"apdu": place, "executed": number % 2 == 1})
        with pytest.raises((TokenRemoved, TokenMissing, DeviceCrashed)):
            writer.run()
        desk.insert()
        _resume(writer)
        check(desk, writer, (old.key_id, old.certificate))


def _resume(writer: Writer) -> None:
    """As the worker does: what the token refuses once is tried again, with a new pair if need be."""
    for attempt in range(3):
        try:
            writer.run()
            return
        except (DeviceFailed, DeviceCrashed):
            if attempt == 2:
                raise
            if attempt == 1 and writer.certificate is None:
                writer.key_id = new_id()


def test_the_simulator_process(pcsc: Pcsc, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kiosk.simulators.ukey_card", "--home", str(tmp_path), "--port", str(pcsc.port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline().partition(" ")[2])

    def post(verb: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{ready['control']}/{verb}"
        with urllib.request.urlopen(url, data=b"{}", timeout=10) as answer:
            value: dict[str, object] = json.load(answer)
        return value

    assert post("insert")["inserted"] is True
    assert "IsoApplet" in pcsc.card_name()
    assert post("remove")["inserted"] is False
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_what_was_cut_is_told_as_what_it_is(desk: CardDesk) -> None:
    desk.card.pull_at({"apdu": 30})
    with pytest.raises(DeviceError) as caught:
        desk.call("generate", serial=SERIAL, pin=PIN, key_id=new_id())
    assert isinstance(caught.value, TokenRemoved | TokenMissing)
    desk.insert()
    key_id = new_id()
    on = {"serial": SERIAL, "pin": PIN, "key_id": key_id}
    desk.call("generate", **on)
    certificate = issue(desk.call("request", subject=SUBJECT, **on))
    desk.call("write_certificate", cert_der=certificate, **on)
    desk.call("prove_key", cert_der=certificate, **on)
