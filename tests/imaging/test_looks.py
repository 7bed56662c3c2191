"""The looks at a signature or a name seal, each on small drawn marks: double strikes, cut strokes, gaps, a dry pen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.imaging import hand, spoil, stamps
from bench.imaging.stamps import Map
from kiosk.imaging import cuts, name_seal, repeat, seals, strokes, trace
from kiosk.imaging.frame import WORK
from kiosk.imaging.handwriting import CUT, SPECKS, TRACE_MM2, TRAIL, _repeated
from kiosk.imaging.strokes import Marks
from kiosk.simulators import pages
from kiosk.simulators.people import PERSONS

SEEDS = range(5170, 5176)


def signed(seed: int, running: bool = False) -> Map:
    """Coverage of a drawn signature of 45 x 15 mm, 300 dpi."""
    rng = np.random.default_rng(seed)
    return hand.trimmed((hand.running_hand if running else hand.free_signature)(rng, 45, 15, 0.5))


def scanned(cover: Map, seed: int = 0) -> NDArray[np.uint8]:
    """Absorbed light of such ink on grainy paper, slightly out of focus."""
    padded = cv2.copyMakeBorder(cover, 24, 24, 24, 24, cv2.BORDER_CONSTANT)
    grain = np.random.default_rng(seed).normal(0, 3, padded.shape)
    return np.clip(cv2.GaussianBlur(padded, (0, 0), 0.6) * 190 + grain, 0, 255).astype(np.uint8)


def looked(cover: Map) -> dict[str, float]:
    measures: dict[str, float] = {}
    repeat.measure(measures, scanned(cover), 180.0)
    return measures


def told_double(m: dict[str, float]) -> bool:
    return _repeated({"coloured": 0.0, "rule_mm": 0.0, "pale_mm2": 0.0, "trace_mm2": 0.0, "specks": 0.0, **m})


@pytest.mark.parametrize("running", [False, True])
def test_a_second_strike_as_dark_as_the_first_is_seen(running: bool) -> None:
    for seed in SEEDS:
        cover = signed(seed, running)
        assert not told_double(looked(cover)), seed
        moved = np.zeros((cover.shape[0] + 20, cover.shape[1] + 20), np.float32)
        moved[:-20, :-20] = cover
        moved[20:, 20:] = np.maximum(moved[20:, 20:], cover)
        assert told_double(looked(moved)), seed


def test_strokes_side_by_side_are_no_second_strike() -> None:
    page = np.zeros((200, 700), np.float32)
    for x in range(40, 660, 36):
        cv2.line(page, (x, 20), (x + 18, 180), 1.0, 6, cv2.LINE_AA)
        cv2.line(page, (x + 18, 180), (x + 36, 20), 1.0, 6, cv2.LINE_AA)
    assert not told_double(looked(page))


def test_dragged_ink_trails_on_one_side() -> None:
    for seed in SEEDS:
        cover = signed(seed)
        assert looked(hand.dragged(np.random.default_rng(seed), cover, 18, 0.7))["trail"] > 2 * TRAIL
        assert looked(cover)["trail"] < TRAIL


@pytest.mark.parametrize("degrees", [0, 37, 90, 200])
def test_strokes_cut_along_a_line_are_counted(degrees: int) -> None:
    cover = np.zeros((260, 560), np.float32)
    for k in range(9):
        x = 40 + 58 * k
        cv2.ellipse(cover, (x, 130), (24, 70 + 3 * (k % 4)), 8 * k, 0, 300, 1.0, 6, cv2.LINE_AA)
    whole, _ = cuts.find(scanned(cover), 180.0)
    cover[140:] = 0
    turn = cv2.getRotationMatrix2D((280, 130), degrees, 1)
    turn[:, 2] += (100, 230)
    sure, line = cuts.find(scanned(cv2.warpAffine(cover, turn, (760, 720))), 180.0)
    assert whole < CUT < sure
    assert line is not None
    (x0, y0), (x1, y1) = line
    assert abs(np.sin(np.arctan2(y1 - y0, x1 - x0) + np.radians(degrees))) < 0.05


def test_strokes_that_go_on_behind_a_narrow_band_are_cut() -> None:
    """Two lines of ends that face each other, a millimetre apart."""
    for seed in SEEDS:
        cover = signed(seed, running=True)
        at = cover.shape[0] // 2
        assert cuts.find(scanned(cover), 180.0)[0] < CUT
        cover[at : at + 12] = 0
        assert cuts.find(scanned(cover), 180.0)[0] > CUT


def test_hands_let_their_strokes_end_each_where_it_will() -> None:
    for seed in SEEDS:
        assert cuts.find(scanned(signed(seed)), 180.0)[0] < CUT
    assert cuts.find(np.zeros((100, 200), np.uint8), 180.0) == (0.0, None)


@pytest.mark.parametrize("person", [one.name for one in PERSONS])
def test_the_side_of_a_crossed_stroke_is_no_cut(person: str) -> None:
    """Straight falls through three strokes each, as in 丰: between them their sides look like ends on one line."""
    verdict = seals.check(pages.draw("signature", person=person), "personal", None, cut=False, mark=False)
    assert verdict.defects == ()


@pytest.mark.parametrize(("wide", "high"), [(14, 14), (9, 18), (20, 8)])
@pytest.mark.parametrize("solid", [False, True])
def test_a_name_seal_of_any_proportion_is_whole(wide: int, high: int, solid: bool) -> None:
    mask = np.zeros((200, 200), np.uint8)
    box = (60, 60, 60 + round(wide * WORK), 60 + round(high * WORK))
    cv2.rectangle(mask, box[:2], box[2:], 255, -1 if solid else 5)
    mask = cv2.warpAffine(mask, cv2.getRotationMatrix2D((100, 100), 6, 1), (200, 200), flags=cv2.INTER_NEAREST)
    seen = name_seal.outline(mask, 10.0, 20.0)
    assert seen is not None
    assert seen.gap < 0.6
    assert seen.missing < 0.03
    assert seen.filled > 0.965
    assert seen.long == pytest.approx(max(wide, high) / min(wide, high), abs=0.25)
    assert not seen.gaps
    leg = round(5 * WORK)
    x, y = box[2], box[1] - round(3 * WORK)
    cv2.fillConvexPoly(mask, np.array([[x + leg, y], [x + leg, y + 3 * leg], [x - 2 * leg, y]]), 0)  # off with a corner
    torn = name_seal.outline(mask, 10.0, 20.0)
    assert torn is not None
    assert torn.gap > 1.5 or torn.filled < 0.965


def test_what_is_too_small_for_a_name_seal() -> None:
    assert name_seal.outline(np.zeros((50, 50), np.uint8), 0.0, 0.0) is None
    assert name_seal.outline(np.full((20, 20), 255, np.uint8), 0.0, 0.0) is None


def marks(strong: NDArray[np.uint8]) -> tuple[Marks, NDArray[np.uint8]]:
    """A box that holds nothing but a pen's ink, at 150 dpi."""
    small = cv2.resize(strong, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    own = cv2.threshold(small, 60, 255, cv2.THRESH_BINARY)[1]
    none = np.zeros_like(own)
    return Marks(0.0, 0.0, small, own, none, none, none, own, False, False), own


def test_a_dry_pen_leaves_specks() -> None:
    told = 0
    for seed in SEEDS:
        cover = signed(seed)
        assert trace.specks(*marks(scanned(cover)))[0] == 0
        told += trace.specks(*marks(scanned(spoil.dried(np.random.default_rng(seed), cover, 0.4))))[0] >= SPECKS
    assert told >= len(SEEDS) - 2


def test_a_trace_begins_where_strokes_end_watermarks_and_creases_pass_on() -> None:
    page = np.zeros((500, 900), np.float32)
    for x in range(200, 600, 70):
        cv2.line(page, (x, 180), (x + 20, 300), 1.0, 7, cv2.LINE_AA)
    dry, marked = page.copy(), page.copy()
    dry[262:] *= 0.14
    folded = np.maximum(page, 0)
    folded[298:303, 120:780] = np.maximum(folded[298:303, 120:780], 0.12)
    cv2.line(marked, (230, 235), (590, 245), 0.14, 16, cv2.LINE_AA)
    marked = np.maximum(marked, page)
    assert trace.smooth(*marks(scanned(dry)))[0] > TRACE_MM2
    assert trace.smooth(*marks(scanned(marked)))[0] == 0.0
    assert trace.smooth(*marks(scanned(page)))[0] == 0.0
    assert trace.smooth(*marks(scanned(folded)))[0] == 0.0


def test_what_is_as_pale_as_the_watermark_beside_is_that_watermark() -> None:
    page = np.zeros((500, 1300), np.float32)
    for x in range(200, 600, 70):
        cv2.line(page, (x, 180), (x + 20, 300), 1.0, 7, cv2.LINE_AA)
    page[262:] *= 0.14
    for shade, told in ((0.14, False), (0.05, True)):
        marked = page.copy()
        for x in range(800, 1200, 60):
            cv2.line(marked, (x, 150), (x + 40, 350), shade, 12, cv2.LINE_AA)
        assert (trace.smooth(*marks(scanned(marked)))[0] > TRACE_MM2) == told


def test_a_few_short_pale_ends_are_a_trace() -> None:
    cover = np.zeros((300, 700), np.float32)
    for x in range(60, 640, 120):
        points = np.array([[x, 260], [x + 30, 60], [x + 60, 260]])
        cv2.polylines(cover, [points], False, 1.0, 7, cv2.LINE_AA)
    assert trace.smooth(*marks(scanned(cover)))[0] == 0.0
    cover[:96] *= 0.13
    assert trace.smooth(*marks(scanned(cover)))[0] > TRACE_MM2


def test_words_under_paler_ink_are_seen() -> None:
    ink = np.zeros((150, 400, 3), np.uint8)
    cv2.line(ink, (20, 75), (380, 75), (120, 110, 80), 5)
    cv2.line(ink, (60, 20), (300, 130), (120, 110, 80), 5)
    own = cv2.threshold(ink[..., 0], 60, 255, cv2.THRESH_BINARY)[1]
    assert not strokes._words_under(ink, own, own).any()
    cv2.putText(ink, "HEW", (150, 85), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (200, 200, 200), 2)
    under = strokes._words_under(ink, own, cv2.threshold(ink[..., 0], 60, 255, cv2.THRESH_BINARY)[1])
    assert cv2.countNonZero(under) > 2.5 * WORK**2
    assert cv2.boundingRect(under)[0] > 100


def test_what_the_bench_calls_spoilt_shows() -> None:
    for seed in SEEDS:
        rng, cover = np.random.default_rng(seed), signed(seed)
        torn = spoil.torn(rng, cover, 0.2, 0.7, False)
        assert 0.7 < torn.sum() / cover.sum() < 0.92
        twice = spoil.twice(rng, cover, 1.5, False)
        assert (twice > 0.15).sum() > 1.15 * (cover > 0.15).sum()
        ink = hand.pen_ink(rng)
        assert spoil.density(0.5, ink, True, False) * (1 - ink.min()) < 0.3
        assert spoil.density(0.5, ink, False, False) * (1 - ink.min()) > 0.5


def test_a_slim_seal_is_drawn_slim() -> None:
    seal = stamps.square_seal(np.random.default_rng(3), 20, "王小明", slim=0.5)
    assert min(seal.shape) / max(seal.shape) == pytest.approx((10 + 2) / (20 + 2), abs=0.03)
