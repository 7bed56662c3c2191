"""The verdict on a company seal: where it is, how large, and each fault with the measure that decides it.

Every limit below lies between what a careful clerk takes and what he refuses; all are in millimetres, shares of the
circumference or shares of absorbed light.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import circle as circles
from kiosk.imaging import optics
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.circle import Circle
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.verdict import Label

FINE = 300 / 25.4
MARGIN = 6.0
BORDER_MM = 0.6
FAINT = 0.365
MISSING = 0.055
BLUR_MM = 0.185
GHOST = 0.22
OUT_OF_ROUND = 0.045


@dataclass
class Finding:
    """A seal as measured. Coordinates in mm of the frame; ``patch`` is its surroundings at ``px_mm``."""

    defects: set[Label] = field(default_factory=set)
    x: float = 0.0
    y: float = 0.0
    radius: float = 0.0
    size: tuple[float, float] = (0.0, 0.0)
    measures: dict[str, float] = field(default_factory=dict)
    spots: list[tuple[Label, float, float, float, float]] = field(default_factory=list)
    channel: int = 1


def seal_mask(page: Layout, cell: Cell) -> tuple[Pixels, bool]:
    """Ink of the seal in the working frame: the coloured ink of the box, else its dark ink without print."""
    slack = 8.0
    x0, y0 = (max(0, round((v - slack) * WORK)) for v in (cell.left, cell.top))
    x1, y1 = (round((v + slack) * WORK) for v in (cell.right, cell.bottom))
    out = np.zeros_like(page.dark)
    window = (slice(y0, y1), slice(x0, x1))
    _, coloured = cv2.threshold(page.colour[window], 22, 255, cv2.THRESH_BINARY)
    coloured = cv2.morphologyEx(coloured, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    rules = cv2.dilate(page.across[window] | page.down[window], np.ones((5, 5), np.uint8))
    coloured = cv2.bitwise_and(coloured, cv2.bitwise_not(rules))
    blobs = clusters(coloured, cell, (x0 / WORK, y0 / WORK), 1.5, 7.0)
    if blobs is not None and int((blobs > 0).sum()) > 12 * WORK * WORK:
        out[window] = blobs
        return out, True
    dark = cv2.extractChannel(page.ink[window], 1)
    _, dark = cv2.threshold(dark, 40, 255, cv2.THRESH_BINARY)
    long = cv2.morphologyEx(page.across[window], cv2.MORPH_OPEN, np.ones((1, 150), np.uint8))
    long |= cv2.morphologyEx(page.down[window], cv2.MORPH_OPEN, np.ones((150, 1), np.uint8))
    dark = cv2.bitwise_and(dark, cv2.bitwise_not(cv2.dilate(long, np.ones((5, 5), np.uint8))))
    blobs = clusters(dark, cell, (x0 / WORK, y0 / WORK), 0.3, 11.0, 8.0)
    if blobs is not None and int((blobs > 0).sum()) > 25 * WORK * WORK:
        out[window] = blobs
        return out, False
    return out, True


def clusters(
    mask: Pixels, cell: Cell, origin: tuple[float, float], join: float, least: float, both: float = 0.0
) -> Pixels | None:
    """Keep the clusters (joined over ``join`` mm) at least ``least`` mm long whose middle lies in the cell.

    ``both``: least extent, mm, either way; it drops lines of print.
    """
    reach = max(1, round(join * WORK))
    joined = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_32S)
    keep = np.zeros(count, np.uint8)
    for k in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[k])
        middle = (origin[0] + (x + w / 2) / WORK, origin[1] + (y + h / 2) / WORK)
        if max(w, h) - reach >= least * WORK and min(w, h) - reach >= both * WORK and cell.holds(*middle, slack=1.0):
            keep[k] = 255
    if not keep.any():
        return None
    kept: Pixels = cv2.bitwise_and(mask, keep[labels])
    return kept


def judge(frame: Frame, page: Layout, cell: Cell, lines: list[tuple[str, float]]) -> Finding | None:
    """Judge what stands in the box; None if nothing does."""
    mask, coloured = seal_mask(page, cell)
    if cv2.countNonZero(mask) == 0:
        return None
    found = Finding()
    x, y, wide, high = cv2.boundingRect(mask)
    box = (x / WORK, y / WORK, (x + wide - 1) / WORK, (y + high - 1) / WORK)
    rough = None if square(mask) else circles.rough(mask, WORK)
    found.measures["support"] = rough.support if rough else 0.0
    if rough is None or rough.support < 0.3:
        return _not_a_ring(frame, page, cell, found, box, mask, lines)
    return _ring(frame, page, cell, found, rough, mask, lines, coloured)


def ellipse(mask: Pixels) -> tuple[float, float]:
    """Short over long axis of the ellipse through the ink's outline, and how far the outline strays from it."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines)).reshape(-1, 2).astype(np.float32)
    if len(hull) < 12:
        return 1.0, 1.0
    along = np.vstack([hull, hull[:1]])
    dense = np.concatenate([np.linspace(a, b, 2 + int(np.hypot(*(b - a)) / 4)) for a, b in itertools.pairwise(along)])
    (cx, cy), (w, h), turn = cv2.fitEllipse(dense.astype(np.float32).reshape(-1, 1, 2))
    if min(w, h) < 1:
        return 1.0, 1.0
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    x, y = dense[:, 0] - cx, dense[:, 1] - cy
    radius = np.hypot((x * c + y * s) / (w / 2), (y * c - x * s) / (h / 2))
    return float(min(w, h) / max(w, h)), float(np.abs(radius - 1).mean())


def square(mask: Pixels) -> bool:
    """True if the ink's outline fills a nearly square rectangle; a disc fills 79 % of its own."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines))
    _, (w, h), _ = cv2.minAreaRect(hull)
    if min(w, h) < 8 * WORK or max(w, h) > 1.4 * min(w, h):
        return False
    return float(cv2.contourArea(hull)) > 0.9 * w * h


def _ring(
    frame: Frame,
    page: Layout,
    cell: Cell,
    found: Finding,
    rough: Circle,
    mask: Pixels,
    lines: list[tuple[str, float]],
    coloured: bool,
) -> Finding:
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
    unrolled = circles.polar(strong, fine.x, fine.y, fine.radius + 4.5 * FINE)
    _measure_ring(found, unrolled, fine)
    _colour(found, ink, fine)
    _roundness(found, unrolled, fine)
    _place(found, frame, page, cell, lines)
    own = _own_ink(ink, found)
    _doubled(found, _seen_only(frame, own, left, top), fine)
    _twin(found, own, fine)
    _foreign(found, ink, fine, cell, (left, top), page)
    _others(found, page, cell)
    found.measures["aspect"], found.measures["stray"] = ellipse(mask)
    _settle(found, fine)
    return found


def _measure_ring(found: Finding, unrolled: NDArray[Any], fine: Circle) -> None:
    """Density, gaps and sharpness of the ring."""
    r = fine.radius
    band = unrolled[:, max(0, int(r - 1.5 * FINE)) : int(r + 0.3 * FINE)]
    height = band.max(axis=1)
    typical = float(np.percentile(height, 75))
    smooth = np.convolve(np.tile(height, 3), np.ones(3) / 3, "same")[360:720]
    found.measures["density"] = typical / 255
    found.measures["missing"] = float((smooth < 0.42 * typical).mean())
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
    if red > 0.56 * top or blu < 0.42 * top or gre < 0.6 * top:
        found.defects.add(Label.NOT_RED)


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
        fit = np.linalg.lstsq(design[keep], off[keep], rcond=None)[0]
        left = np.abs(off - design @ fit)
        keep = left < max(1.5, 2.5 * float(np.median(left)))
    found.measures["oval"] = float(2 * np.hypot(fit[3], fit[4]) / fit[0])
    found.measures["axis"] = float(np.arctan2(fit[4], fit[3]) / 2)


def _seen_only(frame: Frame, own: Pixels, left: float, top: float) -> Pixels:
    """Blank what lies outside of the picture, where the patch only repeats the picture's edge."""
    corners = np.array([[left, top], [left + own.shape[1] / FINE, top + own.shape[0] / FINE]])
    corners = np.array([[x, y] for x in corners[:, 0] for y in corners[:, 1]])
    if frame.inside(corners).min() > 2:
        return own
    yy, xx = np.mgrid[0 : own.shape[0] : 4, 0 : own.shape[1] : 4]
    points = np.stack([left + xx.ravel() / FINE, top + yy.ravel() / FINE], 1).astype(np.float64)
    inside = (frame.inside(points) > 6).reshape(xx.shape).astype(np.uint8) * 255
    mask = cv2.resize(inside, (own.shape[1], own.shape[0]), interpolation=cv2.INTER_NEAREST)
    return cv2.bitwise_and(own, cv2.erode(mask, np.ones((9, 9), np.uint8)))


def _twin(found: Finding, own: Pixels, fine: Circle) -> None:
    """If the outline is a little long: do two equal rings side by side explain it? Looks at their inner arcs."""
    found.measures["twin"] = 0.0
    half = found.measures["oval"] * fine.radius / 2
    if found.measures["oval"] < 0.011 or found.measures["inside_px"] < -1.5:
        return
    ring = circles.polar(own, fine.x, fine.y, fine.radius + 2 * FINE)
    solid = max(20.0, float(np.percentile(ring[:, int(fine.radius - 2 * FINE) :].max(axis=1), 60)))
    turn = np.radians(np.arange(-50, 51, 2.0))
    best = 0.0
    for axis in found.measures["axis"] + np.array([0.0, 0.06, -0.06]):
        for apart in np.arange(2.4, 5.6, 0.3) * half:
            for inner in np.arange(-0.5, 0.31, 0.1) * FINE:
                radius = fine.radius - apart * 0.32 - 0.5 * FINE + inner
                for way in (0.0, np.pi):
                    cx, cy = fine.x + np.cos(axis + way) * apart / 2, fine.y + np.sin(axis + way) * apart / 2
                    x = np.round(cx - radius * np.cos(axis + way + turn)).astype(int)
                    y = np.round(cy - radius * np.sin(axis + way + turn)).astype(int)
                    seen = own[np.clip(y, 0, own.shape[0] - 1), np.clip(x, 0, own.shape[1] - 1)]
                    best = max(best, float(np.minimum(seen / solid, 1).mean()))
    found.measures["twin"] = best


def _own_ink(ink: Pixels, found: Finding) -> Pixels:
    """Ink of the seal's own colour: for red ink what green loses more than red."""
    red, green, _ = cv2.split(ink)
    if Label.NOT_RED in found.defects:
        return green
    own: Pixels = cv2.subtract(green, red)
    return own


def _doubled(found: Finding, own: Pixels, fine: Circle) -> None:
    """Look for the same ring once more within 6 mm, where only a ghost has ink: outside of the first ring."""
    solid = max(
        20.0,
        float(np.percentile(circles.polar(own, fine.x, fine.y, fine.radius)[:, -int(1.2 * FINE) :].max(axis=1), 70)),
    )
    steps = np.arange(-6.0, 6.01, 0.3) * FINE
    dx, dy = (v.ravel() for v in np.meshgrid(steps, steps))
    far = (np.hypot(dx, dy) > 0.55 * FINE) & (np.hypot(dx, dy) < 6 * FINE)
    dx, dy = dx[far], dy[far]
    angle = np.arange(0, 360, 3) * np.pi / 180
    inner = fine.radius - 0.5 * FINE
    px, py = dx[:, None] + inner * np.cos(angle), dy[:, None] + inner * np.sin(angle)
    skirt = 0.3 + 1.6 * min(1.0, found.measures["blur_mm"])
    outside = np.hypot(px, py) > fine.radius + skirt * FINE
    x, y = np.round(px + fine.x).astype(int), np.round(py + fine.y).astype(int)
    here = (x >= 0) & (y >= 0) & (x < own.shape[1]) & (y < own.shape[0])
    seen = np.minimum(own[np.clip(y, 0, own.shape[0] - 1), np.clip(x, 0, own.shape[1] - 1)] / solid, 1.0)
    used = outside & here
    score = (seen * used).sum(axis=1) / np.maximum(used.sum(axis=1), 12)
    best = int(score.argmax())
    found.measures["ghost"] = float(score[best])
    found.measures["ghost_mm"] = float(np.hypot(dx[best], dy[best]) / FINE)


def _foreign(found: Finding, ink: Pixels, fine: Circle, cell: Cell, origin: tuple[float, float], page: Layout) -> None:
    """Print and lines under the seal: ink that stops red light, in the disc, off the box's own rules."""
    found.measures["text_mm2"] = found.measures["line_mm"] = 0.0
    if Label.NOT_RED in found.defects:
        return
    red, _green, _blue = cv2.split(ink)
    own = found.measures.get("ink_red", 0.1) * 255
    dark = (red > max(62.0, 1.9 * own, own + 45)).astype(np.uint8) * 255
    disc = np.zeros_like(dark)
    cv2.circle(disc, (round(fine.x), round(fine.y)), round(fine.radius + 0.1 * FINE), 255, -1)
    yy, xx = np.indices(dark.shape, np.float32)
    x, y = origin[0] + xx / FINE, origin[1] + yy / FINE
    near, far = 0.7, 1.7
    free = (x > cell.left + near) & (x < cell.right - near) & (y > cell.top + near) & (y < cell.bottom - near)
    beyond = (x < cell.left - far) | (x > cell.right + far) | (y < cell.top - far) | (y > cell.bottom + far)
    dark = cv2.bitwise_and(dark, disc)
    dark[~(free | beyond)] = 0
    lines, text = separate(dark, FINE)
    found.measures["line_mm"] = lines
    found.measures["text_mm2"] = text
    if text > (2.0 if lines else 0.7):
        found.defects.add(Label.OVER_TEXT)
    if lines > 2.2:
        found.defects.add(Label.OVER_LINE)


def separate(dark: Pixels, px_mm: float) -> tuple[float, float]:
    """Length (mm) of straight thin strokes and area (mm²) of everything else in a mask of dark ink."""
    if int((dark > 0).sum()) < 0.4 * px_mm**2:
        return 0.0, 0.0
    k = round(5.5 * px_mm)
    straight = np.zeros_like(dark)
    grown = cv2.dilate(dark, np.ones((2, 2), np.uint8))
    length = 0.0
    for slope in (-0.06, -0.03, 0.0, 0.03, 0.06):
        rise = round(abs(slope) * k)
        kernel = np.zeros((rise + 1, k), np.uint8)
        ends = ((0, 0), (k - 1, rise)) if slope >= 0 else ((0, rise), (k - 1, 0))
        cv2.line(kernel, ends[0], ends[1], 1)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, kernel)
        straight |= cv2.morphologyEx(grown, cv2.MORPH_OPEN, np.ascontiguousarray(kernel.T))
    straight = cv2.bitwise_and(straight, dark)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(straight, connectivity=8)
    lines = np.zeros_like(dark)
    for n in range(1, count):
        w, h, area = (int(stats[n, c]) for c in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
        long = float(np.hypot(w, h))
        if long > 5.0 * px_mm and area < long * 1.1 * px_mm:
            lines[labels == n] = 255
            length += long / px_mm
    rest = cv2.bitwise_and(dark, cv2.bitwise_not(cv2.dilate(lines, np.ones((7, 7), np.uint8))))
    rest = cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return length, float((rest > 0).sum()) / px_mm**2


def _place(found: Finding, frame: Frame, page: Layout, cell: Cell, lines: list[tuple[str, float]]) -> None:
    """Distances to the box's sides, to lines in the box and to the picture's edge."""
    x, y, r = found.x, found.y, found.radius
    gaps = (x - r - cell.left, y - r - cell.top, cell.right - x - r, cell.bottom - y - r)
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    for way, at in lines:
        if abs((y if way == "across" else x) - at) < r - 0.2:
            found.defects.add(Label.OVER_LINE)
    around = np.stack([x + r * np.cos(np.arange(72) * np.pi / 36), y + r * np.sin(np.arange(72) * np.pi / 36)], 1)
    found.measures["inside_px"] = float(frame.inside(around).min())


def _others(found: Finding, page: Layout, cell: Cell) -> None:
    """Coloured ink in the box that is not this seal."""
    x0, y0, x1, y1 = (round(v * WORK) for v in (cell.left + 0.5, cell.top + 0.5, cell.right - 0.5, cell.bottom - 0.5))
    x0, y0 = max(0, x0), max(0, y0)
    _, mask = cv2.threshold(page.colour[y0:y1, x0:x1], 40, 255, cv2.THRESH_BINARY)
    centre = (round(found.x * WORK - x0), round(found.y * WORK - y0))
    cv2.circle(mask, centre, round((found.radius + 0.7) * WORK), 0, -1)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    worst, extent = 0.0, 0.0
    inked = np.bincount(labels[mask > 0], minlength=count) / WORK**2
    for n in range(1, count):
        wide = max(int(stats[n, cv2.CC_STAT_WIDTH]), int(stats[n, cv2.CC_STAT_HEIGHT])) / WORK
        if wide > 5 and inked[n] > worst:
            worst, extent = float(inked[n]), wide
    found.measures["other_mm2"] = worst
    found.measures["other_mm"] = extent


def _settle(found: Finding, fine: Circle) -> None:
    """From measures to labels; a fault that another one explains is not told twice."""
    m, d = found.measures, found.defects
    cropped = m["inside_px"] < -1.5
    oval = m["aspect"] < 1 - OUT_OF_ROUND and m["stray"] < 0.016 and m["twin"] < 0.45 and not cropped
    apart = m["other_mm2"] > 6 and m["other_mm"] > 1.5 * found.radius + 9
    far = m["other_mm2"] > 90 and m["twin"] < 0.55
    ghost = m["twin"] > 0.55 or (m["ghost"] > 0.45 and not far) or (m["ghost"] > GHOST and not apart)
    ghost = ghost and not cropped and not oval
    if m["density"] < (0.25 if Label.NOT_RED in d else FAINT):
        d.add(Label.FAINT)
    if m["blur_mm"] > BLUR_MM:
        d.add(Label.BLURRED)
    if oval:
        d.add(Label.NOT_ROUND)
    elif ghost:
        d.add(Label.SMEARED)
    elif m["other_mm2"] > 6:
        d.add(Label.TWO_SEALS)
    if m["missing"] > MISSING and not cropped and Label.NOT_ROUND not in d:
        d.add(Label.INCOMPLETE)
    if cropped:
        d.add(Label.CROPPED)
    if m["border_mm"] < BORDER_MM and not cropped:
        d.add(Label.TOUCH_BORDER)


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
    green = cv2.extractChannel(page.ink, 1)
    solid = (mask > 0) & (green > 0.7 * np.percentile(green[mask > 0], 80))
    red, gre, blu = (float(np.median(page.ink[..., c][solid])) / 255 for c in range(3))
    top = max(red, gre, blu, 0.01)
    if red > 0.6 * top or blu < 0.42 * top:
        found.defects.add(Label.NOT_RED)
    return found
