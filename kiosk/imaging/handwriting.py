"""The verdict on a signature or a small name seal in the box of a personal form."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.imaging import boxes, optics, strokes
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.finding import BORDER_MM, FINE, Finding
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Pixels
from kiosk.imaging.strokes import Marks
from kiosk.imaging.verdict import Label

FAINT = 0.37
BLUR_MM = 0.19
ECHO_SEAL = 5.0
ECHO_PEN = 8.8


def judge(frame: Frame, page: Layout, cell: Cell) -> Finding | None:
    """Judge what a person put into the box; None if nothing is there."""
    cell, _lines = boxes.split_by_line(page, cell)
    marks = strokes.split(page, cell, frame.valid)
    own = _main(marks)
    if own is None:
        marks = strokes.split(page, cell, frame.valid, faint=True)
        own = _main(marks, 5.0)
    if own is None:
        return None
    found = Finding()
    rows, cols = np.nonzero(own)
    box = (cols.min() / WORK, rows.min() / WORK, (cols.max() + 1) / WORK, (rows.max() + 1) / WORK)
    left, top = marks.left + box[0], marks.top + box[1]
    found.size = (box[2] - box[0], box[3] - box[1])
    found.x, found.y = left + found.size[0] / 2, top + found.size[1] / 2
    found.radius = max(found.size) / 2
    found.measures["coloured"] = float(marks.red)
    _place(found, frame, cell, (left, top))
    _print_under(found, marks, own)
    _lines_under(found, marks, own)
    _ink(found, frame, (left, top))
    _several(found, marks, own)
    _whole(found, marks, own)
    _settle(found)
    return found


def _main(marks: Marks, least_mm2: float = 1.5) -> Pixels | None:
    """The own ink without specks; None when less than a short stroke is left."""
    if least_mm2 > 2:
        inner = np.zeros_like(marks.own)
        inner[8:-8, 8:-8] = 255
        marks.own = cv2.morphologyEx(cv2.bitwise_and(marks.own, inner), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.dilate(marks.own, np.ones((25, 25), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    inked = np.bincount(labels[marks.own > 0], minlength=count) / WORK**2
    keep = (np.maximum(stats[:, 2], stats[:, 3]) - 24 > 4.0 * WORK) & (inked > least_mm2)
    keep[0] = False
    if not marks.coloured:
        keep &= stats[:, 3] - 24 > 5.4 * WORK  # lower than any signature: a line of print
    if not keep.any():
        return None
    out: Pixels = marks.own * keep[labels].astype(np.uint8)
    return out


def _place(found: Finding, frame: Frame, cell: Cell, corner: tuple[float, float]) -> None:
    right, bottom = corner[0] + found.size[0], corner[1] + found.size[1]
    gaps = (corner[0] - cell.left, corner[1] - cell.top, cell.right - right, cell.bottom - bottom)
    closed = [gap for gap, is_open in zip(gaps, cell.open, strict=True) if not is_open]
    found.measures["border_mm"] = min(closed) if closed else 99.0
    found.measures["edge_mm"] = min([gap for gap, is_open in zip(gaps, cell.open, strict=True) if is_open] or [99.0])


def _print_under(found: Finding, marks: Marks, own: Pixels) -> None:
    """Square millimetres of own ink inside the boxes of print, and of print that own ink touches."""
    over = 0.0
    for x0, y0, x1, y1 in marks.words:
        over += float((own[y0:y1, max(0, x0 - 3) : x1 + 3] > 0).sum())
    near = cv2.dilate(own, np.ones((5, 5), np.uint8))
    touched = float((cv2.bitwise_and(near, marks.text) > 0).sum())
    found.measures["over_print_mm2"] = over / WORK**2
    found.measures["print_touched_mm2"] = touched / WORK**2


def _lines_under(found: Finding, marks: Marks, own: Pixels) -> None:
    """Millimetres along which own ink meets a rule in the box."""
    near = cv2.dilate(own, np.ones((5, 5), np.uint8))
    found.measures["rule_mm"] = float((cv2.bitwise_and(near, marks.rules) > 0).sum()) / WORK**2 / 0.35


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
    found.measures["echo"] = _echo(strong, solid)


def _echo(strong: Pixels, solid: float) -> float:
    """How much the ink repeats itself some millimetres away: the peak of its power cepstrum over the spread.

    A double strike is the mark plus its copy; the copy writes a ripple into the spectrum's logarithm.
    """
    step = FINE / 6
    small = cv2.resize(strong, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.clip(small / max(solid, 1), 0, 1)
    side = 256 if max(small.shape) < 230 else 512
    small = small[:side, :side]
    power = np.abs(np.fft.fft2(small, (side, side))) ** 2
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]
    band = np.exp(-((np.hypot(fx, fy) / 0.22) ** 2))
    floor = float(np.percentile(power, 30)) + 1e-3
    log = np.log(power + floor)
    log = (log - float((log * band).sum() / band.sum())) * band
    ceps = np.fft.fftshift(np.real(np.fft.ifft2(log))).astype(np.float32)
    mid, reach = side // 2, 32
    view = ceps[mid - reach : mid + reach + 1, mid - reach : mid + reach + 1]
    lifted = cv2.GaussianBlur(view, (0, 0), 0.8) - cv2.GaussianBlur(view, (0, 0), 3)
    yy, xx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    far = np.hypot(xx, yy)
    lifted[(far < 3.4) | (far > 30) | (xx < 0)] = 0
    return _repeats((small > 0.25).astype(np.uint8), lifted)


def _repeats(inked: Pixels, lifted: optics.Float) -> float:
    """The highest cepstral peak, in spreads, whose displacement leads nearly all ink onto other ink."""
    best, total = 0.0, max(1, int(inked.sum()))
    spread = max(1e-9, float(lifted[lifted != 0].std()))
    grown = cv2.dilate(inked, np.ones((2, 2), np.uint8))
    pad = 32
    wide = cv2.copyMakeBorder(grown, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    height, width = inked.shape
    middle = lifted.shape[0] // 2
    for _ in range(4):
        y, x = np.unravel_index(int(lifted.argmax()), lifted.shape)
        dy, dx = int(y) - middle, int(x) - middle
        ahead = wide[pad + dy : pad + dy + height, pad + dx : pad + dx + width]
        behind = wide[pad - dy : pad - dy + height, pad - dx : pad - dx + width]
        share = float(cv2.bitwise_and(inked, cv2.bitwise_or(ahead, behind)).sum()) / total
        best = max(best, float(lifted[y, x]) / spread * min(1.0, max(0.0, share - 0.6) / 0.35))
        lifted[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 0
    return best


def _several(found: Finding, marks: Marks, own: Pixels) -> None:
    """Two or more coloured marks, each at least 8 mm and apart from the other."""
    joined = cv2.dilate(own, np.ones((15, 15), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    inked = np.bincount(labels[own > 0], minlength=count) / WORK**2
    size = np.minimum(stats[:, 2], stats[:, 3]) - 14
    found.measures["marks"] = float(((size > 9 * WORK) & (inked > 12))[1:].sum())


def _whole(found: Finding, marks: Marks, own: Pixels) -> None:
    """For a square seal: the share of its outline that is missing."""
    found.measures["missing"] = 0.0
    if not marks.red or found.measures["marks"] != 1:
        return
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
    found.measures["long"] = max(w, h) / max(1.0, min(w, h))


def _repeated(m: dict[str, float]) -> bool:
    """A double strike shows as a clear echo; pen strokes echo by themselves and need a clearer one."""
    if m["border_mm"] < BORDER_MM:
        return m["echo"] > 1.2 * ECHO_PEN
    if not m["coloured"]:
        return m["echo"] > ECHO_PEN
    return m["echo"] > ECHO_SEAL


def _settle(found: Finding) -> None:
    m, d = found.measures, found.defects
    cropped = m["edge_mm"] < 0.7
    if cropped:
        d.add(Label.CROPPED)
    if m["over_print_mm2"] > 0.6 or m["print_touched_mm2"] > 0.5:
        d.add(Label.OVER_TEXT)
    if m["rule_mm"] > 0.5:
        d.add(Label.OVER_LINE)
    if m["blur_mm"] > BLUR_MM:
        d.add(Label.BLURRED)
    if m["density"] < (0.28 if Label.BLURRED in d else FAINT):
        d.add(Label.FAINT)
    if m["marks"] > 1 and m["coloured"]:
        d.add(Label.TWO_SEALS)
    elif not {Label.BLURRED, Label.FAINT, Label.CROPPED} & d and _repeated(m):
        d.add(Label.SMEARED)
    if m["border_mm"] < BORDER_MM and not cropped:
        d.add(Label.TOUCH_BORDER)
    explained = {Label.TWO_SEALS, Label.SMEARED, Label.TOUCH_BORDER, Label.FAINT}
    if not cropped and not explained & d and (m["missing"] > 0.1 or m.get("long", 1.0) > 1.1):
        d.add(Label.INCOMPLETE)
