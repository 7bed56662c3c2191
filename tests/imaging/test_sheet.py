"""The sheet in a photo, the slope of a form's rules, and the room's own measures of components and memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.imaging import boxes, frame, optics
from kiosk.imaging.pictures import Decoded
from kiosk.imaging.sheet import find_sheet

WHOLE = np.array([[420, 300], [2000, 380], [1960, 2560], [330, 2500]], np.float64)


def photo(corners: NDArray[Any], size: tuple[int, int], shade: tuple[int, int] | None = None) -> Decoded:
    """White paper on a brown desk, a little noise; ``shade``: the middle of a deep shadow."""
    rng = np.random.default_rng(3)
    picture = np.full((size[1], size[0], 3), (96, 70, 48), np.uint8)
    cv2.fillConvexPoly(picture, np.round(corners * 16).astype(np.int32), (238, 236, 230), cv2.LINE_AA, 4)
    light = np.ones((size[1] // 8, size[0] // 8), np.float32)
    if shade:
        yy, xx = np.mgrid[0 : size[1] // 8, 0 : size[0] // 8] * 8
        light -= 0.55 * np.exp(-((xx - shade[0]) ** 2 + (yy - shade[1]) ** 2) / 700.0**2).astype(np.float32)
    noise = rng.normal(0, 3, (size[1], size[0], 1)).astype(np.float32)
    lit = picture * cv2.resize(light, size)[..., None] + noise
    return Decoded(np.clip(cv2.GaussianBlur(lit, (0, 0), 1), 0, 255).astype(np.uint8), None, "JPEG")


@pytest.mark.parametrize("shade", [None, (2000, 380), (330, 2500)])
def test_corners_are_found_even_in_a_shadow(shade: tuple[int, int] | None) -> None:
    found = find_sheet(photo(WHOLE, (2340, 2900), shade))
    assert found is not None
    assert np.abs(found - WHOLE).max() < 3


@pytest.mark.parametrize(("side", "size"), [("left", (1100, 2900)), ("bottom", (2340, 2000))])
def test_a_sheet_that_the_edge_cuts_is_completed(side: str, size: tuple[int, int]) -> None:
    flat = np.array([[400, 300], [1960, 300], [1960, 300 + 1560 * 297 / 210], [400, 300 + 1560 * 297 / 210]])
    corners = flat - ((1240, 0) if side == "left" else (0, 0))
    found = find_sheet(photo(corners, size))
    assert found is not None
    assert np.abs(found - corners).max() < 25


@pytest.mark.parametrize("degrees", [-6.0, -0.4, 0.0, 1.3, 5.5])
def test_the_slope_of_a_form(degrees: float) -> None:
    page = np.full((1754, 1240, 3), 245, np.uint8)
    for y in range(400, 1200, 90):
        cv2.line(page, (150, y), (1090, y), (40, 40, 40), 2)
    for x in (150, 500, 1090):
        cv2.line(page, (x, 400), (x, 1120), (40, 40, 40), 2)
    turn = cv2.getRotationMatrix2D((620, 877), -degrees, 1)
    turned = cv2.warpAffine(page, turn, (1240, 1754), borderValue=(245, 245, 245))
    assert frame.skew(turned) == pytest.approx(degrees, abs=0.04)
    assert frame.skew(np.full_like(page, 245)) == 0


def test_components_are_measured_as_by_opencv() -> None:
    rng = np.random.default_rng(5)
    for share in (0.0, 0.3, 0.6, 1.0):
        blots = cv2.GaussianBlur(rng.random((160, 220)).astype(np.float32), (0, 0), 2.5)
        mask = np.where(blots < np.quantile(blots, share), 255, 0).astype(np.uint8)
        count, labels, stats = optics.clusters(mask)
        told = cv2.connectedComponentsWithStats(mask, connectivity=8)
        assert (count, labels.tolist()) == (told[0], told[1].tolist())
        assert stats[1:].tolist() == told[2][1:].tolist()


def test_freed_arrays_are_kept() -> None:
    code = (
        "import resource, numpy as np\n"
        "from kiosk.imaging import memory\n"
        "memory.keep_freed()\n"
        "def fill():\n"
        "    return [np.ones(3_000_000, np.uint8) for _ in range(20)]\n"
        "fill()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "fill()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(done.stdout) * resource.getpagesize() < 6_000_000


def test_the_edge_of_a_shadow_does_not_split_the_box() -> None:
    page = np.full((1754, 1240, 3), 240, np.uint8)
    cv2.rectangle(page, (200, 500), (1000, 950), (40, 40, 40), 2)
    light = np.ones((1754, 1240), np.float32)
    light[:, 620:] = 0.5
    lit = page * cv2.GaussianBlur(light, (0, 0), 4)[..., None]
    seen = frame.frame(Decoded(lit.astype(np.uint8), 150, "JPEG"), 150)
    cell = boxes.target(boxes.layout(seen), False)
    assert cell is not None
    assert (cell.left, cell.right) == pytest.approx((200 / frame.WORK, 1000 / frame.WORK), abs=0.7)
