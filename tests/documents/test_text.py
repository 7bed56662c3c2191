"""Values made harmless, made to fit, written as dates and money."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.documents import errors
from kiosk.documents.text import (
    LINE_HEIGHT,
    MM_PER_PT,
    SIZES_PT,
    as_date,
    char_ems,
    chinese_date,
    clean,
    size_for,
    yuan,
)


def test_clean_keeps_rare_characters_and_drops_what_cannot_be_seen() -> None:
    assert clean("  张䶮\t㛃𬭼𠮷\U00031350\ue863 \n") == "张䶮 㛃𬭼𠮷\U00031350\ue863"
    assert clean("a\u200b\u202e\u2066\x07\ufeffb\ud800\uffff") == "ab"
    assert clean(None) == ""
    assert clean(datetime(2026, 11, 21, 18, 30, tzinfo=UTC)) == "2026-11-22 02:30:00"


@given(st.text(max_size=200))
def test_clean_is_one_visible_line_and_stable(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not set(once) & {chr(code) for code in (*range(32), 127, 0x202E, 0x2028, 0x2029)}


@given(st.text(alphabet="湖南䶮aWi1. ", min_size=1, max_size=60), st.floats(30, 140), st.floats(8, 12))
def test_size_for_fits_the_cell(text: str, width: float, height: float) -> None:
    size = size_for(text, width, height, "field")
    em = size * MM_PER_PT
    assert size in SIZES_PT
    assert sum(map(char_ems, text)) * em <= width * (height / (em * LINE_HEIGHT))
    assert size_for(text, width * 2, height, "field") >= size


def test_dates_and_money() -> None:
    assert chinese_date("2026-11-21") == "2026 年 11 月 21 日"
    assert chinese_date(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == "2027 年 1 月 1 日"
    assert chinese_date("").strip("\u3000") == "年\u3000\u3000月\u3000\u3000日"
    assert as_date(date(2026, 1, 2)) == date(2026, 1, 2)
    with pytest.raises(ValueError, match="tomorrow"):
        as_date("tomorrow")
    assert [yuan(fen) for fen in (0, 5, 20000, 123456, -150)] == ["0.00", "0.05", "200.00", "1234.56", "-1.50"]


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownPaper(paper="x"),
        errors.ValueTooLong(field="address", length=400),
        errors.PictureRefused(picture="seal", reason="format"),
        errors.SealingFailed("custom_code", reason="key"),
    ],
)
def test_errors_survive_a_pipe(error: errors.DocumentError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.code, again.facts, str(again)) == (error.code, error.facts, str(error))
