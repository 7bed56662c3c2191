"""Company seals drawn on bare paper: what lies under them, what their ink and their ring tell."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.imaging import boxes, company, double, foreign, outline
from kiosk.imaging.boxes import Cell, Layout
from kiosk.imaging.circle import Circle
from kiosk.imaging.finding import FINE, Finding
from kiosk.imaging.frame import WORK, Frame
from kiosk.imaging.pictures import Decoded

Ink = tuple[int, int, int]
RED: Ink = (34, 180, 170)  # of 255, absorbed in red, green, blue


def disc(*rings: tuple[int, int], ink: Ink = RED, px: float = FINE) -> NDArray[np.uint8]:
    """Absorbed light of seals of 40 mm around the middles, mm, in a square of 56 mm; ink over ink adds up."""
    side = round(56 * px)
    kept = np.ones((side, side, 3), np.float32)
    for x, y in rings:
        cover = np.zeros((side, side), np.uint8)
        cv2.circle(cover, (round(x * px), round(y * px)), round(19.5 * px), 255, round(px), cv2.LINE_AA)
        cv2.circle(cover, (round(x * px), round(y * px)), round(5 * px), 255, -1, cv2.LINE_AA)
        kept *= 1 - cover[..., None] / 255 * np.array(ink, np.float32) / 255
    return ((1 - kept) * 255).astype(np.uint8)


def printed(ink: NDArray[np.uint8], cover: NDArray[np.uint8], grey: float) -> NDArray[np.uint8]:
    """The same with print of so much absorption under it, seen slightly out of focus."""
    under = cv2.GaussianBlur(cover, (0, 0), 0.7)[..., None] / 255 * grey
    return (255 - (255.0 - ink) * (1 - under)).astype(np.uint8)


def seen(ink: NDArray[np.uint8]) -> tuple[float, float]:
    """Length of the lines, mm, and area of the print, mm²."""
    found = Finding(measures={"ink_red": RED[0] / 255, "ink_green": RED[1] / 255})
    whole = np.full(ink.shape[:2], 255, np.uint8)
    length, text, grey, _ = foreign.separate(*foreign._print(ink, found), whole, FINE)
    return length, max(cv2.countNonZero(text), cv2.countNonZero(grey)) / FINE**2


def test_a_pale_hair_line_is_a_line() -> None:
    for rise in (-9, 0, 14):
        cover = np.zeros((round(56 * FINE),) * 2, np.uint8)
        cv2.line(cover, (60, 400 - rise), (600, 400 + rise), 255, 1, cv2.LINE_AA)
        lines, text = seen(printed(disc((28, 28)), cover, 0.6))
        assert lines > 20
        assert text < foreign.TEXT_MM2


@pytest.mark.parametrize("rise", [-12, 0, 9])
def test_a_dashed_line_is_a_line(rise: int) -> None:
    cover = np.zeros((round(56 * FINE),) * 2, np.uint8)
    for x in range(80, 600, 40):
        cv2.line(cover, (x, 400 + rise * x // 600), (x + 24, 400 + rise * (x + 24) // 600), 255, 4, cv2.LINE_AA)
    length, text = seen(printed(disc((28, 28)), cover, 0.7))
    assert length > 30
    assert text < foreign.TEXT_MM2


def test_a_row_of_letters_is_no_line() -> None:
    cover = np.zeros((round(56 * FINE),) * 2, np.uint8)
    cv2.putText(cover, "EHFZTEL HEFTE", (100, 420), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255, 4)
    length, text = seen(printed(disc((28, 28)), cover, 0.7))
    assert length < foreign.LINE_MM
    assert text > 20


def test_grain_and_a_seal_all_over_are_no_print() -> None:
    grain = np.random.default_rng(4).normal(0, 16, (round(56 * FINE),) * 2)
    noisy = np.clip(disc((28, 28)) + grain[..., None], 0, 255).astype(np.uint8)
    assert seen(noisy)[1] < foreign.TEXT_MM2
    assert seen(np.full((660, 660, 3), RED, np.uint8)) == (0.0, 0.0)


def test_a_crease_is_no_line() -> None:
    crease = np.zeros((round(56 * FINE),) * 2, np.uint8)
    cv2.line(crease, (0, 300), (660, 320), 255, 7, cv2.LINE_AA)
    assert seen(printed(disc((28, 28)), crease, 0.13)) == (0.0, 0.0)


def test_two_layers_of_red_ink_are_no_print() -> None:
    assert seen(disc((24, 28), (31, 28), ink=(60, 190, 190))) == (0.0, 0.0)


def test_the_corner_of_a_letter_under_the_ring_is_print() -> None:
    cover = np.zeros((round(56 * FINE),) * 2, np.uint8)
    cv2.putText(cover, ")", (95, 340), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    assert seen(printed(disc((28, 28)), cover, 0.8))[1] > foreign.TEXT_MM2


def test_a_broad_purple_ring_is_not_taken_for_rules() -> None:
    ink = disc((28, 28), ink=(125, 175, 90), px=WORK)
    spread = cv2.subtract(ink.max(axis=2), ink.min(axis=2))
    dark = cv2.threshold(ink.min(axis=2), 34, 255, cv2.THRESH_BINARY)[1]
    across = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, 40), np.uint8))
    cv2.line(across, (0, 300), (330, 300), 255, 2)
    page = Layout(ink, spread, dark, across, np.zeros_like(dark), ())
    mask, coloured = outline.seal_mask(page, Cell(2, 2, 54, 54))
    assert coloured
    ring = np.zeros_like(mask)
    cv2.circle(ring, (round(28 * WORK),) * 2, round(19.5 * WORK), 255, 2)
    assert cv2.countNonZero(cv2.bitwise_and(mask, ring)) > 0.98 * cv2.countNonZero(ring)


def test_a_pale_second_strike_is_told_by_how_much_of_it_there_is() -> None:
    for shift, strength, told in ((2.0, 0.4, True), (9.0, 1.0, False)):
        first, second = disc((26, 28)), disc((26 + shift, 28), ink=(RED[0], RED[1], RED[2]))
        ink = (255 - (255.0 - first) * (255.0 - second * strength) / 255).astype(np.uint8)
        found = Finding(x=26, y=28, measures={"blur_mm": 0.12})
        own = double.own_ink(ink, found, Cell(0, 0, 56, 56), (0, 0))
        double.doubled(found, own, Circle(26 * FINE, 28 * FINE, 20 * FINE))
        assert (found.measures["copy"] > company.COPY) is told, shift


def test_the_edge_of_a_shadow_is_no_black_seal() -> None:
    ink = np.zeros((round(80 * WORK),) * 2, np.uint8)
    ink[round(10 * WORK) : round(70 * WORK), round(30 * WORK) : round(42 * WORK)] = 60
    page = Layout(cv2.merge([ink] * 3), np.zeros_like(ink), ink, np.zeros_like(ink), np.zeros_like(ink), ())
    assert not outline.seal_mask(page, Cell(5, 5, 75, 75))[0].any()


@pytest.mark.parametrize("wide", [26, 45, 60])
def test_a_rectangle_is_told_from_seals_side_by_side(wide: int) -> None:
    mask = np.zeros((round(60 * WORK), round(120 * WORK)), np.uint8)
    cv2.rectangle(mask, _px(20, 10), _px(20 + wide, 36), 255, 8)
    assert outline.square(mask)
    mask[:] = 0
    for x in (25, max(26, wide)):
        cv2.circle(mask, _px(x, 28), round(18 * WORK), 255, 6)
    assert not outline.square(mask)


def test_a_dashed_box_is_found() -> None:
    paper = np.full((round(297 * WORK), round(210 * WORK), 3), 245, np.uint8)
    for at in np.arange(40.0, 120.0, 3.4):
        for y in (60, 140):
            cv2.line(paper, _px(at, y), _px(at + 2.2, y), (60, 60, 60), 2)
        for x in (40, 120):
            cv2.line(paper, _px(x, at + 20), _px(x, at + 22.2), (60, 60, 60), 2)
    seen = np.full(paper.shape[:2], 255, np.uint8)
    sheet = Frame(Decoded(paper, 150.0, "PNG"), paper, seen, np.eye(3), True, 150.0)
    assert boxes.target(boxes.layout(sheet), personal=False) is None
    cell = boxes.target(boxes.layout(sheet, boxes.RULED, boxes.DASHES), personal=False)
    assert cell is not None
    assert (cell.left, cell.top) == pytest.approx((40, 60), abs=1.5)


def _px(x: float, y: float) -> tuple[int, int]:
    return round(x * WORK), round(y * WORK)
