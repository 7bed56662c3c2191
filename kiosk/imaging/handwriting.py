"""The verdict on a signature or a small name seal in the box of a personal form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import boxes, cuts, name_seal, optics, presence, repeat, sides, spots, trace
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.finding import BORDER_MM, FINE, Finding, left_by_blur
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot
from kiosk.imaging.strokes import Marks
from kiosk.imaging.verdict import Label

FAINT = 0.37
STROKE_MM = 0.5  # breadth of a thin stroke
RULE_MM = 0.5  # of a rule under the mark
ON_MM = 2.0  # to either side of a rule, where ink may hide it
MARGIN = 2.0  # mm around the mark that are looked at closely
INNER = 0.4  # mm beside the box's sides that are not: their rules may be blurred
BLUR_MM = 0.19
NO_WORDS_MM = 0.3  # so out of focus, a stroke cannot be told from a word
PALE_MM2 = 1.8
TRACE_MM2 = 1.4
SPECKS = 7
EDGE_MM = 0.7  # nearer to the picture's own edge, a part is beyond it
INSIDE_MM = 0.4  # as near to it, the ink goes on outside
CUT_OFF_MM2 = 0.3
LIKES, SEAL_LIKES = 1.12, 1.1
SURELY = 8.0  # deviations between the first strike and its copy
COPY, SEAL_COPY = 1.85, 1.88
TRAIL = 0.1
CUT = 0.92  # how sure that strokes were cut off along a line
JOIN, SEAL_JOIN = 1.8, 3.1  # mm between the letters of a line; a red seal's ink hides some of them
LETTER = 5.3  # mm, the tallest print in or beside a box
SOLID, WHOLE = 0.6, 0.965  # share of its rectangle that a solid name seal fills, at least and if it is whole


def judge(frame: Frame, page: Layout, cell: Cell) -> Finding | None:
    """Judge what a person put into the box; None if nothing is there."""
    if not frame.paper:
        cell, _lines = boxes.split_by_line(page, cell)
    marks, own, faint = presence.look(frame, page, cell)
    if own is None:
        return None
    found = Finding()
    rows, cols = np.nonzero(own)
    box = (cols.min() / WORK, rows.min() / WORK, (cols.max() + 1) / WORK, (rows.max() + 1) / WORK)
    left, top = marks.left + box[0], marks.top + box[1]
    found.size = (box[2] - box[0], box[3] - box[1])
    found.x, found.y = left + found.size[0] / 2, top + found.size[1] / 2
    found.radius = max(found.size) / 2
    found.measures.update(coloured=float(marks.red), strengthened=float(faint), pale_mm2=0.0, trace_mm2=0.0, specks=0.0)
    _place(found, cell, (left, top), sides.across(marks, own, cell))
    _at_edge(found, frame, marks, own)
    _print_under(found, marks, own)
    region = _around(found, cell)
    strong, solid = _ink(found, frame, region)
    _several(found, marks, own)
    _whole(found, marks, own)
    if found.measures["trail"] > TRAIL:
        _pale(found, marks, own)
    _settle(found)
    _torn(found, marks, own)
    if not found.defects and not found.measures["coloured"]:
        _cut(found, strong, solid, region[:2])
    for label, near in ((Label.TOUCH_BORDER, BORDER_MM), (Label.CROPPED, EDGE_MM)):
        if label in found.defects:
            found.spots += spots.at_sides(label, own, (marks.left, marks.top), WORK, cell, near)
    return found


def _place(found: Finding, cell: Cell, corner: tuple[float, float], across: list[Spot]) -> None:
    """How near the mark comes to the box's sides; ``across``: short strokes that lie on one of them."""
    right, bottom = corner[0] + found.size[0], corner[1] + found.size[1]
    gaps = (corner[0] - cell.left, corner[1] - cell.top, cell.right - right, cell.bottom - bottom)
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    if across:
        found.spots += across
        found.measures["border_mm"] = 0.0
    found.measures["edge_mm"] = min([gap for gap, is_open in zip(gaps, cell.open, strict=True) if is_open] or [99.0])


def _at_edge(found: Finding, frame: Frame, marks: Marks, own: Pixels) -> None:
    """How far (mm) the ink stays within the picture, and where it comes near its edge."""
    outline = cv2.convexHull(cv2.findNonZero(own)).reshape(-1, 2) / WORK + np.array([marks.left, marks.top])
    away = frame.inside(outline) / frame.px_mm(found.x, found.y)
    found.measures["inside_mm"] = float(away.min())
    found.measures["cut_off_mm2"] = _cut_off(frame, marks, own) if found.measures["edge_mm"] < 99.0 else 0.0
    near = outline[away < INSIDE_MM]
    if len(near):
        (x0, y0), (x1, y1) = near.min(axis=0) - 0.5, near.max(axis=0) + 0.5
        found.spots.append(Spot(Label.CROPPED, (float(x0), float(y0), float(x1), float(y1))))


def _cut_off(frame: Frame, marks: Marks, own: Pixels) -> float:
    """Square millimetres of ink as strong as the mark's at the picture's edge: what is left of a part beyond it."""
    x, y = round(marks.left * WORK), round(marks.top * WORK)
    valid = frame.valid[y : y + own.shape[0], x : x + own.shape[1]]
    side = round(2 * EDGE_MM * WORK) | 1
    rim = cv2.subtract(valid, cv2.erode(valid, np.ones((side, side), np.uint8), borderValue=(255,)))
    solid = marks.solid(own)
    strong = cv2.threshold(marks.strong, 0.6 * solid, 255, cv2.THRESH_BINARY)[1]
    return cv2.countNonZero(cv2.bitwise_and(cv2.bitwise_and(rim, strong), marks.own)) / WORK**2


def _print_under(found: Finding, marks: Marks, own: Pixels) -> None:
    """Print (mm²) and rules (mm) that own ink lies on or nearly encloses."""
    near = cv2.dilate(own, np.ones((5, 5), np.uint8))
    text = _lines_of_print(marks.text, SEAL_JOIN if marks.red else JOIN)
    hull = _hulls(own)
    touched, held = cv2.bitwise_and(near, text), cv2.bitwise_and(hull, text)
    found.measures["print_touched_mm2"] = cv2.countNonZero(touched) / WORK**2
    found.measures["print_held_mm2"] = cv2.countNonZero(held) / WORK**2
    crossed = cv2.bitwise_and(near, _longer(marks.rules))
    found.measures["rule_mm"] = cv2.countNonZero(crossed) / WORK**2 / 0.35
    here = (marks.left, marks.top)
    found.spots += spots.regions(Label.OVER_TEXT, cv2.bitwise_or(touched, held), here, WORK, 4.0)
    found.spots += spots.regions(Label.OVER_LINE, crossed, here, WORK, 4.0)


def _longer(rules: Pixels) -> Pixels:
    """Rules with ``ON_MM`` more at both ends: there the ink that crosses them hides them."""
    out, reach = rules, round(ON_MM * WORK)
    if not cv2.countNonZero(rules):
        return out
    for run, more in (((1, 3 * reach), (1, 2 * reach + 1)), ((3 * reach, 1), (2 * reach + 1, 1))):
        long = cv2.morphologyEx(rules, cv2.MORPH_OPEN, np.ones(run, np.uint8))
        out = cv2.bitwise_or(out, cv2.dilate(long, np.ones(more, np.uint8)))
    return out


def _lines_of_print(text: Pixels, join: float) -> Pixels:
    """The print without stray strokes: clusters (joined over ``join`` mm) of at least 2.5 mm² of ink. What is taller
    than a form's letters and no block of lines is a part of a large character that somebody wrote as squarely as print.
    """
    side = round(join * WORK) | 1
    count, labels, stats = optics.clusters(cv2.dilate(text, np.ones((side, side), np.uint8)))
    inked = np.bincount(labels[text > 0], minlength=count) / WORK**2
    wide, high = stats[:, 2] - side + 1, stats[:, 3] - side + 1
    keep = (inked > 2.5) & (wide > 3.5 * WORK) & ((high < LETTER * WORK) | (wide > 2.5 * high))
    keep[0] = False
    out: Pixels = text * keep[labels].astype(np.uint8)
    return out


def _hulls(own: Pixels) -> Pixels:
    """The convex outline of each cluster (joined over 3 mm) of own ink, filled."""
    out: Pixels = np.zeros_like(own)
    x, y, wide, high = cv2.boundingRect(own)
    inked = own[y : y + high, x : x + wide]
    count, labels = cv2.connectedComponents(cv2.dilate(inked, np.ones((19, 19), np.uint8)), connectivity=8)
    points = cv2.findNonZero(inked).reshape(-1, 2)
    owner = labels[points[:, 1], points[:, 0]]
    for k in range(1, count):
        cv2.fillConvexPoly(out, cv2.convexHull(points[owner == k] + np.array([x, y], np.int32)), 255)
    return out


def _around(found: Finding, cell: Cell) -> tuple[float, float, float, float]:
    """The mark with a margin (left, top, right, bottom in mm), but none of the box's own sides."""
    wide, high = found.size[0] / 2 + MARGIN, found.size[1] / 2 + MARGIN
    sides = (cell.left + INNER, cell.top + INNER, cell.right - INNER, cell.bottom - INNER)
    low_x, low_y, high_x, high_y = (
        (-np.inf, -np.inf, np.inf, np.inf)[k] if cell.open[k] else side for k, side in enumerate(sides)
    )
    return (
        max(found.x - wide, low_x), max(found.y - high, low_y), min(found.x + wide, high_x), min(found.y + high, high_y)
    )  # fmt: skip


def _ink(found: Finding, frame: Frame, region: tuple[float, float, float, float]) -> tuple[Pixels, float]:
    """Density, sharpness and echo of the ink at full resolution; the ink itself and how strong its solid part is."""
    left, top, right, bottom = region
    pixels, _ = frame.patch(left, top, right - left, bottom - top, FINE)
    ink = optics.absorption(pixels, optics.paper(pixels, 12, 9))
    red, green, blue = cv2.split(ink)
    strong = cv2.max(cv2.max(red, green), blue)
    if found.measures["coloured"]:
        strong = green
    inked = strong[strong > 40]
    solid = float(np.percentile(inked, 80)) if inked.size > 50 else 0.0
    found.measures["density"] = solid / 255
    smooth = cv2.GaussianBlur(strong, (0, 0), 0.6).astype(np.float32)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.magnitude(gx, gy)
    steep = slope[slope > 0.25 * float(slope.max())]
    found.measures["blur_mm"] = solid / max(1.0, float(np.percentile(steep, 85))) / 2.5066 / FINE if steep.size else 9.0
    repeat.measure(found.measures, strong, solid)
    return strong, solid


def _cut(found: Finding, strong: Pixels, solid: float, corner: tuple[float, float]) -> None:
    """A mark without any other fault: do its strokes end as if cut?"""
    found.measures["cut"], line = cuts.find(strong, solid)
    if line is not None and found.measures["cut"] > CUT:
        found.defects.add(Label.INCOMPLETE)
        found.spots.append(spots.line(Label.INCOMPLETE, np.array(line) / FINE + np.array(corner)))


def _several(found: Finding, marks: Marks, own: Pixels) -> None:
    """How many coloured marks of at least 6 mm there are, each apart from the others; a signature beside one counts."""
    found.measures["marks"] = 0.0
    if not marks.red:
        return
    coloured = cv2.dilate(marks.vivid, np.ones((15, 15), np.uint8))
    plain = cv2.bitwise_and(cv2.bitwise_and(own, marks.plain), cv2.bitwise_not(coloured))
    coloured_ones, plain_ones = _clusters(marks.vivid, 6.0, 12.0), _clusters(plain, presence.PLAIN_MM, 5.0)[:1]
    found.measures["marks"] = float(len(coloured_ones) + len(plain_ones))
    for box in (coloured_ones + plain_ones)[1:]:
        left, top, right, bottom = (float(v) for v in box / WORK + np.array([marks.left, marks.top] * 2))
        found.spots.append(Spot(Label.TWO_SEALS, (left, top, right, bottom)))


def _clusters(mask: Pixels, side: float, ink: float) -> list[NDArray[Any]]:
    """Boxes of the clusters (joined over 2.5 mm) at least ``side`` mm both ways with ``ink`` mm² of ink, most first."""
    joined = cv2.dilate(mask, np.ones((15, 15), np.uint8))
    count, labels, stats = optics.clusters(joined)
    inked = np.bincount(labels[mask > 0], minlength=count) / WORK**2
    large = (np.minimum(stats[:, 2], stats[:, 3]) - 14 > side * WORK) & (inked > ink)
    large[0] = False
    order = sorted(np.flatnonzero(large), key=lambda k: -float(inked[k]))
    return [np.array([x + 7, y + 7, x + wide - 7, y + high - 7]) for x, y, wide, high in stats[order, :4]]


def _whole(found: Finding, marks: Marks, own: Pixels) -> None:
    """For a name seal: what is missing of its outline."""
    found.measures.update(missing=0.0, gap_mm=0.0, filled=1.0)
    if not marks.red or found.measures["marks"] > 1:
        return
    seen = name_seal.outline(cv2.bitwise_and(own, marks.vivid), marks.left, marks.top)
    if seen is not None:
        found.measures.update(missing=seen.missing, gap_mm=seen.gap, filled=seen.filled, long=seen.long)
        found.spots += seen.gaps


def _pale(found: Finding, marks: Marks, own: Pixels) -> None:
    """Square millimetres of pale strokes where the own ink ends, as two looks see them."""
    here = (marks.left, marks.top)
    found.measures["pale_mm2"], seen = trace.fine(marks, own)
    if not marks.red:
        found.measures["trace_mm2"], more = trace.smooth(marks, own)
        found.measures["specks"], most = trace.specks(marks, own)
        seen = cv2.bitwise_or(seen, more)
        if found.measures["specks"] >= SPECKS:
            seen = cv2.bitwise_or(seen, most)
    found.spots += spots.regions(Label.INCOMPLETE, seen, here, WORK, 3.0)


def _repeated(m: dict[str, float]) -> bool:
    """A double strike, as any of the looks sees it; a name seal's lines and characters are alike from the start."""
    likes, fainter = m["likes"], m["fainter"]
    if m["coloured"]:
        apart = likes > SEAL_LIKES and fainter > 4.5 and (likes > m["likes_else"] + 0.1 or fainter > 5.5)
        paler = not _broken(m) and (m["trail"] > 0.2 or m["copy"] > SEAL_COPY)
        return apart or (fainter > 7 and likes > 0.8) or paler or likes > 1.45
    ruled = m["rule_mm"] > RULE_MM  # a rule's own edges are alike, and pale to one side of a stroke that crosses it
    dragged = m["trail"] > (2 * TRAIL if ruled else TRAIL) and not _dry(m)
    once = likes > m["likes_else"] + 0.12 or fainter > 4  # strokes in even waves are alike at many shifts
    weakly = fainter > SURELY and likes > 0.5 and not ruled
    return (likes > LIKES and once) or weakly or dragged or m["copy"] > COPY


def _dry(m: dict[str, float]) -> bool:
    """The ink goes on as a pale trace, or in specks."""
    return m["pale_mm2"] > PALE_MM2 or m["trace_mm2"] > TRACE_MM2 or m["specks"] >= SPECKS


def _broken(m: dict[str, float]) -> bool:
    """A name seal's outline has a gap, or a solid one lacks a part."""
    return m["missing"] > 0.06 or m["gap_mm"] > 1.5 or SOLID < m["filled"] < WHOLE


def _settle(found: Finding) -> None:
    m, d = found.measures, found.defects
    cropped = m["edge_mm"] < EDGE_MM or m["inside_mm"] < INSIDE_MM or m["cut_off_mm2"] > CUT_OFF_MM2
    if cropped:
        d.add(Label.CROPPED)
    if m["print_touched_mm2"] > 0.5 or m["print_held_mm2"] > 1.0:
        d.add(Label.OVER_TEXT)
    if m["rule_mm"] > RULE_MM:
        d.add(Label.OVER_LINE)
    repeated = _repeated(m)
    if not m["coloured"] and m["likes"] > LIKES and m["fainter"] > SURELY:
        d.discard(Label.OVER_TEXT)  # so many strokes side by side look like words
    spread = 1.25 if m["density"] < 0.7 * FAINT else 1.1 if repeated else 1.0  # grain or a copy disturbs the edges
    if m["blur_mm"] > BLUR_MM * spread:
        d.add(Label.BLURRED)
        if m["blur_mm"] > NO_WORDS_MM:
            d -= {Label.OVER_TEXT, Label.OVER_LINE}
    left = left_by_blur(STROKE_MM, m["blur_mm"]) if m["blur_mm"] > BLUR_MM else 1.0
    if m["strengthened"] or m["density"] < FAINT * left:
        d.add(Label.FAINT)
    if m["marks"] > 1 and m["coloured"]:
        d.add(Label.TWO_SEALS)
    elif not {Label.BLURRED, Label.FAINT, Label.CROPPED, Label.OVER_TEXT} & d and repeated:
        d.add(Label.SMEARED)
    if m["border_mm"] < BORDER_MM and not cropped:
        d.add(Label.TOUCH_BORDER)


def _torn(found: Finding, marks: Marks, own: Pixels) -> None:
    """Is a part missing? Any other fault but print below would explain what looks like it."""
    m, d = found.measures, found.defects
    over = {Label.OVER_TEXT, Label.OVER_LINE} & d  # print breaks strokes up, and its rim is pale
    if d - over:
        return
    if m["trail"] <= TRAIL:
        _pale(found, marks, own)
    if _broken(m) or m["pale_mm2"] > PALE_MM2 or (not over and _dry(m)):
        d.add(Label.INCOMPLETE)
