"""Which PINs a UKey may be given. Rules in the spirit of NIST SP 800-63B 5.1.1.2: no repetition, no sequence."""

from __future__ import annotations

from typing import Final

SHORTEST: Final = 6
LONGEST: Final = 16
_KEYBOARD_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_COMMON: Final = frozenset({"123123", "112233", "121212", "123321", "520520", "520131", "5201314", "159357", "147258",
                            "147258369", "789456", "789456123", "password", "admin123", "abc123"})  # fmt: skip


def pin_weakness(pin: str) -> str | None:
    """Say what is weak about ``pin``, as a stable code, or None.

    ``pin_length``: not 6 to 16 characters. ``pin_characters``: something beyond printable ASCII, or a blank.
    ``pin_repeated``: one character, or one short group, over and over. ``pin_sequence``: a run up, down or along a
    row of keys. ``pin_common``: among the well-known ones. Whether it is the owner's birthday or the tail of his ID
    number only the caller can know.
    """
    if not SHORTEST <= len(pin) <= LONGEST:
        return "pin_length"
    if not all("!" <= character <= "~" for character in pin):
        return "pin_characters"
    if _repeats(pin):
        return "pin_repeated"
    if _runs(pin):
        return "pin_sequence"
    return "pin_common" if pin.lower() in _COMMON else None


def _repeats(pin: str) -> bool:
    """At most two different characters, or a group of up to a third of the PIN repeated through it."""
    if len(set(pin)) < 3:
        return True
    return any((pin[:size] * len(pin))[: len(pin)] == pin for size in range(1, len(pin) // 3 + 1))


def _runs(pin: str) -> bool:
    """The whole PIN climbs or falls by one (9 and 0 are neighbours), or walks along a row of the keyboard."""
    lowered = pin.lower()
    rows = (*_KEYBOARD_ROWS, "01234567890123456789", "abcdefghijklmnopqrstuvwxyz")
    return any(lowered in row or lowered[::-1] in row for row in rows)
