"""Each fault that has a place is pointed out there, not around the whole seal."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.imaging.capture import Picture
from kiosk.imaging.inspector import Inspector
from kiosk.imaging.marks import WRONG
from kiosk.imaging.spots import gaps
from kiosk.imaging.verdict import Label, SealVerdict
from tests.imaging.conftest import Draw

Box = tuple[float, float, float, float]


def judged(draw: Draw, label: str, family: str = "unit", index: int = 0) -> tuple[Picture, SealVerdict, list[Box]]:
    picture = draw(label, family, index)
    verdict = Inspector().seal(picture.data, family, picture.dpi)
    assert [str(defect) for defect in verdict.defects] == [label]
    return picture, verdict, [box for name, box in verdict.places if name == label]


def on_page(picture: Picture, box: Box) -> Box:
    """A rectangle of the picture in mm of the drawn page."""
    sheet = np.array([[0, 0], [210, 0], [210, 297], [0, 297]], np.float32)
    move = cv2.getPerspectiveTransform(picture.corners.astype(np.float32), sheet)
    corners = np.array([[[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]]], np.float64)
    seen = cv2.perspectiveTransform(corners, move)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def middle(box: Box) -> NDArray[Any]:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def red(png: bytes | None) -> int:
    """Pixels of the marked picture in the colour of what is wrong."""
    assert png is not None
    seen = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None
    return int((np.abs(seen.astype(int) - WRONG).max(axis=2) < 6).sum())


def scale(verdict: SealVerdict) -> float:
    """Pixels per mm."""
    assert verdict.dpi is not None
    return verdict.dpi / 25.4


@pytest.mark.parametrize(("family", "index"), [("unit", 0), ("personal", 2)])
def test_the_touched_side(draw: Draw, family: str, index: int) -> None:
    picture, verdict, places = judged(draw, "touch_border", family, index)
    left, top, right, bottom = picture.page.box
    assert places
    for place in places:
        seen = on_page(picture, place)
        sides = (seen[0] - left, seen[1] - top, right - seen[2], bottom - seen[3])
        assert min(sides) < 1.0
        assert verdict.size_mm is not None
        assert (seen[2] - seen[0]) * (seen[3] - seen[1]) < 0.6 * verdict.size_mm[0] * verdict.size_mm[1]
    assert red(verdict.marked_png) > 100


@pytest.mark.parametrize(("label", "family", "index"), [("over_text", "unit", 0), ("over_line", "unit", 0),
                                                        ("over_line", "personal", 1)])  # fmt: skip
def test_the_crossing(draw: Draw, label: str, family: str, index: int) -> None:
    picture, verdict, places = judged(draw, label, family, index)
    rows, columns = np.nonzero(picture.alpha > 60)
    seal = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) + np.array(picture.origin * 2)
    whole = float((seal[2] - seal[0]) * (seal[3] - seal[1]))
    assert places
    for x0, y0, x1, y1 in places:
        assert (x1 - x0) * (y1 - y0) < 0.6 * whole
        assert max(x0, seal[0]) < min(x1, seal[2])
        assert max(y0, seal[1]) < min(y1, seal[3])
    assert red(verdict.marked_png) > 100


def test_the_missing_arc(draw: Draw) -> None:
    picture, verdict, places = judged(draw, "incomplete")
    assert verdict.center_px is not None
    assert verdict.diameter_mm is not None
    radius = verdict.diameter_mm / 2 * scale(verdict)
    for place in places:
        x, y = (middle(place) - picture.origin).round().astype(int)
        assert np.hypot(*(middle(place) - verdict.center_px)) > 0.5 * radius
        near = picture.alpha[max(0, y - 12) : y + 12, max(0, x - 12) : x + 12]
        assert near.size == 0 or near.mean() < 0.8 * picture.alpha[picture.alpha > 60].mean()
    assert places


@pytest.mark.parametrize(("family", "index"), [("unit", 0), ("personal", 1)])
def test_the_second_seal(draw: Draw, family: str, index: int) -> None:
    _, verdict, places = judged(draw, "two_seals", family, index)
    assert places
    assert verdict.center_px is not None
    if family == "unit":
        assert verdict.diameter_mm is not None
        away = np.hypot(*(middle(places[0]) - verdict.center_px))
        assert away > 0.5 * verdict.diameter_mm / 2 * scale(verdict)
    assert red(verdict.marked_png) > 100


def test_the_cut_edge(draw: Draw) -> None:
    picture, _, places = judged(draw, "cropped")
    (x0, y0, x1, y1), (width, height) = places[0], picture.size
    assert min(x0, y0, width - x1, height - y1) < 40
    assert (x1 - x0) * (y1 - y0) < 0.6 * picture.alpha.size


def test_the_second_strike(draw: Draw) -> None:
    _, verdict, places = judged(draw, "smeared")
    assert verdict.center_px is not None
    apart = np.hypot(*(middle(places[0]) - verdict.center_px)) / scale(verdict)
    assert 0.5 < apart < 6.5


def test_a_good_seal_has_no_such_place(draw: Draw) -> None:
    picture = draw("good")
    verdict = Inspector().seal(picture.data, "unit", picture.dpi)
    assert verdict.places == ()
    assert red(verdict.marked_png) == 0


def test_gaps_of_a_ring() -> None:
    weak = np.zeros(360, bool)
    weak[350:] = weak[:20] = weak[100:102] = True  # one gap over the right, one too short to be shown
    spots = gaps(50.0, 60.0, 20.0, weak)
    assert [spot.label for spot in spots] == [Label.INCOMPLETE]
    left, top, right, bottom = spots[0].box
    expected = [
        50 + 20 * np.cos(np.radians(19)),
        60 - 20 * np.sin(np.radians(10)),
        70,
        60 + 20 * np.sin(np.radians(19)),
    ]
    assert [left, top, right, bottom] == pytest.approx(expected, abs=0.1)
    assert gaps(50.0, 60.0, 20.0, np.ones(360, bool)) == []
