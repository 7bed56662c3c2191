"""The ink alone: a mask in the picture's own pixels, and a transparent PNG of true size."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kiosk.imaging import optics
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.optics import Float
from kiosk.imaging.pictures import Pixels

RED = (200, 22, 30)
BLACK = (24, 24, 30)
Region = tuple[float, float, float, float]


def coverage(ink: Pixels, own: Pixels, keep: Pixels | None) -> Pixels:
    """Ink coverage 0..255, 128 where half of the solid ink's light is absorbed. ``keep`` blanks what is outside."""
    inside = own if keep is None else own[keep > 0]
    strong = inside[inside > 24]
    if strong.size < 20:
        return np.zeros(own.shape, np.uint8)
    solid = float(np.percentile(strong, 88))
    local = cv2.blur(cv2.blur(cv2.dilate(own, np.ones((9, 9), np.uint8)), (13, 13)), (13, 13)).astype(np.float32)
    base = np.clip(0.8 * solid + 0.2 * np.minimum(local, 1.2 * solid), 0.6 * solid, None)
    share: Float = own.astype(np.float32) / base
    out: Pixels = np.clip(share * 255, 0, 255).astype(np.uint8)
    out[share < 0.12] = 0
    if keep is not None:
        out[keep == 0] = 0
    return out


def in_picture(
    frame: Frame, region: Region, disc: tuple[float, float, float] | None, seal: bool
) -> tuple[Pixels, tuple[int, int]]:
    """Mask of the ink in the picture's pixel grid and its top left corner.

    ``region``: left, top, right, bottom in mm of the frame; ``disc``: centre and radius in mm that bound a round seal.
    """
    left, top, right, bottom = region
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    seen = optics.moved(frame.to_picture, corners * WORK)
    width, height = frame.picture.width, frame.picture.height
    x0, y0 = (max(0, int(v)) for v in np.floor(seen.min(axis=0)))
    x1, y1 = (int(v) for v in np.minimum(np.ceil(seen.max(axis=0)), (width, height)))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.zeros((1, 1), np.uint8), (x0, y0)
    part = np.ascontiguousarray(frame.picture.rgb[y0:y1, x0:x1])
    scale = frame.px_mm((left + right) / 2, (top + bottom) / 2)
    ink = optics.absorption(part, optics.paper(part, max(4, round(scale)), 7))
    keep: Pixels = np.zeros(part.shape[:2], np.uint8)
    if disc is None:
        cv2.fillConvexPoly(keep, np.round(seen - (x0, y0)).astype(np.int32), 255)
    else:
        turn = np.arange(90) * np.pi / 45
        ring = np.stack([disc[0] + disc[2] * np.cos(turn), disc[1] + disc[2] * np.sin(turn)], 1)
        outline = optics.moved(frame.to_picture, ring * WORK) - (x0, y0)
        cv2.fillConvexPoly(keep, np.round(outline).astype(np.int32), 255)
    return coverage(ink, own_ink(ink, seal), keep), (x0, y0)


def own_ink(ink: Pixels, seal: bool) -> Pixels:
    """For a seal the green light it absorbs (full resolution even in a 4:2:0 JPEG), for a pen the most absorbed."""
    red, green, blue = cv2.split(ink)
    if seal:
        return green
    strongest: Pixels = cv2.max(cv2.max(red, green), blue)
    return strongest


def cut(
    frame: Frame, region: Region, disc: tuple[float, float, float] | None, dpi: int, red: bool
) -> tuple[bytes, bytes]:
    """Two transparent PNGs of true size (pHYs): in one clean colour, and in the colours as they were seen."""
    left, top, right, bottom = region
    px = dpi / 25.4
    pixels, _ = frame.patch(left, top, right - left, bottom - top, px)
    ink = optics.absorption(pixels, optics.paper(pixels, max(4, round(px)), 7))
    keep = None
    if disc is not None:
        keep = np.zeros(pixels.shape[:2], np.uint8)
        centre = (round((disc[0] - left) * px * 16), round((disc[1] - top) * px * 16))
        cv2.circle(keep, centre, round(disc[2] * px * 16), 255, -1, cv2.LINE_8, 4)
    alpha = coverage(ink, own_ink(ink, red), keep)
    clean = np.empty((*alpha.shape, 4), np.uint8)
    clean[..., :3] = RED if red else BLACK
    clean[..., 3] = alpha
    seen = np.dstack([_undiluted(ink, alpha), alpha])
    return png(clean, dpi), png(seen, dpi)


def _undiluted(ink: Pixels, alpha: Pixels) -> NDArray[Any]:
    """The ink's own colour with the paper's share taken out."""
    share = np.maximum(alpha.astype(np.float32) / 255, 0.15)[..., None]
    out: NDArray[Any] = np.clip(255 - ink.astype(np.float32) / share, 0, 255).astype(np.uint8)
    return out


def png(rgba: NDArray[Any], dpi: int) -> bytes:
    """Encode with the resolution in pHYs."""
    out = io.BytesIO()
    Image.fromarray(rgba, "RGBA" if rgba.ndim == 3 else "L").save(out, "PNG", compress_level=2, dpi=(dpi, dpi))
    return out.getvalue()
