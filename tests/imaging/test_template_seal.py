"""Seals drawn from a name: round for a unit, square for a person, of true size, small enough for a UKey."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from kiosk.documents.fonts import SERIF, font_file
from kiosk.imaging import template_seal


def pixels(png: bytes) -> tuple[np.ndarray, float]:
    with warnings.catch_warnings(), Image.open(io.BytesIO(png)) as picture:
        warnings.simplefilter("ignore")  # Pillow asks for RGBA where opacities come with a palette
        return np.asarray(picture.convert("RGBA")), picture.info["dpi"][0]


@pytest.fixture(scope="module")
def face() -> template_seal.Typeface:
    found = font_file(SERIF, bold=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("family", "name", "mm"),
    [
        ("unit", "益阳示范建设有限公司", 42.0),
        ("unit", "湖" * 100, 42.0),
        ("personal", "王䶮", 18.0),
        ("personal", "李", 18.0),
    ],
)
def test_size_ink_and_weight(face: template_seal.Typeface, family: str, name: str, mm: float) -> None:
    png = template_seal.draw(family, name, face)
    seen, dpi = pixels(png)
    assert len(png) < 40_000
    assert seen.shape[0] / dpi * 25.4 == pytest.approx(mm, abs=0.1)
    alpha = seen[..., 3]
    assert alpha.min() == 0, "nothing but ink"
    assert tuple(seen[alpha == 255][0, :3]) == template_seal.RED
    edge = alpha[seen.shape[0] // 2, 0:8].max()
    assert edge == 255, "the ring reaches the edge"
    if family == "unit":
        assert alpha[0, 0] == 0
        assert alpha[seen.shape[0] // 2, seen.shape[1] // 2] == 255, "the star"


def test_other_names_other_seals(face: template_seal.Typeface) -> None:
    drawn = {template_seal.draw("personal", name, face) for name in ("王䶮", "王堃", "王𠮷", "王𬭼", "王㛃")}
    assert len(drawn) == 5, "a missing character would look like any other"


@pytest.mark.parametrize(("family", "name"), [("unit", ""), ("unit", "  "), ("unit", "湖" * 101), ("round", "湖")])
def test_refused(face: template_seal.Typeface, family: str, name: str) -> None:
    with pytest.raises(ValueError, match="a seal needs"):
        template_seal.draw(family, name, face)
