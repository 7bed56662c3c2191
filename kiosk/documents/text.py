"""Text that came from outside, made harmless and made to fit.

Values are typed by strangers or read from cards. Jinja escapes their markup; here the characters go that would be
invisible, would reorder the line (bidirectional controls, Unicode TR 9) or would break a PDF's text; and a value is
set smaller until it fits its cell.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from kiosk.documents.errors import ValueTooLong

BEIJING = ZoneInfo("Asia/Shanghai")
MM_PER_PT = 25.4 / 72
LINE_HEIGHT = 1.2
BLOCK_LINE_HEIGHT = 1.45
SIZES_PT = (10.5, 9.5, 8.5, 7.5, 6.5, 5.5, 5.0)
"""Sizes a value is set in; the style sheet has a class for each (`size_class`)."""

_WIDE_LATIN = frozenset("MWmw@%&#")
_DROPPED = frozenset(
    ("Cc", "Cf", "Cs")
)  # not Co and Cn: rare characters of names may be newer than this Python's tables


def clean(value: object) -> str:
    """A value as one line of plain text: None → "", dates as in 2026-11-21, white space runs → one space, no invisible
    characters.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (value.astimezone(BEIJING) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M:%S")
    return " ".join("".join(char for char in str(value) if char.isspace() or _shown(char)).split())


def _shown(char: str) -> bool:
    return unicodedata.category(char) not in _DROPPED and ord(char) & 0xFFFE != 0xFFFE


def char_ems(char: str) -> float:
    """Upper bound of a character's width in em in the fonts of the papers."""
    if unicodedata.combining(char) or 0xFE00 <= ord(char) <= 0xFE0F:
        return 0.0
    if ord(char) >= 0x0250:
        return 1.0
    if char in _WIDE_LATIN:
        return 0.95
    if char.isupper():
        return 0.74
    return 0.6


def size_for(text: str, width_mm: float, height_mm: float, field: str) -> float:
    """The largest of SIZES_PT in which the text fits a cell of that inner size, breaking anywhere. ValueTooLong if
    none does.
    """
    widths = [char_ems(char) for char in text]
    for size in SIZES_PT:
        em = size * MM_PER_PT
        if _lines(widths, width_mm / em) * em * LINE_HEIGHT <= height_mm:
            return size
    raise ValueTooLong(field=field, length=len(text))


def block_size(paragraphs: Sequence[str], width_mm: float, height_mm: float, name: str) -> float:
    """The largest of SIZES_PT up to 9.5 pt in which paragraphs fit a block of text. ValueTooLong if none does."""
    for size in SIZES_PT[1:]:
        em = size * MM_PER_PT
        lines = sum(_lines([char_ems(char) for char in text], width_mm / em - 1) for text in paragraphs)
        if lines * em * BLOCK_LINE_HEIGHT <= height_mm:
            return size
    raise ValueTooLong(field=name, length=sum(len(text) for text in paragraphs))


def _lines(widths: list[float], line_ems: float) -> int:
    lines, used = 1, 0.0
    for width in widths:
        if used + width > line_ems:
            lines, used = lines + 1, 0.0
        used += width
    return lines


def size_class(size_pt: float) -> str:
    """CSS class of a size: 10.5 → "f105"."""
    return f"f{round(size_pt * 10)}"


def chinese_date(value: object) -> str:
    """A date, datetime or ISO text as "2026 年 11 月 21 日" (Beijing); blanks to be filled in by hand when there is
    none.
    """
    day = as_date(value)
    if day is None:
        return "\u3000\u3000\u3000年\u3000\u3000月\u3000\u3000日"
    return f"{day.year} 年 {day.month} 月 {day.day} 日"


def as_date(value: object) -> date | None:
    """The Beijing date of a date, aware datetime or ISO text; None for "" and None. ValueError for other text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    moment = as_moment(value)
    return moment.date() if moment else None


def as_moment(value: object) -> datetime | None:
    """An aware datetime in Beijing time from a datetime or ISO text (naive = Beijing); None for "" and None;
    ValueError otherwise.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise ValueError(f"not a time: {type(value).__name__}")
    return value.astimezone(BEIJING) if value.tzinfo else value.replace(tzinfo=BEIJING)


def yuan(fen: int) -> str:
    """Integer fen as yuan: 20000 → "200.00"."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
