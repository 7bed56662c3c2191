"""The verdict on generated pages: every label of a unit form, signatures, photos, the cut-out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bench.imaging import pages
from bench.imaging.__main__ import overlap
from kiosk.imaging.inspector import Inspector
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


def test_the_resolution_is_read_from_the_file(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good")
    assert inspector.seal(picture.data, "unit").diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.12)


def test_a_photo_is_straightened(draw: Draw, inspector: Inspector) -> None:
    picture = draw("good", mode="photo")
    verdict = inspector.seal(picture.data, "unit")
    assert verdict.accepted
    assert verdict.diameter_mm == pytest.approx(picture.page.diameter_mm, abs=0.2)


@pytest.mark.parametrize("label", ["none", "touch_border", "over_line", "faint", "blurred", "two_seals"])
def test_faults_on_a_personal_form(draw: Draw, inspector: Inspector, label: str) -> None:
    picture = draw(label, "personal", 1)
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
