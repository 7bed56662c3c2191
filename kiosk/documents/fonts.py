"""What the papers need of the machine: two font families that have the rare characters of names, and HarfBuzz's
subsetter.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterable
from functools import lru_cache

SANS = "Noto Sans CJK SC"
SERIF = "Noto Serif CJK SC"
SUBSETTER = "libharfbuzz-subset.so.0"
RARE = "䶮㛃𬭼𠮷堃喆"
"""Characters of real names that common fonts lack."""


@lru_cache(maxsize=32)
def font_file(family: str, bold: bool = False) -> tuple[str, int] | None:
    """(path, index in the collection) of an installed font by fontconfig; None when another family would be put in its
    place.
    """
    program = shutil.which("fc-match")
    if program is None:
        return None
    pattern = f"{family}:style={'Bold' if bold else 'Regular'}"
    out = subprocess.run(
        [program, "--format=%{family}\t%{file}\t%{index}", pattern],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    ).stdout
    found, _, rest = out.partition("\t")
    path, _, index = rest.partition("\t")
    if family not in found.split(",") or not path:
        return None
    return path, int(index or 0)


def missing(families: Iterable[str]) -> tuple[str, ...]:
    """Those families that are not installed (regular and bold)."""
    return tuple(name for name in families if font_file(name) is None or font_file(name, bold=True) is None)


def subsetter_present() -> bool:
    """Whether WeasyPrint found libharfbuzz-subset; without it a page takes 20 s instead of half a second."""
    from weasyprint.text.ffi import harfbuzz_subset

    return bool(harfbuzz_subset)


def installed(families: Iterable[str] = (SANS, SERIF)) -> tuple[str, str]:
    """(code, detail) of what the machine lacks for papers, ("", …) when nothing; loads only that library."""
    lacking = missing(families)
    if lacking:
        return "fonts_missing", ", ".join(lacking)
    try:
        ctypes.CDLL(SUBSETTER)
    except OSError:
        return "harfbuzz_subset_missing", "libharfbuzz-subset0"
    return "", ", ".join(families)


def check(families: Iterable[str]) -> dict[str, str]:
    """A health as a dict: level, code, detail."""
    lacking = missing(families)
    if lacking:
        return {"level": "failed", "code": "fonts_missing", "detail": ", ".join(lacking)}
    if not subsetter_present():
        return {"level": "failed", "code": "harfbuzz_subset_missing", "detail": "libharfbuzz-subset0"}
    return {"level": "fine", "code": "ready", "detail": ", ".join(families)}
