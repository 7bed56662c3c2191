"""How personal data are shown where the whole is not needed."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """``张三丰`` → ``张*丰``, ``张三`` → ``张*``."""
    if len(name) <= 1:
        return "*" if name else ""
    if len(name) == 2:
        return name[0] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_number(number: str) -> str:
    """Keeps the first three and last two characters of an identity or unit number."""
    return number[:3] + "*" * (len(number) - 5) + number[-2:] if len(number) > 6 else "*" * len(number)


def mask_phone(phone: str) -> str:
    """``15345678901`` → ``153****8901``."""
    return phone[:3] + "*" * max(len(phone) - 7, 0) + phone[-4:] if len(phone) >= 7 else "*" * len(phone)
