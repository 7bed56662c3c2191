"""Short strokes across a side of the box."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.imaging import sides
from kiosk.imaging.boxes import Cell
from kiosk.imaging.frame import WORK
from kiosk.imaging.strokes import Marks
from kiosk.imaging.verdict import Label

BOX = Cell(3.0, 3.0, 63.0, 33.0)


def box(open_below: bool = False) -> tuple[Marks, NDArray[np.uint8], Cell]:
    """A box of 60 x 30 mm with a signature 4 mm above its lower side."""
    strong = np.zeros((round(36 * WORK), round(66 * WORK)), np.uint8)
    own = np.zeros_like(strong)
    own[round(20 * WORK) : round(29 * WORK), round(20 * WORK) : round(45 * WORK)] = 255
    strong[own > 0] = 180
    none = np.zeros_like(own)
    cell = Cell(BOX.left, BOX.top, BOX.right, BOX.bottom, (False, False, False, open_below))
    return Marks(0.0, 0.0, strong, own, none, none, none, own, False, False), own, cell


def stroke(seen: Marks, left: float, wide: float, strength: int = 170) -> None:
    """Ink over the lower side, from ``left`` mm on, 1.2 mm of it within the box."""
    rows = slice(round((BOX.bottom - 1.2) * WORK), round((BOX.bottom + 1) * WORK))
    seen.strong[rows, round(left * WORK) : round((left + wide) * WORK)] = strength


@pytest.mark.parametrize("left", [22.0, 40.0, 49.0])
def test_a_short_stroke_on_the_side_touches_it(left: float) -> None:
    seen, own, cell = box()
    stroke(seen, left, 0.6)
    (spot,) = sides.across(seen, own, cell)
    assert spot.label == Label.TOUCH_BORDER
    assert abs(spot.box[0] - left) < 0.3
    assert spot.box[1] < BOX.bottom < spot.box[3]


def test_what_is_no_part_of_the_mark_does_not_touch() -> None:
    seen, own, cell = box()
    assert sides.across(seen, own, cell) == []
    stroke(seen, 56.0, 0.6)  # far from it
    stroke(seen, 25.0, 0.6, strength=60)  # much paler
    assert sides.across(seen, own, cell) == []
    stroke(seen, 21.0, 20.0)  # the rule itself, not quite level
    assert sides.across(seen, own, cell) == []


def test_the_pictures_edge_is_no_side() -> None:
    seen, own, cell = box(open_below=True)
    stroke(seen, 30.0, 0.6)
    assert sides.across(seen, own, cell) == []


def test_a_rule_in_the_box_may_reach_its_side() -> None:
    seen, own, cell = box()
    column = slice(round(30 * WORK), round(30 * WORK) + 2)
    seen.strong[:, column] = 170
    seen.rules = np.zeros_like(own)
    seen.rules[round(5 * WORK) : round(31.5 * WORK), column] = 255
    assert sides.across(seen, own, cell) == []
