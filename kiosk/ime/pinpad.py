"""A shuffled pad for PINs whose digits reach the page only as drawings.

The page shows ten keys in a random order, each a line drawing, and sends the *places* that were pressed; which digit
lay at which place is known to the server alone, for one use and a few minutes. A camera over the shoulder learns no
pattern of movement, and neither the document nor the request carries the PIN.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

LIFETIME = 600.0  # seconds
_MOST = 32
_LONGEST = 32
PREFIX = "pad"

# Strokes of the digits on a grid 36 wide and 56 high.
_STROKES: dict[int, str] = {
    0: "M18 6C7 6 5 16 5 28s2 22 13 22 13-10 13-22S29 6 18 6z",
    1: "M8 15L20 6V50M10 50H29",
    2: "M6 18C6 9 12 6 18 6s12 4 12 12C30 29 8 36 6 50H31",
    3: "M7 10C12 5 29 4 29 16c0 8-7 11-14 11 8 0 16 3 16 12 0 13-19 14-25 6",
    4: "M25 50V6L5 37H32",
    5: "M29 6H10L8 26c5-5 23-5 23 10 0 17-20 17-25 9",
    6: "M28 8C12 4 5 18 5 34c0 11 6 16 13 16s13-5 13-14-6-13-12-13S6 26 5 34",
    7: "M5 6H31C23 18 16 32 14 50",
    8: "M18 27C10 27 7 22 7 17 7 10 12 6 18 6s11 4 11 11-3 10-11 10z"
    "M18 27C9 27 5 32 5 38c0 8 6 12 13 12s13-4 13-12c0-6-4-11-13-11z",
    9: "M8 48C24 52 31 38 31 22 31 11 25 6 18 6S5 11 5 20s6 13 12 13 13-3 14-11",
}


@dataclass(frozen=True, slots=True)
class Pad:
    """``order[place]`` is the digit at a place, 0–9; it must not leave the server."""

    id: str
    order: tuple[int, ...] = field(repr=False)

    @property
    def keys(self) -> list[str]:
        """The drawing of each place, as the ``d`` of an SVG path in a box of 36 × 56."""
        return [_STROKES[digit] for digit in self.order]


def new_pad() -> Pad:
    """Return a pad with its digits in an unpredictable order."""
    digits = list(range(10))
    secrets.SystemRandom().shuffle(digits)
    return Pad(secrets.token_urlsafe(16), tuple(digits))


def decode(pad: Pad, presses: str) -> str:
    """Return the digits for places written as ``0``–``9``. Raises :class:`ValueError` for anything else."""
    if not presses or len(presses) > _LONGEST or not all(press in "0123456789" for press in presses):
        raise ValueError("presses are 1 to 32 places, each 0 to 9")
    return "".join(str(pad.order[int(press)]) for press in presses)


class Pads:
    """The pads that are on screens now; each answers once, within ten minutes."""

    def __init__(self) -> None:
        self._pads: OrderedDict[str, tuple[float, Pad]] = OrderedDict()
        self._lock = threading.Lock()

    def new(self) -> Pad:
        pad = new_pad()
        with self._lock:
            self._pads[pad.id] = (time.monotonic() + LIFETIME, pad)
            while len(self._pads) > _MOST:
                self._pads.popitem(last=False)
        return pad

    def typed(self, value: str) -> str:
        """Return what a field holds: ``pad:<id>:<places>`` is decoded and its pad forgotten, other text is itself.

        Empty when the pad is unknown, used or too old, so that the page asks again.
        """
        prefix, _, rest = value.partition(":")
        if prefix != PREFIX:
            return value
        identity, _, presses = rest.partition(":")
        with self._lock:
            deadline, pad = self._pads.pop(identity, (0.0, None))
        if pad is None or time.monotonic() > deadline:
            return ""
        try:
            return decode(pad, presses)
        except ValueError:
            return ""


pads = Pads()
"""The pads of this process (a kiosk's web is one process)."""
