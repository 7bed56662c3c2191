"""What a wrong catalogue says."""

from __future__ import annotations


class CatalogueError(Exception):
    """A catalogue file is refused: which file, which key, and why (readable, Chinese)."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(file, key, reason)
        self.file, self.key, self.reason = file, key, reason

    def __str__(self) -> str:
        return f"{self.file}: {self.key or '(file)'}: {self.reason}"
