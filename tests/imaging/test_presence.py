"""Whose ink is in the box: a person's, or what shadows and print leave."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.frame import WORK
from kiosk.imaging.presence import _beside_seal
from kiosk.imaging.strokes import Marks

Mask = NDArray[np.uint8]


def patch(left: float, top: float, wide: float, high: float) -> Mask:
    """Ink in a box of 60 x 40 mm, all in mm."""
    out = np.zeros((round(40 * WORK), round(60 * WORK)), np.uint8)
    out[round(top * WORK) : round((top + high) * WORK), round(left * WORK) : round((left + wide) * WORK)] = 255
    return out


def marks(own: Mask, vivid: Mask, red: bool = True) -> Marks:
    none = np.zeros_like(own)
    return Marks(0.0, 0.0, own // 2, own, none, none, vivid, own - (own & vivid), True, red)


def test_beside_a_name_seal_a_low_strip_is_a_shadow_and_a_signature_stays() -> None:
    seal, strip, signature = patch(5, 10, 15, 15), patch(30, 2, 20, 3), patch(30, 15, 20, 10)
    kept = _beside_seal(marks(seal | strip | signature, seal), seal | strip | signature)
    assert (kept == (seal | signature)).all()
    assert (_beside_seal(marks(strip, strip, red=False), strip) == strip).all()  # without a seal it may be a name


def test_something_is_left_even_if_the_seal_itself_was_not_kept() -> None:
    seal, strip = patch(5, 10, 15, 15), patch(30, 2, 20, 3)
    assert (_beside_seal(marks(strip, seal), strip) == strip).all()
