"""A seal drawn from a name (模板章, 模板方章), for people who bring no picture of their own.

A unit's seal follows 国发〔1999〕25号: round, at most 45 mm across, a five-pointed star in the middle, the name running
from left to right around it. A person's is a square name seal, read in columns from the right. Both are red ink on
nothing, at 300 dpi, their true size in the PNG's pHYs like every cut-out of a scanned seal; 16 opacities keep them
small enough for a UKey.
"""

from __future__ import annotations

import io
import math
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from kiosk.imaging.eseal import palette_png

DPI: Final = 300
FINE: Final = 4  # drawn so many times larger, then reduced
RED: Final = (200, 22, 30)
UNIT_MM, PERSON_MM = 42.0, 18.0
LONGEST: Final = 100
_BETWEEN = "·•・ .　"

Typeface = tuple[str, int]
"""Path of a font file and the index of the face in it."""


def draw(family: str, name: str, face: Typeface) -> bytes:
    """The seal as palette PNG. ``family``: 'unit' or 'personal'. ValueError for an empty or endless name."""
    letters = "".join(name.split())
    if family not in ("unit", "personal") or not 0 < len(letters) <= LONGEST:
        raise ValueError("a seal needs a family and a name of 1 to 100 characters")
    large = _round(letters, face) if family == "unit" else _square(letters, face)
    ink = large.resize((large.width // FINE, large.height // FINE), Image.Resampling.LANCZOS)
    seal = Image.new("RGBA", ink.size, (*RED, 0))
    seal.putalpha(ink)
    out = io.BytesIO()
    seal.save(out, "PNG", dpi=(DPI, DPI), compress_level=1)
    return palette_png(out.getvalue())


def _dots(mm: float) -> float:
    return mm / 25.4 * DPI * FINE


def _font(face: Typeface, mm: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(face[0], max(1, round(_dots(mm))), index=face[1])


def _glyph(letter: str, face: Typeface, width_mm: float, height_mm: float) -> Image.Image:
    """One character, filling a box of that size."""
    font = _font(face, height_mm)
    side = round(_dots(height_mm))
    tile = Image.new("L", (side, side), 0)
    ImageDraw.Draw(tile).text((side / 2, side / 2), letter, font=font, fill=255, anchor="mm")
    return tile.resize((max(1, round(_dots(width_mm))), side), Image.Resampling.LANCZOS)


def _round(name: str, face: Typeface) -> Image.Image:
    side = round(_dots(UNIT_MM))
    middle, ring = side / 2, _dots(1.2)
    ink = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(ink)
    pen.ellipse((1, 1, side - 2, side - 2), outline=255, width=round(ring))
    pen.polygon(_star(middle, _dots(6.8)), fill=255)
    span = math.radians(min(270.0, 24.0 * len(name)))
    radius = UNIT_MM / 2 - 1.2 - 1.2 - 2.6  # middle of the letters, mm
    high = 5.2
    wide = min(high * 0.86, radius * span / len(name) * 0.92)
    for number, letter in enumerate(name):
        angle = -span / 2 + span * (number + 0.5) / len(name)  # 0 = the top
        tile = _glyph(letter, face, wide, high).rotate(-math.degrees(angle), Image.Resampling.BICUBIC, expand=True)
        x = middle + _dots(radius) * math.sin(angle) - tile.width / 2
        y = middle - _dots(radius) * math.cos(angle) - tile.height / 2
        ink.paste(255, (round(x), round(y)), tile)
    return ink


def _star(middle: float, reach: float) -> list[tuple[float, float]]:
    inner = reach * math.sin(math.radians(18)) / math.sin(math.radians(54))
    points = []
    for corner in range(10):
        far, angle = (reach, inner)[corner % 2], math.radians(-90 + 36 * corner)
        points.append((middle + far * math.cos(angle), middle + far * math.sin(angle)))
    return points


def _square(name: str, face: Typeface) -> Image.Image:
    letters = "".join(letter for letter in name if letter not in _BETWEEN) or name
    letters += {1: "之印章", 2: "之印", 3: "印"}.get(len(letters), "")
    across = math.ceil(math.sqrt(len(letters)))
    down = math.ceil(len(letters) / across)
    side = round(_dots(PERSON_MM))
    ink = Image.new("L", (side, side), 0)
    ImageDraw.Draw(ink).rectangle((0, 0, side - 1, side - 1), outline=255, width=round(_dots(0.9)))
    room = PERSON_MM - 2 * 1.6
    wide, high = room / across, room / down
    for number, letter in enumerate(letters):
        column, row = divmod(number, down)
        tile = _glyph(letter, face, wide * 0.96, high * 0.96)
        x = _dots(PERSON_MM - 1.6 - (column + 1) * wide)
        ink.paste(255, (round(x), round(_dots(1.6 + row * high))), tile)
    return ink
