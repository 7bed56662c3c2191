"""What a refused value says."""

from __future__ import annotations


class Invalid(ValueError):
    """A value is refused: a stable `code`, and a plain sentence for the person, which says what to do."""

    def __init__(self, code: str, message_zh: str) -> None:
        super().__init__(code, message_zh)
        self.code, self.message_zh = code, message_zh

    def __str__(self) -> str:
        return self.message_zh
