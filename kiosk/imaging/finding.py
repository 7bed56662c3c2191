"""What was measured of a seal or signature, before it becomes a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kiosk.imaging.spots import Spot
from kiosk.imaging.verdict import Label

FINE = 300 / 25.4  # pixels per mm of the patch in which a mark is measured
BORDER_MM = 0.6  # ink nearer than this to a side of the box touches it


def left_by_blur(breadth: float, blur: float) -> float:
    """What share of its strength a stroke keeps in its middle; ``breadth`` and ``blur`` in mm."""
    return math.erf(breadth / 2 / (math.sqrt(2) * max(blur, 0.05)))


@dataclass
class Finding:
    """A seal as measured, in mm of the frame. ``spots``: where faults lie; ``copy``: centre of a second strike."""

    defects: set[Label] = field(default_factory=set)
    x: float = 0.0
    y: float = 0.0
    radius: float = 0.0
    size: tuple[float, float] = (0.0, 0.0)
    measures: dict[str, float] = field(default_factory=dict)
    spots: list[Spot] = field(default_factory=list)
    copy: tuple[float, float] | None = None
    channel: int = 1
