"""The picture the person sees: the capture box with what is wrong drawn into it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from kiosk.imaging.boxes import Cell
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot

WRONG = (24, 40, 216)  # blue, green, red
RIGHT = (60, 140, 30)
HINT = (60, 225, 255)
SCALE = 8.0
AROUND = 0.8  # mm between a place and the line around it


def marked(
    frame: Frame,
    cell: Cell | None,
    center: tuple[float, float],
    size: tuple[float, float],
    round_one: bool,
    ok: bool,
    places: Sequence[Spot] = (),
) -> bytes:
    """PNG of the box with a margin of 6 mm; the box and the seal or signature framed, red where it was refused.

    Faults that lie somewhere (``places``) are marked there, and the frame around the whole stays thin.
    """
    if cell is None:
        left, top = center[0] - 30, center[1] - 30
        width, height = 60.0, 60.0
    else:
        left, top, width, height = cell.left - 6, cell.top - 6, cell.width + 12, cell.height + 12
    px = min(SCALE, 900 / max(width, height))
    pixels, _ = frame.patch(left, top, width, height, px)
    canvas: Pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    colour = RIGHT if ok else WRONG
    if cell is not None:
        corner = [(round((cell.left - left) * px), round((cell.top - top) * px))]
        corner.append((round((cell.right - left) * px), round((cell.bottom - top) * px)))
        cv2.rectangle(canvas, corner[0], corner[1], colour, 2, cv2.LINE_AA)
    if size[0] > 0:
        middle = (round((center[0] - left) * px), round((center[1] - top) * px))
        half = (round((size[0] / 2 + 1) * px), round((size[1] / 2 + 1) * px))
        if round_one:
            cv2.ellipse(canvas, middle, half, 0, 0, 360, colour, 1 if places else 3, cv2.LINE_AA)
        else:
            a, b = (middle[0] - half[0], middle[1] - half[1]), (middle[0] + half[0], middle[1] + half[1])
            cv2.rectangle(canvas, a, b, colour, 1 if places else 3, cv2.LINE_AA)
    for spot in places:
        _point_out(canvas, spot, (left, top), px)
    return bytes(cv2.imencode(".png", canvas, [cv2.IMWRITE_PNG_COMPRESSION, 2])[1].tobytes())


def _point_out(canvas: Pixels, spot: Spot, corner: tuple[float, float], px: float) -> None:
    """Lay yellow over the place and a red line around it (along it, where it is a line)."""
    shade = canvas.copy()
    if spot.arc:
        path = np.round((np.array(spot.arc) - corner) * px).astype(np.int32)
        cv2.polylines(shade, [path], False, HINT, round(3 * px), cv2.LINE_AA)
        cv2.addWeighted(shade, 0.4, canvas, 0.6, 0, canvas)
        cv2.polylines(canvas, [path], False, WRONG, 3, cv2.LINE_AA)
        return
    x0, y0, x1, y1 = spot.box
    a = (round((x0 - AROUND - corner[0]) * px), round((y0 - AROUND - corner[1]) * px))
    b = (round((x1 + AROUND - corner[0]) * px), round((y1 + AROUND - corner[1]) * px))
    cv2.rectangle(shade, a, b, HINT, -1)
    cv2.addWeighted(shade, 0.35, canvas, 0.65, 0, canvas)
    cv2.rectangle(canvas, a, b, WRONG, 3, cv2.LINE_AA)


def box_of(frame: Frame) -> Cell:
    """The whole sheet as a cell, for pictures in which no box was found."""
    height, width = frame.rgb.shape[:2]
    return Cell(0.0, 0.0, width / WORK, height / WORK, (True, True, True, True))
