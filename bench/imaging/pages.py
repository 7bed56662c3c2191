"""One synthetic page: a form, a seal or signature with or without a defect, distractors, and the truth about it.

Bad pages differ from good ones by a stated gap in one quantity; ``hard`` narrows each gap (see ``GAPS``,
and ``spoil`` for what shows of a spoilt signature).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.imaging import forms, hand, paper, place, spoil, stamps
from bench.imaging.words import PX_MM, person, pick, unit_name

#: quantity: ((good from, to), (bad from, to)) for normal and for hard pages.
GAPS = {
    False: {
        "border_mm": ((2.0, 8.0), (-5.0, -0.3)),
        "text_mm": ((1.6, 6.0), (-12.0, -2.5)),
        "line_mm": ((1.6, 5.0), (-16.0, -3.5)),
        "density": ((0.7, 1.0), (0.15, 0.3)),
        "missing": ((0.0, 0.01), (0.12, 0.4)),
        "blur_mm": ((0.0, 0.05), (0.28, 0.6)),
        "double_mm": ((0.0, 0.0), (1.2, 4.0)),
        "cut": ((0.0, 0.0), (0.12, 0.55)),
        "aspect": ((1.0, 1.0), (0.65, 0.86)),
    },
    True: {
        "border_mm": ((1.2, 2.5), (-1.2, -0.1)),
        "text_mm": ((0.9, 2.0), (-5.0, -1.2)),
        "line_mm": ((0.9, 2.0), (-8.0, -1.5)),
        "density": ((0.55, 0.7), (0.28, 0.36)),
        "missing": ((0.0, 0.03), (0.08, 0.14)),
        "blur_mm": ((0.05, 0.08), (0.2, 0.28)),
        "double_mm": ((0.0, 0.0), (0.8, 1.3)),
        "cut": ((0.0, 0.0), (0.05, 0.14)),
        "aspect": ((1.0, 1.0), (0.86, 0.91)),
    },
}
FORMS = 40  # tries to find a form whose box has room for the mark
UNIT = ["none", "touch_border", "over_text", "over_line", "faint", "incomplete", "blurred", "smeared", "cropped",
        "two_seals", "not_red", "not_round"]  # fmt: skip
PERSONAL = ["none", "touch_border", "over_text", "over_line", "faint", "incomplete", "blurred", "smeared", "cropped",
            "two_seals"]  # fmt: skip


@dataclass
class Page:
    """A page at 300 dpi before any camera: colours, ink coverage with its origin, and what is true of it."""

    colours: NDArray[np.uint8]
    alpha: stamps.Map
    origin: tuple[int, int]
    labels: list[str]
    family: str
    hard: bool
    box: forms.Rect
    center_mm: tuple[float, float]
    diameter_mm: float | None = None
    name: str = ""
    blur_mm: float = 0.0
    cut: tuple[str, float] | None = None
    kind: str = "seal"
    facts: dict[str, float] = field(default_factory=dict)


def _between(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(rng.uniform(*bounds))


def _other(rng: np.random.Generator) -> NDArray[np.float32]:
    kind = rng.integers(4)
    if kind == 0:
        return np.array([rng.uniform(0.1, 0.3), rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.85)], np.float32)
    if kind == 1:
        return np.array([rng.uniform(0.38, 0.55), rng.uniform(0.12, 0.25), rng.uniform(0.5, 0.7)], np.float32)
    if kind == 2:
        return np.full(3, rng.uniform(0.08, 0.3), np.float32)
    grey = rng.uniform(0.25, 0.45)
    return np.array([grey, grey * rng.uniform(0.95, 1.0), grey], np.float32)


def make(seed: int, index: int, family: str = "unit", hard: bool = False, label: str | None = None) -> Page:
    """Page number ``index`` of a seed; the same arguments always give the same page. ``label`` None: drawn."""
    rng = np.random.default_rng([seed, index, hard, family == "unit"])
    kinds = UNIT if family == "unit" else PERSONAL
    drawn = "good" if rng.random() < 0.3 else str(pick(rng, kinds))
    label = label or drawn
    gap = {k: _between(rng, v[1] if k in _SPOILS.get(label, ()) else v[0]) for k, v in GAPS[hard].items()}
    ink = _other(rng) if label == "not_red" else paper.red_ink(rng)
    name = unit_name(rng) if family == "unit" else person(rng)
    cover, diameter, kind, ink = _mark(rng, family, label, gap, name, ink, hard)
    half = (cover.shape[1] / 2 / PX_MM - 1.0, cover.shape[0] / 2 / PX_MM - 1.0)
    if kind == "signature":
        half = (half[0] + 0.8, half[1] + 0.8)
    away = (
        2.0 if label == "touch_border" else gap["border_mm"],
        2.0 if label == "over_text" else gap["text_mm"],
    )
    for _ in range(FORMS):
        form = _form(rng, family, half, gap)
        least, most = place.free(form, half, *away)
        if least[0] <= most[0] and least[1] <= most[1]:
            break
    center = place.room(rng, form, half, *away)
    if label == "touch_border":
        center = place.touching(rng, form, half, center, gap["border_mm"])
    elif label == "over_text":
        center = place.over(rng, form, center, half, -gap["text_mm"])
    elif label == "over_line":
        place.line_below(rng, form, center, half, -gap["line_mm"])
    colours = paper.paper(rng, form.cover)
    if rng.random() < 0.12:
        paper.watermark(rng, colours)
    paper.fill(rng, colours, form)
    origin = tuple(round(c * PX_MM - s / 2) for c, s in zip(center, (cover.shape[1], cover.shape[0]), strict=True))
    if label == "none":
        cover = np.zeros_like(cover)
    paper.lay(colours, cover, origin[0], origin[1], ink)
    if label == "two_seals":
        place.second(rng, colours, form, family, center)
    labels = [] if label == "good" else [label]
    page = Page(colours, cover, origin, labels, family, hard, form.box, center, diameter, name, kind=kind)  # type: ignore[arg-type]
    page.blur_mm = gap["blur_mm"]
    if label == "cropped":
        side = str(pick(rng, ["left", "right", "top", "bottom"]))
        page.cut = (
            side,
            spoil.cut_share(rng, cover, side, GAPS[hard]["cut"][1]) if kind == "signature" else gap["cut"],
        )
    page.facts = gap
    return page


_SPOILS = {
    "faint": ("density",),
    "incomplete": ("missing",),
    "blurred": ("blur_mm",),
    "smeared": ("double_mm",),
    "cropped": ("cut",),
    "not_round": ("aspect",),
    "touch_border": ("border_mm",),
    "over_text": ("text_mm",),
    "over_line": ("line_mm",),
}


def _form(rng: np.random.Generator, family: str, half: tuple[float, float], gap: dict[str, float]) -> forms.Form:
    if family == "unit":
        need = 2 * half[1] + 2 * max(2.0, gap["border_mm"]) + 16
        kind = rng.random()
        if kind < 0.5:
            return forms.unit_form(rng, need)
        return forms.sheet(rng, need, False) if kind < 0.8 else forms.unknown_form(rng, need)
    return forms.personal_form(rng) if rng.random() < 0.65 else forms.sheet(rng, 34, True)


def _mark(
    rng: np.random.Generator,
    family: str,
    label: str,
    gap: dict[str, float],
    name: str,
    ink: NDArray[np.float32],
    hard: bool,
) -> tuple[stamps.Map, float | None, str, NDArray[np.float32]]:
    """The seal or signature itself with those defects that lie in it."""
    diameter, kind = None, "seal"
    uneven = rng.uniform(0.02, 0.14)
    holes = rng.uniform(0, 0.8) if rng.random() < 0.5 else 0.0
    if family == "unit":
        diameter = float(rng.choice([38.0, 40.0, 42.0, 45.0]) if rng.random() < 0.7 else rng.uniform(38, 45))
        if label == "not_round" and rng.random() < 0.4:
            plate = stamps.square_seal(rng, float(rng.uniform(26, 42)), name)
            diameter = None
        else:
            plate = stamps.round_seal(rng, diameter, name, gap["aspect"])
        cover = stamps.inked(rng, plate, uneven, holes)
    elif rng.random() < (0.7 if label == "two_seals" else 0.35):
        side = float(rng.uniform(14, 24))
        slim = float(rng.uniform(0.45, 0.9)) if rng.random() < 0.2 else 1.0
        cover = stamps.inked(rng, stamps.square_seal(rng, side, name, slim=slim), uneven, holes)
    else:
        kind = "signature"
        cover = hand.any_signature(rng, name, 45 if label == "two_seals" else 60, 18)
        ink = hand.pen_ink(rng)
    if kind == "seal" and rng.random() < 0.5:
        turn = rng.normal(0, 8 if family == "unit" else 3)
        h, w = cover.shape
        cover = cv2.warpAffine(cover, cv2.getRotationMatrix2D((w / 2, h / 2), turn, 1), (w, h), flags=cv2.INTER_LINEAR)
    if family == "personal":
        gap["density"] = spoil.density(gap["density"], ink, label == "faint", hard)
    if gap["double_mm"] > 0 and family == "unit":
        cover = _double(rng, cover, gap["double_mm"])
    elif gap["double_mm"] > 0:
        cover = spoil.twice(rng, cover, gap["double_mm"] * (1.0 if kind == "seal" else 0.8), hard)
    if label == "incomplete":
        if family == "unit" or kind == "seal":
            cover = _bite(rng, cover, gap["missing"])
        else:
            strength = gap["density"] * (1 - float(ink.min()))
            cover = spoil.torn(rng, cover, max(gap["missing"], 0.15), strength, hard)
    return cover * gap["density"], diameter, kind, ink


def _double(rng: np.random.Generator, cover: stamps.Map, shift: float) -> stamps.Map:
    """Struck twice ``shift`` mm apart, the second time a little turned; now and then the wet ink is dragged."""
    angle, reach = rng.uniform(0, 2 * np.pi), shift * PX_MM
    if rng.random() < 0.1:
        return hand.dragged(rng, cover, 1.3 * reach, angle)
    pad = round(reach) + 1
    big = cv2.copyMakeBorder(cover, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    h, w = big.shape
    move = cv2.getRotationMatrix2D((w / 2, h / 2), float(rng.normal(0, 0.5)), 1)
    move[:, 2] += np.array([np.cos(angle), np.sin(angle)]) * reach
    out = np.maximum(big, cv2.warpAffine(big, move, (w, h)) * rng.uniform(0.5, 0.97))
    rows, cols = np.nonzero(out > 0.02)
    return np.ascontiguousarray(out[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1], np.float32)


def _bite(rng: np.random.Generator, cover: stamps.Map, share: float) -> stamps.Map:
    """Take away ``share`` of the disc or box: a segment at one side, or a wedge, with a soft edge."""
    h, w = cover.shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.6:
        along = ((xx - w / 2) * np.cos(angle) / w + (yy - h / 2) * np.sin(angle) / h) * 2
        keep = along - float(np.quantile(along[cover > 0.2], 1 - share))
    else:
        turn = np.angle(np.exp(1j * (np.arctan2(yy - h / 2, xx - w / 2) - angle)))
        keep = np.pi * share - np.abs(turn)
    gone = np.clip(keep * rng.uniform(15, 60) + 0.5, 0, 1) * rng.uniform(0.88, 1.0)
    return (cover * (1 - gone)).astype(np.float32)
