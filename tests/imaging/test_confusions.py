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
        (921, 25, "unit", "incomplete", "photo", True),  # a bitten ring is longer one way, as two rings are
        (921, 64, "unit", "cropped", "photo", True),  # the box that the picture's edge cuts, not the blank one beside
        (922, 22, "unit", "not_red", "photo", True),  # black ink: the box's rules look like a second strike
        (902, 20, "personal", "smeared", "scan", False),  # a solid square struck twice, as dark both times
        (902, 9, "personal", "incomplete", "scan", False),  # a dry pen's trace in the scanner's noise
        (902, 28, "personal", "good", "scan", False),  # the blur around a stroke looks like such a trace
        (911, 12, "personal", "good", "scan", False),  # a watermark passes under the strokes
        (911, 39, "personal", "two_seals", "scan", False),  # a blue pen beside a red seal looks like print under it
        (904, 1, "personal", "none", "photo", True),  # strengthened, print has a rim like faint ink
        (931, 5046, "personal", "none", "photo", False),  # a watermark in the shadow is as strong as faint ink
        (931, 5039, "personal", "cropped", "photo", False),  # only a speck is left of the part at the edge
        (931, 61, "personal", "cropped", "scan", True),  # a box of which 14 mm are left
        (931, 25, "personal", "over_text", "scan", False),  # thin words between the strokes of a red seal
        (931, 134, "personal", "smeared", "scan", False),  # many strokes side by side look like words
    ],
)
def test_it_is_told_as_what_it_is(seed: int, index: int, family: str, label: str, mode: str, hard: bool) -> None:
    cv2.setNumThreads(1)
    page = pages.make(seed, index, family, hard, label)
    picture = (capture.scan if mode == "scan" else capture.photo)(page, seed, index)
    verdict = check(picture.data, family, picture.dpi, cut=False, mark=False)
    assert [str(defect) for defect in verdict.defects] == page.labels
