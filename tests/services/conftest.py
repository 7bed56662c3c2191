"""One running kiosk for a whole module, somebody standing at it, and the CA looked at from outside by openssl."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.walk import Customer
from tests.running import Running

Reasons = Callable[[], dict[str, str]]


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    """Somebody who comes alone; the clerk he may need is a command in the same home."""
    somebody = Customer(kiosk.base, kiosk.supervisor.environ)
    yield somebody
    somebody.leave()
    somebody.web.close()


@pytest.fixture
def crl(kiosk: Running, tmp_path: Path) -> Reasons:
    """What openssl reads in the current CRL: reason by serial number (lower-case hex)."""

    def read() -> dict[str, str]:
        folder = kiosk.settings.ca_home / "public"
        found: dict[str, str] = {}
        for path in folder.glob("*.crl*"):
            command = ["openssl", "crl", "-in", str(path), "-noout", "-text"]
            text = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
            for entry in text.split("Serial Number:")[1:]:
                serial = re.match(r"\s*([0-9A-F]+)", entry)
                reason = re.search(r"CRL Reason Code:\s*\n\s*(.+)", entry)
                if serial:
                    found[serial[1].lower()] = reason[1].strip() if reason else ""
        return found

    return read


def ended(report: dict[str, object]) -> str:
    """Serial of the certificate the walk was about."""
    certificates = report["certificates"]
    assert isinstance(certificates, list)
    return str(certificates[0]["supersedes"])
