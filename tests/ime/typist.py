"""A typist who knows pinyin: the fewest taps for a text, choosing freely between whole words, initials and mixtures."""

from functools import cache

from kiosk.ime.build import spell
from kiosk.ime.engine import PAGE, Engine

PAGES = 4


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


def taps(engine: Engine, text: str, longest: int = 8) -> int | None:
    """Fewest taps: a letter, a page turn, a choice are one each, ASCII is a key. None if it cannot be typed."""

    @cache
    def chosen(word: str, letters: str) -> int | None:
        for rank, candidate in enumerate(engine.ranked(letters, PAGE * PAGES)):
            if candidate.text == word and candidate.consumed == len(letters):
                return len(letters) + rank // PAGE + 1
        return None

    def single(character: str) -> int | None:
        letters = spell(character)[0] if spell(character) else ""
        for rank, candidate in enumerate(engine.ranked(letters, 600)):
            if candidate.text == character:
                return len(letters) + rank // PAGE + 1
        return None

    best: list[int | None] = [0] + [None] * len(text)
    for start in range(len(text)):
        so_far = best[start]
        if so_far is None:
            continue
        for end in range(start + 1, min(start + longest, len(text)) + 1):
            piece = text[start:end]
            costs = (
                [1] if piece.isascii() and len(piece) == 1 else [chosen(piece, letters) for letters in spellings(piece)]
            )
            if len(piece) == 1 and not piece.isascii():
                costs.append(single(piece))
            for cost in costs:
                if cost is not None and (best[end] is None or so_far + cost < (best[end] or 0)):
                    best[end] = so_far + cost
    return best[-1]
