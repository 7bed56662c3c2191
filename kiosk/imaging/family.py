"""Which kind of form a sheet is when nobody said: by what stands in its box, else by the box's shape."""

from __future__ import annotations

import cv2

from kiosk.imaging import boxes, outline
from kiosk.imaging import circle as circles
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.frame import WORK

LARGE = 29.0  # mm; name seals are smaller, company seals larger
LOW = 47.0  # mm; a box lower than this was not made for a company seal


def family(page: Layout) -> str:
    """'unit' or 'personal'."""
    roomy, any_room = boxes.target(page, False), boxes.target(page, True)
    if any_room is None:
        return "unit"
    if roomy != any_room:
        return "personal"
    mask, coloured = outline.seal_mask(page, any_room)
    if cv2.countNonZero(mask):
        return "unit" if _company(mask, coloured) else "personal"
    return "personal" if _wide(any_room) else "unit"


def _company(mask: cv2.typing.MatLike, coloured: bool) -> bool:
    """True for a ring of a company seal's size, and for a large coloured mark that no pen makes."""
    ring = circles.rough(mask, WORK)
    if ring is not None and ring.support > (0.35 if coloured else 0.55) and 2 * ring.radius > LARGE * WORK:
        return True
    _, _, wide, high = cv2.boundingRect(mask)
    return coloured and min(wide, high) > 0.85 * LARGE * WORK and outline.square(mask)


def _wide(cell: Cell) -> bool:
    return cell.height < LOW or cell.width > 2.6 * cell.height
