"""Pages of development on which one fault was once taken for another."""

from __future__ import annotations

import cv2
import pytest

from bench.imaging import capture, pages
from kiosk.imaging.seals import check


@pytest.mark.parametrize(
    ("seed", "index", "family", "label", "mode", "hard"),
    [
        (906, 11, "unit", "smeared", "scan", False),  # two rings look like an oval
        (906, 24, "unit", "two_seals", "scan", False),  # a second seal's rim looks like a copy of the first
        (906, 24, "unit", "not_round", "scan", False),  # an oval looks like two rings
        (902, 20, "personal", "smeared", "scan", False),  # a solid square struck twice, as dark both times
        (902, 9, "personal", "incomplete", "scan", False),  # a dry pen's trace in the scanner's noise
        (902, 28, "personal", "good", "scan", False),  # the blur around a stroke looks like such a trace
        (904, 1, "personal", "none", "photo", True),  # strengthened, print has a rim like faint ink
    ],
)
def test_it_is_told_as_what_it_is(seed: int, index: int, family: str, label: str, mode: str, hard: bool) -> None:
    cv2.setNumThreads(1)
    page = pages.make(seed, index, family, hard, label)
    picture = (capture.scan if mode == "scan" else capture.photo)(page, seed, index)
    verdict = check(picture.data, family, picture.dpi, cut=False, mark=False)
    assert [str(defect) for defect in verdict.defects] == page.labels
