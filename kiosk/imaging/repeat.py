"""Does a mark repeat itself some millimetres away? A double strike is the mark and its paler copy.

For each shift the marks that have a partner there, ahead or behind, are counted: of a double strike nearly all ink
has one. Then the copy must be paler than the first strike all over, or the partners too many for chance.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging.finding import FINE
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

PX = 4.0  # pixels per mm in which shifts are tried
REACH = 4.8  # mm
NEAREST = 0.7
SOME = 600  # points whose partners are looked for


def measure(measures: dict[str, float], strong: Pixels, solid: float) -> None:
    """Adds ``partners``, ``chance``, ``paler`` and ``apart`` (mm) of the best shift."""
    measures.update(partners=0.0, chance=0.0, paler=0.0, apart=0.0)
    step = FINE / PX
    small = cv2.resize(strong, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    small = small[: round(60 * PX), : round(90 * PX)]
    level = np.clip(small.astype(np.float32) / max(solid, 1), 0, 1)
    inked = level > 0.3
    total = int(inked.sum())
    if total < 40:
        return
    reach = round(REACH * PX)
    wide = np.pad(inked, reach)
    wide = cv2.dilate(wide.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    rows, cols = (axis[:: 1 + total // SOME] for axis in np.nonzero(inked))
    shifts = [(dy, dx) for dy in range(reach + 1) for dx in range(-reach, reach + 1)
              if (dy > 0 or dx > 0) and NEAREST * PX <= np.hypot(dy, dx) <= reach]  # fmt: skip
    flat, row = wide.ravel(), wide.shape[1]
    here = ((rows + reach) * row + cols + reach).astype(np.int32)
    away = np.array([dy * row + dx for dy, dx in shifts], np.int32)[:, None]
    share = (flat[here + away] | flat[here - away]).mean(axis=1)
    far = np.hypot(*np.array(shifts).T) / PX
    best = int((share + 0.012 * far).argmax())
    dy, dx = shifts[best]
    near = np.abs(far - far[best]) < 0.5
    measures["partners"], measures["apart"] = float(share[best]), float(far[best])
    measures["chance"] = float(np.median(share[near]))
    measures["paler"] = _paler(level, inked, dy, dx)


def _paler(level: Float, inked: NDArray[Any], dy: int, dx: int) -> float:
    """By how much the ink with a partner only behind it differs from ink with a partner only ahead."""
    peak = cv2.dilate(level, np.ones((3, 3), np.uint8))
    reach = max(abs(dy), abs(dx))
    wide = np.pad(inked, reach)
    rows, cols = np.nonzero(inked)
    ahead = wide[rows + reach + dy, cols + reach + dx]
    behind = wide[rows + reach - dy, cols + reach - dx]
    here = peak[rows, cols]
    first, copy = here[ahead & ~behind], here[behind & ~ahead]
    if min(len(first), len(copy)) < 12:
        return 0.0
    one, two = float(np.median(first)), float(np.median(copy))
    return abs(one - two) / max(one, two, 1e-3)
