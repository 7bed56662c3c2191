"""Where the mark comes to lie in the box of its form, with what it must touch, cover or keep away from."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import forms, paper, stamps
from bench.imaging.words import PX_MM, person, pick, some_font, unit_name

Point = tuple[float, float]


def _bare(form: forms.Form, gap: float = 0.0, tgap: float = 0.0) -> forms.Rect:
    """The box less its text: what keeps ``gap`` mm from its sides keeps ``tgap`` from the box's text."""
    x0, y0, x1, y1 = form.box
    for text in form.texts:
        if text[1] > (y0 + y1) / 2:
            y1 = min(y1, text[1] - tgap + gap)
        elif text[3] > y0 and text[1] < y1:
            y0 = max(y0, text[3] + tgap - gap)
    return x0, y0, x1, y1


def free(form: forms.Form, half: Point, gap: float, tgap: float) -> tuple[Point, Point]:
    """The least and the greatest centre of a mark that leaves ``gap`` mm to the box's sides and ``tgap`` to its text.

    The first exceeds the second in a direction in which there is no room.
    """
    x0, y0, x1, y1 = _bare(form, gap, tgap)
    return (x0 + half[0] + gap, y0 + half[1] + gap), (x1 - half[0] - gap, y1 - half[1] - gap)


def room(rng: np.random.Generator, form: forms.Form, half: Point, gap: float, tgap: float) -> Point:
    """A centre within those bounds, half way between them where there is no room."""
    x, y = (
        float(rng.uniform(a, b)) if b > a else (a + b) / 2 for a, b in zip(*free(form, half, gap, tgap), strict=True)
    )
    return x, y


def touching(rng: np.random.Generator, form: forms.Form, half: Point, center: Point, gap: float) -> Point:
    """Move the centre so that the ink reaches ``gap`` mm (negative: beyond) of one side of the box."""
    x, y = center
    x0, y0, x1, y1 = form.box
    low = any(text[1] > (y0 + y1) / 2 for text in form.texts)
    side = int(rng.integers(1 if form.texts else 0, 4))
    side = 2 + int(x * 7) % 2 if low and side < 2 else side  # not across a line that stands below
    if side == 0:
        y = y0 + half[1] + gap
    elif side == 1:
        y = y1 - half[1] - gap
    elif side == 2:
        x = x0 + half[0] + gap
    else:
        x = x1 - half[0] - gap
    return x, y


def _print(form: forms.Form, draw: Callable[[ImageDraw.ImageDraw], None]) -> None:
    image = Image.fromarray(form.cover)
    draw(ImageDraw.Draw(image))
    form.cover = np.asarray(image)


def _text_below(rng: np.random.Generator, form: forms.Form, center: Point, half: Point, depth: float) -> None:
    """Print a short text whose letters reach ``depth`` mm into the ink's outline from one side, or lie inside it."""
    size = float(rng.uniform(3.0, 4.5))
    words = str(
        pick(rng, ["盖章处", "（单位公章）", unit_name(rng), "2024年6月18日", "申请人签字：", "仅用于电子签章"])
    )
    font = some_font(rng, "print", size * PX_MM)
    width = font.getbbox(words)[2] / PX_MM  # without the empty half of a closing bracket
    if rng.random() < 0.5 or half[1] < 12:
        x, y = center[0] - width / 2 + rng.uniform(-4, 4), center[1] + rng.uniform(-0.6, 0.3) * half[1]
    else:
        x, y = center[0] - half[0] + depth - width, center[1] - size / 2
    x = float(np.clip(x, form.box[0] + 1, max(form.box[0] + 1, form.box[2] - width - 1)))
    _print(form, lambda d: d.text((x * PX_MM, y * PX_MM), words, font=font, fill=255))


def _lowest(form: forms.Form, text: forms.Rect, x: float, reach: float) -> float:
    """Where the letters of a text end below, within ``reach`` mm of ``x``; its last line may be short."""
    left, top, right, bottom = (round(v * PX_MM) for v in (x - reach, text[1], x + reach, text[3]))
    rows = np.flatnonzero(form.cover[top:bottom, left:right].any(axis=1))
    return text[1] + float(rows[-1]) / PX_MM if rows.size else text[3]


def over(rng: np.random.Generator, form: forms.Form, center: Point, half: Point, depth: float) -> Point:
    """Bring print and the mark together: the mark moves up over the box's own hint, or a text is printed below it."""
    hint = [t for t in form.texts if t[1] < form.box[1] + 8 and t[3] > form.box[1] and t[2] - t[0] > 20]
    if hint and rng.random() < 0.4:
        x = float(np.clip(center[0], hint[0][0] + 0.6 * half[0], hint[0][2] - 0.6 * half[0]))
        x = float(np.clip(x, form.box[0] + half[0] + 2, form.box[2] - half[0] - 2))
        low = form.box[1] + half[1] + 2
        return x, max(low, _lowest(form, hint[0], x, half[0] / 2) + half[1] - min(depth, 0.7 * half[1]))
    _text_below(rng, form, center, half, depth)
    return center


def line_below(rng: np.random.Generator, form: forms.Form, center: Point, half: Point, depth: float) -> None:
    """Rule a line through the box that runs ``depth`` mm inside the ink's outline."""
    x0, y0, x1, y1 = form.box
    width = max(2, round(rng.uniform(0.2, 0.5) * PX_MM))
    depth = min(depth, half[1] * 1.3)
    if rng.random() < 0.65 or half[1] < 12:
        y = center[1] + float(pick(rng, [-1.0, 1.0])) * (half[1] - depth)
        tilt = rng.normal(0, 0.6)
        ends = (x0 + rng.uniform(0, 6), y - tilt, x1 - rng.uniform(0, 6), y + tilt)
    else:
        x = center[0] + float(pick(rng, [-1.0, 1.0])) * (half[0] - depth)
        ends = (x, y0 + rng.uniform(0, 4), x + rng.normal(0, 0.4), y1 - rng.uniform(0, 4))
    _print(form, lambda d: d.line([v * PX_MM for v in ends], fill=255, width=width))


def second(rng: np.random.Generator, colours: NDArray[np.uint8], form: forms.Form, family: str, center: Point) -> None:
    """Another seal in the same box, overlapping or beside the first, no larger than the box has room for."""
    if family == "unit" and rng.random() < 0.7:
        plate = stamps.round_seal(rng, float(rng.uniform(36, 45)), unit_name(rng))
    else:
        plate = stamps.square_seal(rng, float(rng.uniform(15, 22)), person(rng))
    cover = stamps.inked(rng, plate, 0.1, 0)
    x0, y0, x1, y1 = _bare(form)
    x0, y0, x1, y1 = x0 + 1.5, y0 + 1.5, x1 - 1.5, y1 - 1.5
    fit = min(1.0, (y1 - y0) * PX_MM / cover.shape[0])
    if fit < 1:
        cover = cv2.resize(cover, None, fx=fit, fy=fit, interpolation=cv2.INTER_AREA)
    r = (cover.shape[1] / 2 / PX_MM, cover.shape[0] / 2 / PX_MM)
    best, far = center, -1.0
    for _ in range(40):
        x = float(rng.uniform(x0 + r[0], max(x0 + r[0] + 1, x1 - r[0])))
        y = float(rng.uniform(y0 + r[1], max(y0 + r[1] + 1, y1 - r[1])))
        away = np.hypot(x - center[0], y - center[1])
        if away > far:
            best, far = (x, y), float(away)
    paper.lay(
        colours,
        cover,
        round(best[0] * PX_MM - cover.shape[1] / 2),
        round(best[1] * PX_MM - cover.shape[0] / 2),
        paper.red_ink(rng),
    )
