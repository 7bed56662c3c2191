"""Build the pinyin index: from dictionaries to one small text file that an :class:`kiosk.ime.engine.Engine` loads.

Sources, in the order of their say: the words of the hall (``words.txt``) and place names given by the caller; the
``pinyin_simp`` dictionary of Debian's package ``rime-data-pinyin-simp`` (Apache-2.0); pypinyin for characters and
readings that it lacks (rare characters of names). Nothing that a user types ever flows back.

The index has two kinds of line, fields separated by tabs:

* ``1``, syllable, all characters of that reading, the likeliest first;
* ``n``, initials, then ``text weight syllable…`` for every word of two and more characters, the likeliest first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from kiosk.ime.syllables import SYLLABLES

DICTIONARY = Path("/usr/share/rime-data/pinyin_simp.dict.yaml")
HERE = Path(__file__).parent
WORD_WEIGHT = 30_000
PLACE_WEIGHT = 6_000
NAME_WEIGHTS = (1_500, 1_500, 400)  # surnames, given names, rare characters of names
LONGEST_WORD = 16
FORMAT = b"5"

Words = dict[tuple[str, tuple[str, ...]], int]


class DictionaryMissing(Exception):
    """The Debian dictionary is not on this machine; ``path`` says where it was looked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"pinyin dictionary not found: {path} (Debian package rime-data-pinyin-simp)")
        self.path = path


def index_path(folder: Path, places: Iterable[str] = (), dictionary: Path = DICTIONARY) -> Path:
    """Return the index in ``folder``, built first if its sources are new to it. Raises :class:`DictionaryMissing`."""
    names = sorted(set(places))
    path = folder / f"pinyin-{_fingerprint(names, dictionary)}.idx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, _lines(_collect(names, dictionary)))
        for old in folder.glob("pinyin-*.idx"):
            if old != path:
                old.unlink(missing_ok=True)
    return path


def _fingerprint(names: list[str], dictionary: Path) -> str:
    try:
        stat = dictionary.stat()
    except OSError as error:
        raise DictionaryMissing(dictionary) from error
    digest = hashlib.sha256(FORMAT)
    digest.update(f"{stat.st_size} {int(stat.st_mtime)}".encode())
    for part in ((HERE / "words.txt").read_bytes(), (HERE / "names.txt").read_bytes(), "\n".join(names).encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def _write(path: Path, lines: Iterable[str]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".pinyin-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    Path(temporary).replace(path)


def _collect(places: list[str], dictionary: Path) -> Words:
    words: Words = {}
    _add_dictionary(words, dictionary)
    _add_names(words)
    _add_rare(words)
    for place in places:
        for text in {place, place.rstrip("省市区县州镇")} - {""}:
            _raise(words, text, spell(text), PLACE_WEIGHT)
    for line in (HERE / "words.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            text, _, spelling = line.partition("\t")
            _raise(words, text, tuple(spelling.split()) or spell(text), WORD_WEIGHT if len(text) > 1 else PLACE_WEIGHT)
    return words


def _raise(words: Words, text: str, syllables: tuple[str, ...], weight: int) -> None:
    if len(syllables) == len(text) <= LONGEST_WORD and all(s in SYLLABLES for s in syllables):
        key = (text, syllables)
        words[key] = max(words.get(key, 0), 0) + weight


def _add_dictionary(words: Words, dictionary: Path) -> None:
    with dictionary.open(encoding="utf-8") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 3:
                text, syllables, weight = fields[0], tuple(fields[1].split()), int(fields[2])
                if len(text) == len(syllables) <= LONGEST_WORD and all(s in SYLLABLES for s in syllables):
                    words[text, syllables] = max(weight, words.get((text, syllables), 0))


def _add_names(words: Words) -> None:
    lines = (HERE / "names.txt").read_text(encoding="utf-8").splitlines()
    groups = [line for line in lines if not line.startswith("#")]
    seen: set[str] = set()
    for weight, group in zip(NAME_WEIGHTS, groups, strict=True):
        for character in dict.fromkeys(group):
            if character not in seen:
                seen.add(character)
                _raise(words, character, spell(character), weight)


def _add_rare(words: Words) -> None:
    """Characters and readings known to pypinyin alone come last: code blocks in their order."""
    from pypinyin.constants import PINYIN_DICT

    for code, readings in sorted(PINYIN_DICT.items()):
        for reading in readings.split(","):
            syllable = plain(reading)
            if syllable in SYLLABLES:
                words.setdefault((chr(code), (syllable,)), -1 if code < 0xA000 else -2)


def spell(text: str) -> tuple[str, ...]:
    """Return the usual syllables of a word, without tones, ``v`` for ü."""
    from pypinyin import Style, lazy_pinyin

    return tuple(lazy_pinyin(text, style=Style.NORMAL, v_to_u=False, errors="ignore"))


def plain(reading: str) -> str:
    """Strip the tone mark: ``lǜ`` → ``lv``."""
    bare = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def _lines(words: Words) -> Iterable[str]:
    singles: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    longer: defaultdict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for (text, syllables), weight in words.items():
        if len(text) == 1:
            singles[syllables[0]].append((weight, text))
        else:
            initials = "".join(syllable[0] for syllable in syllables)
            longer[initials].append((weight, text, " ".join(syllables)))
    for syllable, found in sorted(singles.items()):
        found.sort(key=lambda item: -item[0])
        weights = " ".join(str(weight) for weight, _ in found if weight > 0)
        yield f"1\t{syllable}\t{''.join(text for _, text in found)}\t{weights}"
    for initials, entries in sorted(longer.items()):
        entries.sort(key=lambda item: (-item[0], item[1]))
        yield f"n\t{initials}\t" + "\t".join(f"{text} {weight} {spelling}" for weight, text, spelling in entries)
