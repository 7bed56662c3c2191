"""A typist who knows pinyin: the fewest taps for a text, choosing freely between whole words, initials and mixtures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from kiosk.ime.build import spell
from kiosk.ime.engine import PAGE, Engine

PAGES = 4
FAR = 600


@dataclass(frozen=True)
class Stroke:
    """``letters`` typed, ``page`` times turned, ``text`` chosen; without letters ``text`` is the key itself."""

    letters: str
    page: int
    text: str

    @property
    def taps(self) -> int:
        return len(self.letters) + self.page + 1 if self.letters else 1


def spellings(word: str) -> set[str]:
    """The ways one types a word: in full, by initials, one end in full and the rest by initials."""
    syllables = spell(word)
    if len(syllables) != len(word):
        return set()
    first = [s[0] for s in syllables]
    return {
        "".join(syllables),
        "'".join(syllables),
        "".join(first),
        syllables[0] + "".join(first[1:]),
        "".join(syllables[:-1]) + first[-1],
    }


def plan(engine: Engine, text: str, longest: int = 8) -> list[Stroke] | None:
    """The strokes of fewest taps that make ``text``; None if it cannot be typed."""

    @cache
    def chosen(word: str, letters: str, far: int) -> Stroke | None:
        for rank, candidate in enumerate(engine.ranked(letters, far)):
            if candidate.text == word and candidate.consumed == len(letters):
                return Stroke(letters, rank // PAGE, word)
        return None

    def ways(piece: str) -> Iterator[Stroke | None]:
        if piece.isascii():
            yield Stroke("", 0, piece) if len(piece) == 1 else None
            return
        for letters in sorted(spellings(piece)):
            yield chosen(piece, letters, PAGE * PAGES)
        if len(piece) == 1:
            yield chosen(piece, next(iter(spell(piece)), ""), FAR)

    best: list[tuple[int, list[Stroke]] | None] = [(0, []), *[None] * len(text)]
    for start in range(len(text)):
        so_far = best[start]
        if so_far is None:
            continue
        for end in range(start + 1, min(start + longest, len(text)) + 1):
            for stroke in ways(text[start:end]):
                known = best[end]
                if stroke and (known is None or so_far[0] + stroke.taps < known[0]):
                    best[end] = (so_far[0] + stroke.taps, [*so_far[1], stroke])
    found = best[-1]
    return found[1] if found else None


def taps(engine: Engine, text: str) -> int | None:
    """Fewest taps: a letter, a page turn, a choice are one each, ASCII is a key. None if it cannot be typed."""
    strokes = plan(engine, text)
    return None if strokes is None else sum(stroke.taps for stroke in strokes)
