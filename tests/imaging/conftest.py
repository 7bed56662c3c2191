"""Pages of the bench's generator, from seeds that neither development nor the bench uses."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import pytest

from bench.imaging import capture, pages
from bench.imaging.capture import Picture

SEED = 5150
Draw = Callable[..., Picture]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """draw(label or 'good', family, index, mode) gives a captured page with its truth."""
    cv2.setNumThreads(1)
    drawn: dict[tuple[str, str, int, str], Picture] = {}

    def once(label: str, family: str = "unit", index: int = 0, mode: str = "scan") -> Picture:
        key = (label, family, index, mode)
        if key not in drawn:
            page = pages.make(SEED, index, family, False, label)
            drawn[key] = (capture.scan if mode == "scan" else capture.photo)(page, SEED, index)
        return drawn[key]

    return once
