"""Every verdict and refusal of a picture has its words, in Chinese and in English, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from kiosk.imaging.verdict import Fault, Label, PictureRefused
from kiosk.orders import capture
from kiosk.views.messages import FAULTS, MESSAGES, NOTES, fault, note

CODES = [*Label, *Fault, capture.OTHER_ORDER, capture.SEAL_NAME, capture.OTHER_UNIT, capture.OTHER_PERSON]
PO = Path(__file__).parents[2] / "kiosk" / "translations" / "en" / "LC_MESSAGES" / "messages.po"


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    with PO.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


@pytest.mark.parametrize("code", [str(code) for code in [*CODES, capture.COPY_EXPIRED]])
def test_a_fault_says_what_to_do(code: str, english: dict[str, str]) -> None:
    text = str(FAULTS[code])
    assert fault(code) == text
    assert any(word in text for word in ("请", "只能")), "nobody is told what to do"
    assert english[text]
    assert sum(str(other) == text for other in FAULTS.values()) == 1


@pytest.mark.parametrize("code", [capture.NAME_CHANGED, capture.UNREAD, capture.SEAL_UNREAD])
def test_a_note_has_its_words(code: str, english: dict[str, str]) -> None:
    assert note(code) == str(NOTES[code])
    assert english[note(code)]


@pytest.mark.parametrize("code", [word.strip("`. ") for word in str(PictureRefused.__doc__).split("``")[1::2]])
def test_a_refused_picture_has_its_words(code: str, english: dict[str, str]) -> None:
    title, text = MESSAGES[f"picture_{code}"]
    assert english[str(title)]
    assert english[str(text)]
