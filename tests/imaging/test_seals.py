"""The verdict on generated pages: every label of a unit form, signatures, photos, the cut-out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bench.imaging import pages
from bench.imaging.__main__ import overlap
from kiosk.imaging.inspector import Inspector
from kiosk.imaging.seals import check
from kiosk.imaging.verdict import SENTENCES, Label
from tests.imaging.conftest import Draw


@pytest.fixture(scope="module")
def inspector() -> Inspector:
    return Inspector()


@pytest.mark.parametrize("label", pages.UNIT)
def test_each_fault_of_a_company_seal_is_named(draw: Draw, inspector: Inspector, label: str) -> None:
    picture = draw(label)
    verdict = inspector.seal(picture.data, "unit", picture.dpi)
    assert [str(defect) for defect in verdict.defects] == [label]
    assert verdict.found is (label != "none")
    assert verdict.marked_png is not None
    assert SENTENCES[Label(label)]


def test_a_good_seal_is_accepted_measured_and_cut_out(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good")
    verdict = inspector.seal(picture.data, "unit", picture.dpi)
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.12)
    assert verdict.center_px == pytest.approx(picture.center, abs=4)
    assert overlap(verdict, picture) > 0.88
    assert verdict.seal_png is not None
    with Image.open(io.BytesIO(verdict.seal_png)) as cut:
        assert cut.mode == "RGBA"
        dpi = cut.info["dpi"][0]
        alpha = np.asarray(cut)[..., 3]
    columns = np.nonzero((alpha > 127).any(axis=0))[0]
    assert (columns[-1] - columns[0] + 1) / dpi * 25.4 == pytest.approx(picture.page.diameter_mm, abs=0.4)
    assert alpha[0, 0] == 0


@pytest.mark.parametrize("dpi", [300, 600])
def test_the_cut_out_has_its_true_size_at_any_resolution(draw: Draw, dpi: int) -> None:
    picture = draw("good")
    verdict = check(picture.data, "unit", picture.dpi, mark=False, cut_dpi=dpi)
    assert verdict.seal_png is not None
    assert verdict.colour_png is not None
    for png in (verdict.seal_png, verdict.colour_png):
        with Image.open(io.BytesIO(png)) as cut:
            assert cut.info["dpi"][0] == pytest.approx(dpi, abs=0.1)
            alpha = np.asarray(cut)[..., 3]
        rows, columns = (np.nonzero((alpha > 127).any(axis=axis))[0] for axis in (1, 0))
        for lines in (rows, columns):
            assert (lines[-1] - lines[0] + 1) / dpi * 25.4 == pytest.approx(picture.page.diameter_mm, abs=0.3)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_page_gives_the_same_seal_in_its_own_pixels(draw: Draw, quarters: int) -> None:
    picture = draw("good")
    with Image.open(io.BytesIO(picture.data)) as image:
        pixels = np.rot90(np.asarray(image), quarters)
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=95)
    verdict = check(packed.getvalue(), "unit", picture.dpi, cut=False, mark=False)
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.12)
    assert verdict.alpha is not None
    whole = np.zeros(pixels.shape[:2], bool)
    x, y = verdict.alpha_origin
    whole[y : y + verdict.alpha.shape[0], x : x + verdict.alpha.shape[1]] = verdict.alpha >= 128
    true = np.zeros(np.rot90(whole, -quarters).shape, bool)
    x, y = picture.origin
    true[y : y + picture.alpha.shape[0], x : x + picture.alpha.shape[1]] = picture.alpha >= 128
    true = np.rot90(true, quarters)
    assert (whole & true).sum() > 0.88 * (whole | true).sum()


def test_the_resolution_is_read_from_the_file(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good")
    assert inspector.seal(picture.data, "unit").diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.12)


def test_a_photo_is_straightened(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good", mode="photo")
    verdict = inspector.seal(picture.data, "unit")
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.2)


@pytest.mark.parametrize(
    ("label", "index"),
    [("none", 1), ("touch_border", 2), ("over_line", 1), ("faint", 1), ("blurred", 1), ("two_seals", 1)],
)
def test_faults_on_a_personal_form(draw: Draw, inspector: Inspector, label: str, index: int) -> None:
    picture = draw(label, "personal", index)
    verdict = inspector.seal(picture.data, "personal", picture.dpi)
    assert [str(defect) for defect in verdict.defects] == [label]


def test_a_signature_is_accepted(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good", "personal", 1)
    verdict = inspector.seal(picture.data, "personal", picture.dpi)
    assert verdict.accepted
    assert overlap(verdict, picture) > 0.8


def test_a_family_that_does_not_exist(inspector: Inspector) -> None:
    with pytest.raises(ValueError, match="family"):
        inspector.seal(b"", "dragon")


@pytest.mark.parametrize("size", [(2550, 3508), (2550, 3300), (2296, 2970)])
def test_a_scan_of_a_whole_glass_that_tells_no_resolution(draw: Draw, size: tuple[int, int]) -> None:
    picture = draw("good")
    glass = Image.new("RGB", (2550, size[1] if size[0] == 2550 else 3300), (236, 236, 232))
    with Image.open(io.BytesIO(picture.data)) as scan:
        glass.paste(scan.convert("RGB"), (0, 0))
    out = io.BytesIO()
    glass.resize(size).save(out, "JPEG", quality=92)
    verdict = check(out.getvalue(), "unit", None, cut=False, mark=False)
    assert verdict.accepted
    if size[0] == 2550:  # 300 dpi, as scanners of this glass have it; the odd size tells no scale
        assert verdict.diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.12)
