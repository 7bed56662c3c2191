"""The drawer of UKeys as its own process, and the demonstration UKeys in it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from stdnum.cn import ric, uscc

from kiosk.ca.subject import Subject
from kiosk.hardware.child import Child
from kiosk.hardware.ukey import current, pin_weakness
from kiosk.simulators import people, ukeys_seed
from tests.hardware.ukey_parts import issue

PIN, SO_PIN = "135246", "87654321"


class Simulator:
    """The process and its control port."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "kiosk.simulators.ukeys", "--control", "0", "--home", str(home)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        word, _, rest = self.process.stdout.readline().partition(" ")
        assert word == "ready"
        self.ready: dict[str, Any] = json.loads(rest)

    def __call__(self, verb: str, **body: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.ready['control']}/{verb}"
        with urllib.request.urlopen(url, data=json.dumps(body).encode(), timeout=30) as answer:
            value: dict[str, Any] = json.load(answer)
        return value

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def reader(self) -> Child:
        options = {"module": self.ready["module"], "config": self.ready["config"]}
        return Child("ukey", "kiosk.hardware.ukey:UKeyReader", options)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path)
    yield simulator
    assert simulator.stop() == 0


def test_insert_and_pull(simulator: Simulator) -> None:
    made = simulator("create", name="one", label="ONE", pin=PIN, so_pin=SO_PIN, note="空白")
    assert simulator("list")["inserted"] == []
    with simulator.reader() as reader:
        assert reader.call("tokens", deadline=20) == []
        assert simulator("insert", name="one")["serial"] == made["serial"]
        (info,) = reader.call("tokens", deadline=20)
        assert (info.serial, info.label) == (made["serial"], "ONE")
        simulator("create", name="two", label="ONE", pin=PIN, so_pin=SO_PIN)
        simulator("insert", name="two")
        simulator("insert", name="two")
        assert len(reader.call("tokens", deadline=20)) == 2
        assert simulator("remove", name="one") == {"removed": ["one"]}
        assert simulator("remove") == {"removed": ["two"]}
        assert simulator("remove") == {"removed": []}
        assert reader.call("tokens", deadline=20) == []
    simulator("destroy", name="two")
    (left,) = simulator("list")["tokens"]
    assert (left["name"], left["note"], left["inserted"]) == ("one", "空白", False)


def test_pull_after_so_many_accesses(simulator: Simulator) -> None:
    simulator("create", name="one", label="ONE", pin=PIN, so_pin=SO_PIN)
    simulator("insert", name="one")
    simulator("pull_after", name="one", accesses=5)
    simulator("pull_after", name="one", accesses=0)
    with simulator.reader() as reader:
        assert len(reader.call("tokens", deadline=20)) == 1
        simulator("pull_after", name="one", accesses=1)
        for _ in range(50):
            if not reader.call("tokens", deadline=20):
                break
        assert simulator("list")["inserted"] == []


def test_the_state_outlives_the_process(simulator: Simulator, tmp_path: Path) -> None:
    made = simulator("create", name="one", label="ONE", pin=PIN, so_pin=SO_PIN)
    simulator("insert", name="one")
    simulator.process.kill()
    simulator.stop()
    again = Simulator(tmp_path)
    try:
        assert again("list")["inserted"] == ["one"]
        assert again("list")["tokens"][0]["serial"] == made["serial"]
        assert again("remove") == {"removed": ["one"]}
    finally:
        simulator.process, simulator.ready = again.process, again.ready


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("insert", {"name": "nobody"}),
        ("insert", {"name": "../slot"}),
        ("insert", {"name": 7}),
        ("insert", {}),
        ("create", {"name": "../x", "label": "x", "pin": PIN, "so_pin": SO_PIN}),
        ("create", {"name": "x", "label": "x", "pin": "1", "so_pin": SO_PIN}),
        ("create", {"name": "x", "label": "x" * 33, "pin": PIN, "so_pin": SO_PIN}),
        ("pull_after", {"name": "x", "accesses": "many"}),
        ("destroy", {"name": ""}),
    ],
)
def test_nonsense_is_refused(simulator: Simulator, verb: str, body: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        simulator(verb, **body)
    assert caught.value.code == 400
    caught.value.close()
    assert simulator("list")["tokens"] == []


def test_the_demonstration_ukeys(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    asked: list[tuple[Subject, str]] = []

    def sign(request: bytes, subject: Subject, kind: str, begin: datetime, end: datetime) -> bytes:
        asked.append((subject, kind))
        return issue(request, begin, (end - begin).days)

    tokens = ukeys_seed.seed(tmp_path, sign, now)
    assert ukeys_seed.seed(tmp_path, sign, now) == tokens
    assert len(asked) == len(ukeys_seed.PLANS)
    assert not any(token["inserted"] for token in tokens)
    assert len({token["serial"] for token in tokens}) == len(tokens) == 10
    simulator = Simulator(tmp_path)
    try:
        with simulator.reader() as reader:
            for plan in ukeys_seed.PLANS:
                simulator("insert", name=plan.name)
                found = current(reader.call("inspect", deadline=20))
                certificate = x509.load_der_x509_certificate(found.der)
                assert (certificate.not_valid_after_utc - now).days == plan.days_left
                assert found.label == plan.owner.name
                serial = reader.call("tokens", deadline=20)[0].serial
                on = {"serial": serial, "pin": ukeys_seed.PIN, "key_id": found.key_id}
                reader.call("prove_key", deadline=20, cert_der=found.der, **on)
                simulator("remove")
            simulator("insert", name="blank-1")
            (blank,) = reader.call("tokens", deadline=20)
            assert blank.blank
            reader.call("prove_pin", deadline=20, serial=blank.serial, pin=ukeys_seed.BLANK_PIN)
    finally:
        assert simulator.stop() == 0


def test_the_invented_people_have_right_numbers() -> None:
    for person in people.PERSONS:
        assert ric.is_valid(person.number)
        assert ric.get_birth_date(person.number) == person.birth
        assert (int(person.number[16]) % 2 == 1) == (person.sex == "男")
        assert person.number[14:16] == "99"  # kept for centenarians
        assert people.person(person.key) is person
    for company in people.COMPANIES:
        assert uscc.is_valid(company.uscc)
        assert people.company(company.key) is company
    keys = [item.key for item in (*people.PERSONS, *people.COMPANIES)]
    assert len(set(keys)) == len(keys)
    assert pin_weakness(ukeys_seed.PIN) is None
