"""The verdict on a company seal: where it is, how large, and each fault with the measure that decides it.

Every limit below lies between what a careful clerk takes and what he refuses; all are in millimetres, shares of the
circumference or shares of absorbed light.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import circle as circles
from kiosk.imaging import double, foreign, optics, outline, spots
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import BORDER_MM, FINE, Finding, left_by_blur
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot
from kiosk.imaging.verdict import Label

MARGIN = 6.0
NEAR = 12.0  # mm around a seal outside of any box
FAINT = 0.365
MISSING = 0.04
BLUR_MM = 0.185
GHOST = 0.22
COPY = 0.75  # of the copy's free circumference has ink; a second seal's ring crosses it, its words cover up to half
OUT_OF_ROUND = 0.045
STRAY = 0.0045
RIM_MM = 2.0  # of ink at the picture's edge: a ring that only comes near it has none
DEEP = -7.0  # mm beyond a side of the box: the seal lies on that line rather than at it
RING_MM = 0.7  # width of the narrowest rings
DRAWN = 3.0  # times the blur: no longer than this, the ring was drawn out by a moving camera
TWICE = 0.88  # width over length of the widest double strike


def judge(frame: Frame, page: Layout, cell: Cell, lines: list[tuple[str, float]]) -> Finding | None:
    """Judge what stands in the box; None if nothing does."""
    mask, coloured = outline.seal_mask(page, cell)
    if cv2.countNonZero(mask) == 0:
        return None
    found = Finding()
    x, y, wide, high = cv2.boundingRect(mask)
    box = (x / WORK, y / WORK, (x + wide - 1) / WORK, (y + high - 1) / WORK)
    rough = None if outline.square(mask) else circles.rough(mask, WORK)
    found.measures["support"] = rough.support if rough else 0.0
    if rough is None or rough.support < 0.3:
        return _not_a_ring(frame, page, cell, found, box, mask, lines)
    if all(cell.open):  # no box was found: what stands far off belongs to something else
        cell = _around(mask, rough, cell)
    found.measures["rim_mm"] = _at_rim(frame, mask, (x, y, wide, high))
    _ring(frame, page, cell, found, rough, mask, lines, coloured)
    if Label.NOT_ROUND in found.defects:  # the circle fits it nowhere
        found.size = (box[2] - box[0], box[3] - box[1])
        found.x, found.y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return found


def _around(mask: Pixels, rough: Circle, cell: Cell) -> Cell:
    """The part of the sheet around a seal; the mask is blanked beyond it."""
    reach = rough.radius / WORK + NEAR
    x, y = rough.x / WORK, rough.y / WORK
    left, top, right, bottom = max(cell.left, x - reach), max(cell.top, y - reach), x + reach, y + reach
    near = Cell(left, top, min(cell.right, right), min(cell.bottom, bottom), cell.open)
    x0, y0, x1, y1 = (round(v * WORK) for v in (near.left, near.top, near.right, near.bottom))
    mask[:y0], mask[y1:], mask[:, :x0], mask[:, x1:] = 0, 0, 0, 0
    return near


def _at_rim(frame: Frame, mask: Pixels, box: tuple[int, int, int, int]) -> float:
    """Length (mm) over which the ink of a mask, with its bounding ``box``, reaches the picture's edge."""
    x, y, wide, high = box
    window = (slice(max(0, y - 4), y + high + 4), slice(max(0, x - 4), x + wide + 4))
    seen = frame.valid[window]
    if cv2.countNonZero(seen) == seen.size:
        return 0.0
    rim = cv2.subtract(seen, cv2.erode(seen, np.ones((5, 5), np.uint8), borderValue=(255,)))
    return cv2.countNonZero(cv2.bitwise_and(rim, mask[window])) / 2 / WORK


def _ring(
    frame: Frame,
    page: Layout,
    cell: Cell,
    found: Finding,
    rough: Circle,
    mask: Pixels,
    lines: list[tuple[str, float]],
    coloured: bool,
) -> None:
    side = 2 * (rough.radius / WORK + MARGIN)
    left, top = rough.x / WORK - side / 2, rough.y / WORK - side / 2
    pixels, _ = frame.patch(left, top, side, side, FINE)
    ink = optics.absorption(pixels, optics.paper(pixels, 12, 7))
    found.channel = 1
    strong = cv2.extractChannel(ink, found.channel)
    start = Circle(side / 2 * FINE - 0.5, side / 2 * FINE - 0.5, rough.radius / WORK * FINE, rough.support)
    fine = circles.refine(strong, start, FINE)
    found.x, found.y, found.radius = left + (fine.x + 0.5) / FINE, top + (fine.y + 0.5) / FINE, fine.radius / FINE
    found.size = (2 * found.radius, 2 * found.radius)
    unrolled = circles.polar(strong, fine.x, fine.y, fine.radius + 4.5 * FINE, fine.radius - 4.5 * FINE)
    _measure_ring(found, unrolled, fine)
    _colour(found, ink, fine)
    _roundness(found, unrolled, fine)
    _place(found, frame, page, cell, lines)
    own = double.own_ink(ink, found, cell, (left, top))
    double.doubled(found, double.seen_only(frame, own, left, top), fine)
    double.twin(found, own, fine)
    foreign.foreign(found, ink, fine, cell, (left, top), frame)
    _others(found, page, cell)
    found.measures["aspect"], found.measures["stray"] = outline.ellipse(mask)
    _settle(found, fine)


def _measure_ring(found: Finding, unrolled: NDArray[Any], fine: Circle) -> None:
    """Density, gaps and sharpness of the ring."""
    r = fine.radius
    band = unrolled[:, max(0, int(r - 1.5 * FINE)) : int(r + 0.3 * FINE)]
    height = band.max(axis=1)
    typical = float(np.percentile(height, 75))
    smooth = np.convolve(np.tile(height, 3), np.ones(3) / 3, "same")[360:720]
    found.measures["density"] = typical / 255
    weak = smooth < 0.42 * typical
    found.measures["missing"] = float(weak.mean())
    found.spots += spots.gaps(found.x, found.y, found.radius, weak)
    edge, good = circles.edges(unrolled, r, 0.7 * FINE, FINE)
    rows = np.nonzero(good)[0]
    if len(rows) == 0:
        found.measures["blur_mm"] = 9.0
        return
    span = np.arange(-9, 10)
    at = np.clip(edge[rows, None] + span, 0, unrolled.shape[1] - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, unrolled.shape[1] - 1)
    share = at - low
    profile = unrolled[rows[:, None], low] * (1 - share) + unrolled[rows[:, None], high] * share
    steep = (profile[:, :-2] - profile[:, 2:]).max(axis=1) / 2
    sigma = (height[rows] - profile[:, -1].clip(0)) / np.maximum(steep, 0.5) / 2.5066 / FINE
    found.measures["blur_mm"] = float(np.median(sigma))


def _colour(found: Finding, ink: Pixels, fine: Circle) -> None:
    """Absorption of the seal's solid ink in red, green, blue; red ink lets red pass and stops green and blue."""
    disc = np.zeros(ink.shape[:2], np.uint8)
    cv2.circle(disc, (round(fine.x), round(fine.y)), round(fine.radius), 255, -1)
    green = cv2.extractChannel(ink, 1)
    solid = (green > max(24.0, 0.6 * 255 * found.measures["density"])) & (disc > 0)
    if not solid.any():
        return
    red, gre, blu = (float(np.median(ink[..., c][solid])) / 255 for c in range(3))
    found.measures.update(ink_red=red, ink_green=gre, ink_blue=blu)
    top = max(red, gre, blu, 0.01)
    if not _is_red(red, gre, blu, top):
        found.defects.add(Label.NOT_RED)


def _is_red(red: float, green: float, blue: float, top: float) -> bool:
    """Red ink stops green and blue about equally and lets red pass; purple lets more blue pass and less red."""
    purple = blue < 0.65 * top and red > 0.4 * top
    return red < 0.54 * top and blue > 0.46 * top and green > 0.6 * top and not purple


def _roundness(found: Finding, unrolled: NDArray[Any], fine: Circle) -> None:
    """Second harmonic of the outer edge: the difference of the two axes over their mean."""
    edge, good = circles.edges(unrolled, fine.radius, 3.2 * FINE, FINE)
    if good.sum() < 120:
        found.measures.update(oval=0.0, axis=0.0)
        return
    angle = np.arange(360)[good] * np.pi / 180
    off = edge[good].astype(np.float64)
    design = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)], 1)
    keep = np.ones(len(off), bool)
    for _ in range(3):
        fit = circles.fitted(design[keep], off[keep])
        left = np.abs(off - design @ fit)
        keep = left < max(1.5, 2.5 * float(np.median(left)))
    found.measures["oval"] = float(2 * np.hypot(fit[3], fit[4]) / fit[0])
    found.measures["axis"] = float(np.arctan2(fit[4], fit[3]) / 2)


def _place(found: Finding, frame: Frame, page: Layout, cell: Cell, lines: list[tuple[str, float]]) -> None:
    """Distances to the box's sides, to lines in the box and to the picture's edge."""
    x, y, r = found.x, found.y, found.radius
    gaps = (x - r - cell.left, y - r - cell.top, cell.right - x - r, cell.bottom - y - r)
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    for way, at in lines:
        if abs((y if way == "across" else x) - at) < r - 0.2:
            found.defects.add(Label.OVER_LINE)
            found.spots.append(spots.crossing(x, y, r, way, at))
    around = np.stack([x + r * np.cos(np.arange(72) * np.pi / 36), y + r * np.sin(np.arange(72) * np.pi / 36)], 1)
    found.measures["inside_px"] = float(frame.inside(around).min())
    found.spots += spots.beyond_sides(x, y, r, cell, BORDER_MM)
    if found.measures["inside_px"] < 0:
        found.spots += spots.cut_off(x, y, r, frame.inside)


def _others(found: Finding, page: Layout, cell: Cell) -> None:
    """Coloured ink in the box that is not this seal."""
    x0, y0, x1, y1 = (round(v * WORK) for v in (cell.left + 0.5, cell.top + 0.5, cell.right - 0.5, cell.bottom - 0.5))
    x0, y0 = max(0, x0), max(0, y0)
    _, mask = cv2.threshold(page.colour[y0:y1, x0:x1], 40, 255, cv2.THRESH_BINARY)
    centre = (round(found.x * WORK - x0), round(found.y * WORK - y0))
    cv2.circle(mask, centre, round((found.radius + 0.7) * WORK), 0, -1)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    count, labels, stats = optics.clusters(joined)
    worst, extent, second = 0.0, 0.0, None
    inked = np.bincount(labels[mask > 0], minlength=count) / WORK**2
    for n in range(1, count):
        wide = max(int(stats[n, cv2.CC_STAT_WIDTH]), int(stats[n, cv2.CC_STAT_HEIGHT])) / WORK
        if wide > 5 and inked[n] > worst:
            worst, extent = float(inked[n]), wide
            box = stats[n, :4].astype(float) / WORK
            left, top = float(box[0]) + x0 / WORK, float(box[1]) + y0 / WORK
            second = Spot(Label.TWO_SEALS, (left, top, left + float(box[2]), top + float(box[3])))
    found.spots += [second] if second else []
    found.measures["other_mm2"] = worst
    found.measures["other_mm"] = extent


def _settle(found: Finding, fine: Circle) -> None:
    """From measures to labels; a fault that another one explains is not told twice."""
    m, d = found.measures, found.defects
    cropped = m["inside_px"] < -1.5 or m["rim_mm"] > RIM_MM
    ellipse = m["stray"] < STRAY  # the outline of two rings side by side strays from one
    unround = min(m["oval"], 1 - m["aspect"]) > OUT_OF_ROUND  # a pale second strike makes the outline alone long
    oval = unround and ellipse and (m["twin"] < 0.45 or m["aspect"] < TWICE) and not cropped
    apart = m["other_mm2"] > 6 and m["other_mm"] > 1.5 * found.radius + 9
    shift = 1 - m["aspect"]  # print along the rim also makes a lone ring look like two, but no longer
    drawn = 2 * shift * found.radius < DRAWN * m["blur_mm"]
    long = 0.007 < shift < 1 - TWICE and not drawn and m["stray"] < 0.13 * shift + 0.002  # a bitten ring strays further
    stadium = long and shift > 0.01 and m["stray"] > 0.06 * shift + 0.0004  # an ellipse strays less
    far = m["other_mm2"] > 90 and m["twin"] < 0.55
    ghost = (m["twin"] > 0.55 and long) or (m["ghost"] > 0.45 and not far)
    ghost = ghost or (m["ghost"] > (GHOST / 2 if stadium else GHOST) and not (apart or far))
    ghost = ghost or (m["copy"] > COPY and m["ghost"] > GHOST)
    ghost = ghost and not cropped and not oval
    left = left_by_blur(RING_MM, m["blur_mm"]) * (0.8 if ghost else 1.0)  # ink dragged over more paper is paler
    if m["density"] < (0.25 if Label.NOT_RED in d else FAINT) * left:
        d.add(Label.FAINT)
    if m["blur_mm"] > BLUR_MM * (1.2 if ghost else 1.0):
        d.add(Label.BLURRED)
    if oval:
        d.add(Label.NOT_ROUND)
    elif ghost:
        d.add(Label.SMEARED)
        if found.copy and m["ghost"] > GHOST:
            found.spots.append(spots.ring(Label.SMEARED, *found.copy, found.radius))
    elif m["other_mm2"] > (90 if cropped else 6):  # beyond a cut sheet's known corners a ring is not quite round
        d.add(Label.TWO_SEALS)
    if m["missing"] > MISSING and not cropped and Label.NOT_ROUND not in d:
        d.add(Label.INCOMPLETE)
    if cropped:
        d.add(Label.CROPPED)
    if m["border_mm"] < BORDER_MM and not cropped:
        d.add(Label.TOUCH_BORDER if m["border_mm"] > DEEP else Label.OVER_LINE)


def _not_a_ring(
    frame: Frame,
    page: Layout,
    cell: Cell,
    found: Finding,
    box: tuple[float, float, float, float],
    mask: Pixels,
    lines: list[tuple[str, float]],
) -> Finding:
    """No ring: an oval or square seal, or the rest of a round one."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines))
    (cx, cy), (w, h), _ = cv2.minAreaRect(hull)
    found.x, found.y = cx / WORK, cy / WORK
    found.size = (box[2] - box[0], box[3] - box[1])
    found.radius = max(w, h) / 2 / WORK
    found.defects.add(Label.NOT_ROUND)
    gaps = (box[0] - cell.left, box[1] - cell.top, cell.right - box[2], cell.bottom - box[3])
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
    found.measures["inside_px"] = float(frame.inside(corners).min())
    if found.measures["inside_px"] < 3:
        found.defects = {Label.CROPPED}
    elif found.measures["border_mm"] < BORDER_MM:
        found.defects.add(Label.TOUCH_BORDER)
        found.spots += spots.at_sides(Label.TOUCH_BORDER, mask, (0.0, 0.0), WORK, cell, BORDER_MM)
    green = cv2.extractChannel(page.ink, 1)
    solid = (mask > 0) & (green > 0.7 * np.percentile(green[mask > 0], 80))
    red, gre, blu = (float(np.median(page.ink[..., c][solid])) / 255 for c in range(3))
    top = max(red, gre, blu, 0.01)
    if not _is_red(red, gre, blu, top):
        found.defects.add(Label.NOT_RED)
    return found
