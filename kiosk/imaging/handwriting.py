"""The verdict on a signature or a small name seal in the box of a personal form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.imaging import boxes, optics, repeat, spots, strokes, trace
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
HALO = 11
REMAINS, REMAINS_MM2 = 45, 25.0
EDGE_MM = 0.7  # nearer to the picture's own edge, a part is beyond it
PARTNERS = 0.945
PALER = 0.024
LONGER = 1.04
PALER_SEAL = 0.036  # patches of less ink are paler, too


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
    if own is not None and not marks.coloured and _watermark(page, marks, own):
        own = None
    return marks, own, True


def _watermark(page: Layout, marks: Marks, own: Pixels) -> bool:
    """True if what was found is paler than even faint ink is, or broader than a pen writes."""
    x, y = round(marks.left * WORK), round(marks.top * WORK)
    strong = page.ink[y : y + own.shape[0], x : x + own.shape[1]].max(axis=2)[own > 0]
    far = cv2.distanceTransform(own, cv2.DIST_L2, 3)[own > 0]
    return float(np.percentile(strong, 90)) < 28 or float(np.percentile(far, 95)) > 0.75 * WORK


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
    """The print without stray strokes: clusters (joined over 2 mm) of at least 2.5 mm² of ink."""
    joined = cv2.dilate(text, np.ones((11, 11), np.uint8))
    count, labels, stats = optics.clusters(joined)
    inked = np.bincount(labels[text > 0], minlength=count) / WORK**2
    keep = (inked > 2.5) & (stats[:, 2] - 10 > 3.5 * WORK)
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


def _several(found: Finding, marks: Marks, own: Pixels) -> None:
    """How many coloured marks of at least 9 mm there are, each apart from the others; a signature beside one counts."""
    found.measures["marks"] = 0.0
    if not marks.red:
        return
    coloured = cv2.dilate(marks.vivid, np.ones((15, 15), np.uint8))
    plain = cv2.bitwise_and(cv2.bitwise_and(own, marks.plain), cv2.bitwise_not(coloured))
    coloured_ones, plain_ones = _clusters(marks.vivid, 9.0, 12.0), _clusters(plain, 6.0, 5.0)[:1]
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
    """For a square seal: the share of its outline that is missing."""
    found.measures["missing"] = 0.0
    if not marks.red or found.measures["marks"] != 1:
        return
    own = cv2.bitwise_and(own, marks.vivid)
    points = np.stack(np.nonzero(own)[::-1], 1).astype(np.float32)
    (cx, cy), (w, h), turn = cv2.minAreaRect(points)
    if min(w, h) < 9 * WORK:
        return
    side = round(max(w, h)) + 8
    move = cv2.getRotationMatrix2D((cx, cy), turn, 1.0)
    move[:, 2] += np.array([side / 2 - cx, side / 2 - cy])
    level = cv2.warpAffine(own, move, (side, side))
    a, b = (side - w) / 2, (side - h) / 2
    t = max(4, round(1.3 * WORK))
    x0, y0, x1, y1 = round(a), round(b), round(a + w), round(b + h)
    sides = [level[y0 : y0 + t, x0:x1].max(axis=0), level[y1 - t : y1, x0:x1].max(axis=0),
             level[y0:y1, x0 : x0 + t].max(axis=1), level[y0:y1, x1 - t : x1].max(axis=1)]  # fmt: skip
    found.measures["missing"] = 1 - float(np.mean(np.concatenate(sides) > 0))
    found.spots += _bare_sides(sides, (x0, y0, x1, y1), move, (marks.left, marks.top))
    found.measures["long"] = max(w, h) / max(1.0, min(w, h))


def _bare_sides(
    sides: list[Pixels], box: tuple[int, int, int, int], move: NDArray[Any], corner: tuple[float, float]
) -> list[Spot]:
    """The stretches of a square seal's outline that have no ink. ``move``: from the window to the levelled seal."""
    back, (x0, y0, x1, y1) = cv2.invertAffineTransform(move), box
    out = []
    for k, side in enumerate(sides):
        bare = np.flatnonzero(side.ravel() == 0)
        if len(bare) < 1.5 * WORK:
            continue
        a, b = int(bare[0]), int(bare[-1])
        ends = ((x0 + a, y0), (x0 + b, y0)) if k == 0 else ((x0 + a, y1), (x0 + b, y1)) if k == 1 else (
            ((x0, y0 + a), (x0, y0 + b)) if k == 2 else ((x1, y0 + a), (x1, y0 + b)))  # fmt: skip
        seen = (np.array(ends, np.float64) @ back[:, :2].T + back[:, 2]) / WORK + np.array(corner)
        out.append(spots.line(Label.INCOMPLETE, seen))
    return out


def _pale(found: Finding, marks: Marks, own: Pixels) -> None:
    """Square millimetres of pale strokes where the own ink ends, as two looks see them."""
    here = (marks.left, marks.top)
    found.measures["pale_mm2"], seen = trace.fine(marks, own)
    found.measures["trace_mm2"] = 0.0
    if not marks.red:
        found.measures["trace_mm2"], more = trace.smooth(marks, own)
        seen = cv2.bitwise_or(seen, more)
    if cv2.countNonZero(seen):
        found.spots += spots.regions(Label.INCOMPLETE, seen, here, WORK, 3.0)


def _repeated(m: dict[str, float]) -> bool:
    """A double strike: nearly all ink has its partner, and the copy is paler than the first strike."""
    turned = m["partners"] > 0.87 and m["partners"] - m["chance"] > 0.15 and m["paler"] > 0.06
    longer = LONGER < m.get("long", 1.0) < 1.3 and m["missing"] < 0.06 and m["border_mm"] > BORDER_MM
    if longer and m["partners"] > 0.98 and m["chance"] > 0.94:
        return True  # all sides are there and the lines run into each other, yet it is no square: as dark both times
    least = PALER_SEAL + 0.6 * max(0.0, m["chance"] - 0.9) if m["coloured"] else PALER
    return (m["partners"] > PARTNERS and m["paler"] > least) or turned


def _settle(found: Finding) -> None:
    m, d = found.measures, found.defects
    cropped = m["edge_mm"] < EDGE_MM
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
    dry = m["pale_mm2"] > PALE_MM2 or (m["trace_mm2"] > TRACE_MM2 and not {Label.OVER_TEXT, Label.OVER_LINE} & d)
    torn = m["missing"] > 0.1 or m.get("long", 1.0) > 1.1 or dry
    if not cropped and not (explained | {Label.BLURRED}) & d and torn:
        d.add(Label.INCOMPLETE)
