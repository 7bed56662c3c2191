"""What a careful clerk would notice of a spoilt signature or name seal: part of it is missing, or it was struck twice.

A label nobody could see would be a wrong truth, so each spoilt mark is drawn again until it shows:

* **incomplete**: 15 to 40 % of the ink is gone (hard: 15 %). Either a pale trace is left of it, beyond a line, in a
  wedge, a band or a blot, that takes 6 to 15 % of the paper's light (hard: 4.5 to 12 %). Or nothing is left beyond a
  straight line or in a straight band (a slip of paper or a tape lay there): then at least 5 strokes (hard: 4) are cut
  across on one such line, none of them at a glancing angle, spread over at least 6 mm. Or the pen ran dry: its last
  part is broken into streaks that hold 20 to 55 % of the ink. A name seal lacks 12 to 40 % of its ink (hard: 8 to
  14 %), an end of it or a wedge.
* **smeared**: the second strike lies 0.96 to 3.2 mm away (hard: 0.64 to 1.04 mm; seals 1.2 to 4 and 0.8 to 1.3 mm) and
  covers paper worth at least 30 % of the first one's ink (hard: 20 %). Where no paper shows between the two strokes,
  because the way is shorter than a stroke is broad and 0.25 mm, the second is paler by a fifth and more. Dragged ink
  is drawn out over 1.3 times that length.
* **cropped**: ink lies on the picture's edge, it does not just end before it.
* **faint**: ink takes at most 28 % of the paper's light (hard: 30 %).

A good mark has no cut edge, no trace and no copy, its ink changes by less than a third along a stroke, and it takes at
least 52 % of the paper's light (hard: 48 %).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.imaging import hand
from bench.imaging.stamps import Map, noise
from bench.imaging.words import PX_MM

TRIES = 24
CUTS = {False: 5, True: 4}
SHOWS = {False: 0.30, True: 0.20}
TRACE = {False: (0.06, 0.15), True: (0.045, 0.12)}
STRONG = {False: 0.52, True: 0.48}
WEAK = {False: 0.28, True: 0.30}


def density(drawn: float, ink: NDArray[np.float32], faint: bool, hard: bool) -> float:
    """The ink's density so that the mark takes as much of the paper's light as its label says."""
    full = 1 - float(ink.min())
    return min(drawn, WEAK[hard] / full) if faint else min(1.0, max(drawn, STRONG[hard] / full))


def torn(rng: np.random.Generator, cover: Map, share: float, strength: float, hard: bool) -> Map:
    """A signature without ``share`` of its ink: with a pale trace, cleanly cut off, or with a pen that ran dry.

    ``strength``: the part of the paper's light that the whole mark takes.
    """
    kind = rng.random()
    if kind < 0.12:
        return dried(rng, cover, share)
    gone = clean_cut(rng, cover, share, hard) if kind > 0.55 else None
    if gone is not None:
        return np.asarray(cover * (1 - gone), np.float32)
    low, high = TRACE[hard]
    left = rng.uniform(low, high) / strength
    return np.asarray(cover * (1 - hand.worn(rng, cover, share) * (1 - left)), np.float32)


def cut_share(rng: np.random.Generator, cover: Map, side: str, bounds: tuple[float, float]) -> float:
    """What share of the mark's width (height) to cut off at a side so that ink lies on the cut."""
    lines = (cover > 0.3).any(axis=0 if side in ("left", "right") else 1)
    inked = np.flatnonzero(lines)
    share = float(rng.uniform(*bounds))
    for _ in range(TRIES):
        part = share if side in ("left", "top") else 1 - share
        at = round(inked[0] + part * (inked[-1] - inked[0]))
        if lines[max(0, at - 6) : at + 7].all():
            break
        share = float(rng.uniform(*bounds))
    return share


def clean_cut(rng: np.random.Generator, cover: Map, share: float, hard: bool) -> Map | None:
    """1 where nothing is left, so that enough strokes end as if cut; None if none of some tries shows."""
    for _ in range(TRIES):
        gone, sides = _cut_away(rng, cover, share)
        if max(cut_strokes(cover, gone, side) for side in sides) >= CUTS[hard]:
            return gone
    return None


def _cut_away(rng: np.random.Generator, cover: Map, share: float) -> tuple[Map, list[Map]]:
    """1 where nothing of the mark is left: beyond a line, or in a band across; and on which side each line is."""
    h, w = cover.shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = (xx - w / 2) * np.cos(angle) + (yy - h / 2) * np.sin(angle)
    sharp = rng.uniform(90, 300)
    if rng.random() < 0.6:
        gone = hand.beyond(along, cover, share, sharp)
        return gone, [np.ones_like(gone)]
    middle = rng.uniform(-0.5, 0.5) * float(np.ptp(along[cover > 0.2])) / 2
    gone = hand.beyond(-np.abs(along - middle), cover, share, sharp)
    return gone, [np.float32(along < middle), np.float32(along >= middle)]


def cut_strokes(cover: Map, gone: Map, side: Map) -> int:
    """How many strokes were cut across at the loss's edge on one side, at least 0.25 mm broad there; 0 if all lie
    within 6 mm. A stroke cut at a glancing angle (its cut is 1.8 times as long as strokes are broad) ends in a point.
    """
    lost = (gone > 0.5).astype(np.uint8)
    edge = (cv2.dilate(lost, np.ones((3, 3), np.uint8)) - lost) * side.astype(np.uint8)
    count, _, stats, centres = cv2.connectedComponentsWithStats(edge * (cover > 0.4).astype(np.uint8), connectivity=8)
    long = np.hypot(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT])
    fit = (long > 0.25 * PX_MM) & (long < 1.8 * breadth(cover) + 2)
    if count < 2 or not fit.any() or float(np.ptp(centres[1:][fit], axis=0).max()) < 6 * PX_MM:
        return 0
    return int(fit.sum())


def dried(rng: np.random.Generator, cover: Map, share: float) -> Map:
    """The pen ran dry on its way to the right: the last part is broken into streaks."""
    h, w = cover.shape
    xx = np.arange(w, dtype=np.float32)[None] + 0.15 * h * noise(rng, (h, w), 60)
    start = float(np.quantile(xx[cover > 0.2], 1 - max(share, 0.25)))
    dry = np.clip((xx - start) / (rng.uniform(1, 4) * PX_MM), 0, 1)
    grain = noise(rng, (h, w), rng.uniform(2.5, 6))
    streaks = np.clip((grain - rng.uniform(-0.1, 0.8)) * 3, 0, 1) * rng.uniform(0.5, 0.9)
    return np.asarray(cover * (1 - dry * (1 - streaks)), np.float32)


def breadth(cover: Map) -> float:
    """Pixels across a stroke."""
    far = cv2.distanceTransform((cover > 0.3).astype(np.uint8), cv2.DIST_L2, 3)
    return 2 * float(np.percentile(far[far > 0], 90)) if (far > 0).any() else 0.0


def twice(rng: np.random.Generator, cover: Map, shift: float, hard: bool) -> Map:
    """Struck twice ``shift`` mm apart, the second time a little turned; now and then the wet ink is dragged."""
    reach = shift * PX_MM
    if rng.random() < 0.1:
        return hand.dragged(rng, cover, 1.3 * reach, rng.uniform(0, 2 * np.pi))
    pad = round(reach) + 1
    big = cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    h, w = big.shape
    strength = rng.uniform(0.5, 0.97)
    if reach < breadth(cover) + 0.25 * PX_MM:
        strength = min(strength, rng.uniform(0.5, 0.8))
    for _ in range(TRIES):
        angle = rng.uniform(0, 2 * np.pi)
        move = cv2.getRotationMatrix2D((w / 2, h / 2), float(rng.normal(0, 0.5)), 1)
        move[:, 2] += np.array([np.cos(angle), np.sin(angle)]) * reach
        copy = cv2.warpAffine(big, move, (w, h))
        if ((copy > 0.3) & (big < 0.15)).sum() >= SHOWS[hard] * (big > 0.3).sum():
            break
    else:
        strength = min(strength, rng.uniform(0.5, 0.8))
    out = np.maximum(big, copy * strength)
    rows, cols = np.nonzero(out > 0.02)
    return np.ascontiguousarray(out[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1], np.float32)
