"""Somebody standing at the module's kiosk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk.walk import Customer
from tests.running import Running


@pytest.fixture
def customer(kiosk: Running) -> Iterator[Customer]:
    """Somebody who comes alone; the clerk he may need is a command in the same home."""
    with Customer(kiosk.base, kiosk.supervisor.environ) as somebody:
        yield somebody
        somebody.leave()
