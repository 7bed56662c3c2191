"""How this room's process gets its memory: a picture takes dozens of large arrays, one after the other."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_LARGEST = 32 * 1024 * 1024  # glibc takes no higher limit
_KEPT = 256 * 1024 * 1024


def keep_freed() -> None:
    """Keep freed arrays (of up to 32 MB) for the next ones.

    Otherwise glibc returns each to the kernel and takes a page fault for every 4 KB of the next: a tenth of the time
    of a verdict. Does nothing where the C library has no such switch.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    tune(_MMAP_THRESHOLD, _LARGEST)
    tune(_TRIM_THRESHOLD, _KEPT)
