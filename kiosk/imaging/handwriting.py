"""The verdict on a signature or a small name seal in the box of a personal form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import boxes, cuts, name_seal, optics, repeat, spots, strokes, trace
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.finding import BORDER_MM, FINE, Finding
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.spots import Spot
from kiosk.imaging.strokes import Marks
from kiosk.imaging.verdict import Label

FAINT = 0.37
FAINT_GAIN = 2.2
BLUR_MM = 0.19
NO_WORDS_MM = 0.3  # so out of focus, a stroke cannot be told from a word
PALE_MM2 = 1.8
TRACE_MM2 = 2.0
SPECKS = 5
HALO = 11
LOWEST = 3.0  # mm
REMAINS, REMAINS_MM2 = 45, 25.0
EDGE_MM = 0.7  # nearer to the picture's own edge, a part is beyond it
INSIDE_MM = 0.4  # as near to it, the ink goes on outside
LIKES, SEAL_LIKES = 1.12, 1.1
COPY, SEAL_COPY = 1.85, 1.88
TRAIL = 0.1
CUT_ENDS = 1.9
LETTER = 5.3  # mm, the tallest print in or beside a box
SOLID, WHOLE = 0.6, 0.965  # share of its rectangle that a solid name seal fills, at least and if it is whole


def judge(frame: Frame, page: Layout, cell: Cell) -> Finding | None:
    """Judge what a person put into the box; None if nothing is there."""
    if not frame.paper:
        cell, _lines = boxes.split_by_line(page, cell)
    marks, own, faint = _look(frame, page, cell)
    if own is None:
        return None
    found = Finding()
    rows, cols = np.nonzero(own)
    box = (cols.min() / WORK, rows.min() / WORK, (cols.max() + 1) / WORK, (rows.max() + 1) / WORK)
    left, top = marks.left + box[0], marks.top + box[1]
    found.size = (box[2] - box[0], box[3] - box[1])
    found.x, found.y = left + found.size[0] / 2, top + found.size[1] / 2
    found.radius = max(found.size) / 2
    found.measures["coloured"], found.measures["strengthened"] = float(marks.red), float(faint)
    _place(found, frame, cell, (left, top))
    _at_edge(found, frame, marks, own)
    _print_under(found, marks, own)
    _ink(found, frame, (left, top))
    _several(found, marks, own)
    _whole(found, marks, own)
    _pale(found, marks, own)
    _settle(found)
    for label, near in ((Label.TOUCH_BORDER, BORDER_MM), (Label.CROPPED, EDGE_MM)):
        if label in found.defects:
            found.spots += spots.at_sides(label, own, (marks.left, marks.top), WORK, cell, near)
    return found


def _look(frame: Frame, page: Layout, cell: Cell) -> tuple[Marks, Pixels | None, bool]:
    """The box split up, the own ink if there is any, and whether it had to be strengthened to be seen."""
    marks = strokes.split(page, cell, frame.valid)
    own = _main(marks)
    if own is not None and not _remains(marks, own):
        return marks, own, False
    printed = cv2.dilate(cv2.bitwise_or(marks.text, marks.rules), np.ones((HALO, HALO), np.uint8))
    marks = strokes.split(page, cell, frame.valid, FAINT_GAIN)
    marks.own = cv2.bitwise_and(marks.own, cv2.bitwise_not(printed))  # strengthened, print has a rim like faint ink
    own = _main(marks, 4.0)
    if own is not None and (_flat(own) or (not marks.coloured and _watermark(page, marks, own))):
        own = None
    return marks, own, True


def _flat(own: Pixels) -> bool:
    """True for a strip lower than any signature or seal: the rim of a printed line."""
    return min(cv2.boundingRect(own)[2:]) < LOWEST * WORK


def _watermark(page: Layout, marks: Marks, own: Pixels) -> bool:
    """True if what was found is paler than even faint ink is, pale and even as a tint, or broader than a pen writes."""
    x, y = round(marks.left * WORK), round(marks.top * WORK)
    strong = page.ink[y : y + own.shape[0], x : x + own.shape[1]].max(axis=2)
    core = strong[cv2.erode(own, np.ones((3, 3), np.uint8)) > 0]
    low, most = np.percentile(core if core.size > 50 else strong[own > 0], (10, 90))
    far = cv2.distanceTransform(own, cv2.DIST_L2, 3)[own > 0]
    broad = float(np.percentile(far, 95)) > 0.75 * WORK
    return bool(np.percentile(strong[own > 0], 90) < 28 or (most < 36 and most - low < 0.2 * most) or broad)


def _remains(marks: Marks, own: Pixels) -> bool:
    """True for pale specks without colour: what is left of a watermark or a shadow once print was taken away."""
    little = cv2.countNonZero(own) < REMAINS_MM2 * WORK**2
    return little and not marks.coloured and float(np.percentile(marks.strong[own > 0], 90)) < REMAINS


def _main(marks: Marks, least_mm2: float = 2.0) -> Pixels | None:
    """The own ink without specks and shadows; None when less than a short stroke is left."""
    joined = cv2.dilate(marks.own, np.ones((25, 25), np.uint8))
    count, labels, stats = optics.clusters(joined)
    inked = np.bincount(labels[marks.own > 0], minlength=count) / WORK**2
    keep = (np.maximum(stats[:, 2], stats[:, 3]) - 24 > 4.0 * WORK) & (inked > least_mm2)
    keep &= (np.minimum(stats[:, 2], stats[:, 3]) - 24 > 1.5 * WORK) | (inked > 6.0)
    keep[0] = False
    if not keep.any():
        return None
    level = np.bincount(labels[marks.own > 0], marks.strong[marks.own > 0], count) / np.maximum(inked * WORK**2, 1)
    keep &= level > 0.45 * level[keep].max()  # shadows and watermarks are much paler than what was written
    out: Pixels = marks.own * keep[labels].astype(np.uint8)
    return out


def _place(found: Finding, frame: Frame, cell: Cell, corner: tuple[float, float]) -> None:
    right, bottom = corner[0] + found.size[0], corner[1] + found.size[1]
    gaps = (corner[0] - cell.left, corner[1] - cell.top, cell.right - right, cell.bottom - bottom)
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    found.measures["edge_mm"] = min([gap for gap, is_open in zip(gaps, cell.open, strict=True) if is_open] or [99.0])


def _at_edge(found: Finding, frame: Frame, marks: Marks, own: Pixels) -> None:
    """How far (mm) the ink stays within the picture, and where it comes near its edge."""
    outline = cv2.convexHull(cv2.findNonZero(own)).reshape(-1, 2) / WORK + np.array([marks.left, marks.top])
    away = frame.inside(outline) / frame.px_mm(found.x, found.y)
    found.measures["inside_mm"] = float(away.min())
    near = outline[away < INSIDE_MM]
    if len(near):
        (x0, y0), (x1, y1) = near.min(axis=0) - 0.5, near.max(axis=0) + 0.5
        found.spots.append(Spot(Label.CROPPED, (float(x0), float(y0), float(x1), float(y1))))


def _print_under(found: Finding, marks: Marks, own: Pixels) -> None:
    """Print (mm²) and rules (mm) that own ink lies on or nearly encloses."""
    near = cv2.dilate(own, np.ones((5, 5), np.uint8))
    text = _lines_of_print(marks.text)
    hull = _hulls(own)
    touched, held = cv2.bitwise_and(near, text), cv2.bitwise_and(hull, text)
    found.measures["print_touched_mm2"] = cv2.countNonZero(touched) / WORK**2
    found.measures["print_held_mm2"] = cv2.countNonZero(held) / WORK**2
    crossed = cv2.bitwise_and(near, marks.rules)
    found.measures["rule_mm"] = cv2.countNonZero(crossed) / WORK**2 / 0.35
    here = (marks.left, marks.top)
    found.spots += spots.regions(Label.OVER_TEXT, cv2.bitwise_or(touched, held), here, WORK, 4.0)
    found.spots += spots.regions(Label.OVER_LINE, crossed, here, WORK, 4.0)


def _lines_of_print(text: Pixels) -> Pixels:
    """The print without stray strokes: clusters (joined over 2 mm) of at least 2.5 mm² of ink. What is taller than a
    form's letters and no block of lines is a part of a large character that somebody wrote as squarely as print.
    """
    joined = cv2.dilate(text, np.ones((11, 11), np.uint8))
    count, labels, stats = optics.clusters(joined)
    inked = np.bincount(labels[text > 0], minlength=count) / WORK**2
    wide, high = stats[:, 2] - 10, stats[:, 3] - 10
    keep = (inked > 2.5) & (wide > 3.5 * WORK) & ((high < LETTER * WORK) | (wide > 2.5 * high))
    keep[0] = False
    out: Pixels = text * keep[labels].astype(np.uint8)
    return out


def _hulls(own: Pixels) -> Pixels:
    """The convex outline of each cluster (joined over 3 mm) of own ink, filled."""
    joined = cv2.dilate(own, np.ones((19, 19), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    out: Pixels = np.zeros_like(own)
    for k in range(1, count):
        points = cv2.findNonZero(((labels == k) & (own > 0)).astype(np.uint8))
        if points is not None:
            cv2.fillConvexPoly(out, cv2.convexHull(points), 255)
    return out


def _ink(found: Finding, frame: Frame, corner: tuple[float, float]) -> None:
    """Density, sharpness and echo of the ink at full resolution."""
    pad = 2.0
    pixels, _ = frame.patch(corner[0] - pad, corner[1] - pad, found.size[0] + 2 * pad, found.size[1] + 2 * pad, FINE)
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
    found.measures["cut_ends"] = 0.0
    if not found.measures["coloured"]:
        found.measures["cut_ends"], line = cuts.find(strong, solid)
        if line is not None:
            ends = np.array(line) / FINE + np.array(corner) - pad
            found.spots.append(spots.line(Label.INCOMPLETE, ends))


def _several(found: Finding, marks: Marks, own: Pixels) -> None:
    """How many coloured marks of at least 6 mm there are, each apart from the others; a signature beside one counts."""
    found.measures["marks"] = 0.0
    if not marks.red:
        return
    coloured = cv2.dilate(marks.vivid, np.ones((15, 15), np.uint8))
    plain = cv2.bitwise_and(cv2.bitwise_and(own, marks.plain), cv2.bitwise_not(coloured))
    coloured_ones, plain_ones = _clusters(marks.vivid, 6.0, 12.0), _clusters(plain, 6.0, 5.0)[:1]
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
    found.measures.update(trace_mm2=0.0, specks=0.0)
    if not marks.red:
        found.measures["trace_mm2"], more = trace.smooth(marks, own)
        found.measures["specks"], most = trace.specks(marks, own)
        seen = cv2.bitwise_or(seen, more)
        if found.measures["specks"] >= SPECKS:
            seen = cv2.bitwise_or(seen, most)
    if cv2.countNonZero(seen):
        found.spots += spots.regions(Label.INCOMPLETE, seen, here, WORK, 3.0)


def _repeated(m: dict[str, float]) -> bool:
    """A double strike, as any of the looks sees it; a name seal's lines and characters are alike from the start."""
    likes, fainter = m["likes"], m["fainter"]
    if m["coloured"]:
        apart = likes > SEAL_LIKES and fainter > 2.8 and (likes > m["likes_else"] + 0.1 or fainter > 5.5)
        paler = not _broken(m) and (m["trail"] > 0.2 or m["copy"] > SEAL_COPY)
        return apart or (fainter > 7 and likes > 0.8) or paler or likes > 1.45
    dragged = m["trail"] > TRAIL and not _dry(m)
    once = likes > m["likes_else"] + 0.12 or fainter > 4  # strokes in even waves are alike at many shifts
    return (likes > LIKES and once) or (fainter > 8 and likes > 0.5) or dragged or m["copy"] > COPY


def _dry(m: dict[str, float]) -> bool:
    """The ink goes on as a pale trace, or in specks."""
    return m["pale_mm2"] > PALE_MM2 or m["trace_mm2"] > TRACE_MM2 or m["specks"] >= SPECKS


def _broken(m: dict[str, float]) -> bool:
    """A name seal's outline has a gap, or a solid one lacks a part."""
    return m["missing"] > 0.06 or m["gap_mm"] > 1.5 or SOLID < m["filled"] < WHOLE


def _settle(found: Finding) -> None:
    m, d = found.measures, found.defects
    cropped = m["edge_mm"] < EDGE_MM or m["inside_mm"] < INSIDE_MM
    if cropped:
        d.add(Label.CROPPED)
    if m["print_touched_mm2"] > 0.5 or m["print_held_mm2"] > 1.0:
        d.add(Label.OVER_TEXT)
    if m["rule_mm"] > 0.5:
        d.add(Label.OVER_LINE)
    if m["blur_mm"] > BLUR_MM:
        d.add(Label.BLURRED)
        if m["blur_mm"] > NO_WORDS_MM:
            d -= {Label.OVER_TEXT, Label.OVER_LINE}
    if m["strengthened"] or m["density"] < (0.22 if Label.BLURRED in d else FAINT):
        d.add(Label.FAINT)
    if m["marks"] > 1 and m["coloured"]:
        d.add(Label.TWO_SEALS)
    elif not {Label.BLURRED, Label.FAINT, Label.CROPPED, Label.OVER_TEXT} & d and _repeated(m):
        d.add(Label.SMEARED)
    if m["border_mm"] < BORDER_MM and not cropped:
        d.add(Label.TOUCH_BORDER)
    explained = {Label.TWO_SEALS, Label.SMEARED, Label.TOUCH_BORDER, Label.FAINT}
    unsure = {Label.OVER_TEXT, Label.OVER_LINE} & d  # print breaks strokes up, and its rim is pale
    torn = _broken(m) or m["pale_mm2"] > PALE_MM2 or (not unsure and (m["cut_ends"] > CUT_ENDS or _dry(m)))
    if not cropped and not (explained | {Label.BLURRED}) & d and torn:
        d.add(Label.INCOMPLETE)
