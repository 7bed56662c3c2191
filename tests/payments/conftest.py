"""Both gateways as a process of their own, once per test session, and clients that talk to it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.payments.alipay import AlipayChannel, AlipaySettings
from kiosk.payments.channel import trade_no
from kiosk.payments.wechat import WechatChannel
from kiosk.payments.wechat_wire import WechatSettings

_orders = itertools.count(1)


@dataclass
class Gateways:
    """A running simulator."""

    home: Path
    port: int
    control: int

    @property
    def merchant(self) -> Path:
        return self.home / "merchant"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def do(self, verb: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/{verb}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            value: dict[str, Any] = json.load(answer)
        return value

    def judge(self, number: str) -> dict[str, Any]:
        (verdict,) = self.do("judge", prefix=number)["trades"]
        value: dict[str, Any] = verdict
        return value


def start(home: Path, *extra: str) -> tuple[subprocess.Popen[str], Gateways]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk.simulators.gateways", "--home", str(home), *extra],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    word, _, rest = process.stdout.readline().partition(" ")
    assert word == "ready"
    ready = json.loads(rest)
    return process, Gateways(home, ready["port"], ready["control"])


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="session")
def _gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    process, running = start(tmp_path_factory.mktemp("gateways"), "--early-bills")
    yield running
    stop(process)


@pytest.fixture
def gateways(_gateways: Gateways) -> Iterator[Gateways]:
    """The simulator, without faults and with a true clock."""
    yield _gateways
    _gateways.do("calm")
    _gateways.do("clock", offset=0)


@pytest.fixture
def wechat(gateways: Gateways) -> Iterator[WechatChannel]:
    with WechatChannel(WechatSettings.from_folder(gateways.merchant, timeout=3)) as channel:
        yield channel


@pytest.fixture
def alipay(gateways: Gateways) -> Iterator[AlipayChannel]:
    with AlipayChannel(AlipaySettings.from_folder(gateways.merchant, timeout=3)) as channel:
        yield channel


@pytest.fixture
def number() -> str:
    """A fresh trade number."""
    return trade_no("T1", f"{datetime.now(UTC):%H%M%S%f}{next(_orders):05d}", 1)


@pytest.fixture
def soon() -> datetime:
    """Three minutes from now."""
    return datetime.now(UTC) + timedelta(minutes=3)
