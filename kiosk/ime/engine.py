"""Candidates for pinyin: whole words, initials, mixtures, phrases put together, single characters.

The engine keeps no input and learns nothing. Its memory is the index as strings (a few megabytes); a bucket of words
is taken apart when it is first needed, and a bounded number of buckets stays so.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path as File

from kiosk.ime.syllables import FULL, Path, Unit, cost, divide

LONGEST_INPUT = 64
PAGE = 9
_BUCKETS = 400
_MOST_PER_LENGTH = 60
_WORD_COST = 6.0
_TOTAL = math.log(5e8)
_NEAR = 0.5
_BEFORE_ODD = 5
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Candidate:
    """``text`` to insert, and how many characters of the input it uses up."""

    text: str
    consumed: int


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    weight: int
    syllables: tuple[str, ...]


class Engine:
    """Answers from one index file made by :func:`kiosk.ime.build.index_path`."""

    def __init__(self, index: File) -> None:
        self._singles: dict[str, tuple[str, str]] = {}
        self._packed: dict[str, str] = {}
        with index.open(encoding="utf-8") as lines:
            for line in lines:
                kind, key, rest = line.rstrip("\n").split("\t", 2)
                if kind == "1":
                    texts, _, weights = rest.partition("\t")
                    self._singles[key] = (texts, weights)
                else:
                    self._packed[key] = rest
        self._buckets: OrderedDict[str, list[_Word]] = OrderedDict()
        self._longest = max(map(len, self._packed), default=1)

    def candidates(self, py: str, limit: int = PAGE, page: int = 0) -> list[Candidate]:
        """Return page ``page`` (from 0) of ``limit`` candidates for the letters ``py``; empty behind the last."""
        first = page * limit
        return self.ranked(py, first + limit)[first : first + limit]

    def ranked(self, py: str, most: int) -> list[Candidate]:
        """Return the best ``most`` candidates: words for the whole input, a phrase, then shorter beginnings of it."""
        text = clean(py)
        paths = divide(text)
        if not paths:
            return []
        near = [path for path in paths if cost(path) <= cost(paths[0]) + _NEAR]
        far = [path for path in paths if path not in near]
        whole, parts = self._words(near, len(text))
        odd, _ = self._words(far, len(text))
        characters = self._characters(near) if len(paths[0]) == 1 or len(whole) + len(parts) + 1 < most else []
        if len(paths[0]) == 1:
            ordered = characters[:_BEFORE_ODD] + odd[:2] + characters[_BEFORE_ODD:]
        else:
            spelled = any(unit.kind == FULL for unit in paths[0])
            phrase = [Candidate(self._phrase(paths[0]), len(text))] if spelled or not whole else []
            ordered = whole[:1] + phrase + whole[1:] + odd[:2] + parts + characters
        found: dict[str, Candidate] = {}
        for candidate in ordered:
            found.setdefault(candidate.text, candidate)
        return list(found.values())[:most]

    def reading(self, py: str) -> str:
        """Return the likeliest division of the letters, syllables separated by apostrophes (for display)."""
        paths = divide(clean(py), most=1)
        return "'".join(unit.letters for unit in paths[0]) if paths else clean(py)

    def _words(self, paths: list[Path], end: int) -> tuple[list[Candidate], list[Candidate]]:
        """Words that begin the input: those that use all of it, and the shorter ones, longest first."""
        seen: dict[tuple[str, int], int] = {}
        for path in paths:
            for size in range(min(len(path), self._longest), 1, -1):
                for word in self._match(path[:size])[:_MOST_PER_LENGTH]:
                    seen.setdefault((word.text, path[size - 1].end), word.weight)
        ranked = sorted(seen.items(), key=lambda item: (-item[0][1], -item[1]))
        every = [Candidate(text, used) for (text, used), _ in ranked]
        return [word for word in every if word.consumed == end], [word for word in every if word.consumed < end]

    def _match(self, units: Path) -> list[_Word]:
        bucket = self._bucket("".join(unit.letters[0] for unit in units))
        if all(len(unit.letters) == 1 and unit.kind != FULL for unit in units):
            return bucket
        return [word for word in bucket if all(map(Unit.fits, units, word.syllables))]

    def _bucket(self, initials: str) -> list[_Word]:
        bucket = self._buckets.get(initials)
        if bucket is not None:
            self._buckets.move_to_end(initials)
            return bucket
        packed = self._packed.get(initials)
        if packed is None:
            return []
        bucket = []
        for entry in packed.split("\t"):
            text, weight, *syllables = entry.split(" ")
            bucket.append(_Word(text, int(weight), tuple(syllables)))
        self._buckets[initials] = bucket
        if len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return bucket

    def _characters(self, paths: list[Path]) -> list[Candidate]:
        """Single characters for the first unit of each reading: full syllables first."""
        out: list[Candidate] = []
        seen: set[str] = set()
        for path in paths:
            unit = path[0]
            if unit.letters in seen:
                continue
            seen.add(unit.letters)
            out.extend(Candidate(character, unit.end) for character in self._singles_of(unit))
        return out

    def _singles_of(self, unit: Unit) -> str:
        if unit.kind == FULL:
            return self._singles.get(unit.letters, ("", ""))[0]
        weighted: list[tuple[int, str]] = []
        for syllable, (texts, weights) in self._singles.items():
            if unit.fits(syllable):
                weighted.extend(zip(map(int, weights.split()[:40]), texts, strict=False))
        weighted.sort(key=lambda item: -item[0])
        return "".join(dict.fromkeys(text for _, text in weighted[:200]))

    def _phrase(self, path: Path) -> str:
        """Put likely words one after another so that they use the whole reading; each costs, a rare one more."""
        best: list[tuple[float, str]] = [(0.0, "")] + [(math.inf, "")] * len(path)
        for start in range(len(path)):
            cost, text = best[start]
            for size in range(1, min(self._longest, len(path) - start) + 1):
                piece, weight = self._likeliest(path[start : start + size])
                if piece:
                    total = cost + _WORD_COST + _TOTAL - math.log(weight + 1.5)
                    if total < best[start + size][0]:
                        best[start + size] = (total, text + piece)
        return best[-1][1]

    def _likeliest(self, units: Path) -> tuple[str, int]:
        if len(units) > 1:
            words = self._match(units)
            return (words[0].text, words[0].weight) if words else ("", 0)
        if units[0].kind != FULL:
            texts = self._singles_of(units[0])
            return (texts[:1], 0)
        texts, weights = self._singles.get(units[0].letters, ("", ""))
        return (texts[:1], int(weights.partition(" ")[0] or 0))


def clean(py: str) -> str:
    """Return what of the input is pinyin: letters a–z and apostrophes, at most 64 of them."""
    letters = "".join(letter for letter in py.lower()[: LONGEST_INPUT * 2] if letter == "'" or letter in _LETTERS)
    return letters.lstrip("'")[:LONGEST_INPUT]
