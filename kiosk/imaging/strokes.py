"""Handwriting against print: which marks of a box are printed words or rules, and which are a person's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from kiosk.imaging import optics, pen
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.frame import WORK
from kiosk.imaging.pictures import Pixels

AROUND = 3.0  # mm around the box that are looked at with it
INK = 24  # absorption from which a pixel counts as inked
DARK = 38  # a printed rule absorbs more; a crease does not
SURE = 127
FAINT = (19, 105)  # absorption of faint ink
SIDE = 1.1  # mm along the box's sides in which a rule is the side itself
RED = 15  # what red ink takes from green more than from red
ALIGNED = 1.0  # mm by which a rule may lie higher or lower at the seal than beside it
VIVID = 34  # difference between the channels that no black print shows


@dataclass
class Marks:
    """The box split up, all masks in the window's pixels (WORK per mm; ``left``, ``top`` of the window in mm).

    ``strong``: absorbed light; ``own``: a person's ink; ``text``, ``rules``: print; ``vivid``, ``plain``: own ink with
    a colour and without; ``red``: that colour is red.
    """

    left: float
    top: float
    strong: Pixels
    own: Pixels
    text: Pixels
    rules: Pixels
    vivid: Pixels
    plain: Pixels
    coloured: bool
    red: bool

    def solid(self, own: Pixels) -> float:
        """How much light the solid part of some ink takes, 0..255."""
        return float(np.percentile(self.strong[own > 0], 75))


def split(page: Layout, cell: Cell, valid: Pixels, gain: float = 1.0) -> Marks:
    """Separate own ink from print in the cell and a little around it. ``gain`` > 1 strengthens faint ink."""
    high, wide = page.dark.shape
    x0, y0 = (max(0, round((v - AROUND) * WORK)) for v in (cell.left, cell.top))
    x1, y1 = min(wide, round((cell.right + AROUND) * WORK)), min(high, round((cell.bottom + AROUND) * WORK))
    window = (slice(y0, y1), slice(x0, x1))
    ink = np.ascontiguousarray(page.ink[window])
    colour = page.colour[window]
    if gain > 1:
        ink, colour = cv2.convertScaleAbs(ink, alpha=gain), cv2.convertScaleAbs(colour, alpha=gain)
    red, green, blue = cv2.split(ink)
    strong = cv2.max(cv2.max(red, green), blue)
    _, mask = cv2.threshold(strong, INK, 255, cv2.THRESH_BINARY)
    if gain > 1:
        mask = cv2.bitwise_and(mask, cv2.inRange(strong, round(FAINT[0] * gain), round(FAINT[1] * gain)))
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    mask = cv2.bitwise_and(mask, valid[window])
    inside = np.zeros_like(mask)
    inset = 1 if gain == 1 else round(1.5 * WORK)
    inside[_inner(cell.top, cell.bottom, y0, inset), _inner(cell.left, cell.right, x0, inset)] = 255
    mask = cv2.bitwise_and(mask, inside)
    seen = pen.look(ink)
    vivid = _vivid(colour, mask)
    own = cv2.bitwise_and(mask, cv2.bitwise_or(_sure(seen.own), vivid))
    text = cv2.bitwise_and(mask, cv2.bitwise_and(_sure(seen.text), cv2.bitwise_not(vivid)))
    rules = cv2.bitwise_and(_rules(page, window, seen, mask), cv2.threshold(strong, DARK, 255, cv2.THRESH_BINARY)[1])
    rules = cv2.bitwise_and(rules, cv2.bitwise_not(_penned(rules, own)))
    side = round(2 * SIDE * WORK) | 1
    rules = cv2.bitwise_and(rules, cv2.erode(inside, np.ones((side, side), np.uint8), borderValue=0))
    coloured = cv2.countNonZero(vivid) > 4 * WORK * WORK
    is_red = coloured and float(green[vivid > 0].mean()) > 1.3 * float(red[vivid > 0].mean())
    if is_red:
        reddish = cv2.bitwise_and(vivid, cv2.threshold(cv2.subtract(green, red), RED, 255, cv2.THRESH_BINARY)[1])
        blue = cv2.bitwise_and(vivid, cv2.bitwise_not(cv2.dilate(reddish, np.ones((5, 5), np.uint8))))
        under = _under(red, reddish, cv2.bitwise_and(mask, cv2.bitwise_not(cv2.bitwise_or(rules, blue))))
        straight = _straight(under, rules)
        rules = cv2.bitwise_or(rules, cv2.bitwise_and(straight, under))
        text = cv2.bitwise_and(cv2.bitwise_or(text, under), cv2.bitwise_not(straight))
    elif gain == 1:
        text = cv2.bitwise_or(text, _words_under(ink, own, cv2.bitwise_and(mask, cv2.bitwise_not(rules))))
    grey = cv2.compare(colour, cv2.convertScaleAbs(strong, alpha=0.3), cv2.CMP_LT)
    return Marks(x0 / WORK, y0 / WORK, strong, own, text, rules, vivid, cv2.bitwise_and(own, grey), coloured, is_red)


def _penned(rules: Pixels, own: Pixels) -> Pixels:
    """Runs that do not reach beyond the person's ink: straight strokes of the pen itself."""
    out = np.zeros_like(rules)
    runs = cv2.dilate(rules, np.ones((3, 9), np.uint8))
    rest = cv2.bitwise_and(own, cv2.bitwise_not(runs))
    count, labels, stats = optics.clusters(runs)
    near = round(4 * WORK)
    for k in range(1, count):
        x, y, w, h, _area = (int(v) for v in stats[k])
        x0, y0 = max(0, x - near), max(0, y - near)
        bx, by, bw, bh = cv2.boundingRect(rest[y0 : y + h + near, x0 : x + w + near])
        beyond = max(x0 + bx - x, x + w - x0 - bx - bw) if w > h else max(y0 + by - y, y + h - y0 - by - bh)
        if bw and beyond < 2.5 * WORK:
            out[labels == k] = 255
    return out


def _inner(low: float, high: float, origin: int, inset: int) -> slice:
    return slice(max(0, round(low * WORK) + inset - origin), max(0, round(high * WORK) - inset - origin))


def _sure(map_: Pixels) -> Pixels:
    return cv2.threshold(map_, SURE, 255, cv2.THRESH_BINARY)[1]


def _vivid(colour: Pixels, mask: Pixels) -> Pixels:
    """Coloured ink in clusters (joined over 1.5 mm) at least 6 mm long."""
    vivid = cv2.bitwise_and(cv2.threshold(colour, VIVID, 255, cv2.THRESH_BINARY)[1], mask)
    vivid = cv2.morphologyEx(vivid, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined = cv2.dilate(vivid, np.ones((9, 9), np.uint8))
    _, labels, stats = optics.clusters(joined)
    keep = (np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) - 8 > 6 * WORK).astype(np.uint8)
    keep[0] = 0
    out: Pixels = vivid * keep[labels]
    return out


def _under(red: Pixels, vivid: Pixels, free: Pixels) -> Pixels:
    """Print under red ink: it stops the red light that the ink lets pass."""
    if not cv2.countNonZero(vivid):
        return np.zeros_like(free)
    own = float(np.median(red[vivid > 0]))
    _, under = cv2.threshold(red, max(70.0, 2.0 * own, own + 45), 255, cv2.THRESH_BINARY)
    under = cv2.bitwise_and(under, cv2.bitwise_and(free, cv2.dilate(vivid, np.ones((5, 5), np.uint8))))
    out: Pixels = cv2.morphologyEx(under, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return out


def _words_under(ink: Pixels, own: Pixels, free: Pixels) -> Pixels:
    """Words under a pen's ink that is paler than print, seen in the light that this ink lets pass best."""
    if cv2.countNonZero(own) < WORK * WORK:
        return np.zeros_like(own)
    own_level = np.median(ink[own > 0], axis=0)
    best = int(own_level.argmin())
    limit = max(float(own_level[best]) * 1.3, float(own_level[best]) + 42)
    dark = cv2.bitwise_and(cv2.threshold(ink[..., best], min(limit, 255), 255, cv2.THRESH_BINARY)[1], free)
    count, labels, stats = optics.clusters(cv2.dilate(dark, np.ones((11, 11), np.uint8)))
    inked = np.bincount(labels[dark > 0], minlength=count) / WORK**2
    wide, high = (np.sort(stats[:, 2:4], axis=1).T - 10)[::-1] / WORK
    keep = (inked > 1.5) & (wide > 3.0) & (high < 8.0) & (high > 1.8)
    keep[0] = False
    words = dark * keep[labels].astype(np.uint8)
    out: Pixels = cv2.bitwise_and(cv2.dilate(words, np.ones((5, 5), np.uint8)), free)  # their rims are paler
    return out


def _straight(under: Pixels, rules: Pixels) -> Pixels:
    """Runs of at least 4.5 mm, thickened, that lie on one line with a rule beside the ink. A line of words has as
    much print beside them."""
    k, near = round(4.5 * WORK), round(ALIGNED * WORK)
    thick = cv2.dilate(under, np.ones((3, 3), np.uint8))
    runs = []
    for axis, run in ((1, (1, k)), (0, (k, 1))):
        long = cv2.morphologyEx(rules, cv2.MORPH_OPEN, np.ones(run, np.uint8)).max(axis=axis, keepdims=True)
        ruled = cv2.dilate(long, np.ones((2 * near + 1,) * 2, np.uint8))
        level = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(run, np.uint8))
        runs.append(np.where(ruled > 0, level, 0).astype(np.uint8))
    out: Pixels = cv2.dilate(cv2.bitwise_or(*runs), np.ones((3, 3), np.uint8))
    beside = cv2.bitwise_and(under, cv2.subtract(cv2.dilate(out, np.ones((13, 13), np.uint8)), out))
    words = cv2.countNonZero(beside) > 0.7 * cv2.countNonZero(cv2.bitwise_and(under, out))
    return np.zeros_like(out) if words else out


def _rules(page: Layout, window: tuple[slice, slice], seen: pen.Seen, mask: Pixels) -> Pixels:
    """Rules: long straight runs that are no stroke of the pen, and shorter ones surely taken for a rule."""
    sure, out = _sure(seen.rules), np.zeros_like(mask)
    across = cv2.dilate(page.across[window], np.ones((3, 9), np.uint8))
    down = cv2.dilate(page.down[window], np.ones((9, 3), np.uint8))
    joined = cv2.morphologyEx(sure, cv2.MORPH_CLOSE, np.ones((3, 15), np.uint8))
    for runs, least in ((across, 24.0), (down, 20.0), (joined, 9.0)):
        count, labels, stats = optics.clusters(runs)
        for k in range(1, count):
            x, y, w, h, _area = (int(v) for v in stats[k])
            if max(w, h) < least * WORK or min(w, h) > 0.03 * max(w, h) + 8:
                continue
            part = (slice(y, y + h), slice(x, x + w))
            here = (labels[part] == k).astype(np.uint8)
            penned = cv2.mean(seen.own[part], cv2.bitwise_and(here, mask[part] & 1))[0] > 90
            if cv2.mean(sure[part], here)[0] > 60 or (runs is not joined and not penned):
                out[part][here > 0] = 255
    return out
