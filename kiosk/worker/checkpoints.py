"""Named points around each effect. Nothing happens there, unless a test puts a hook in to kill the process."""

from __future__ import annotations

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def reached(name: str) -> None:
    if hook is not None:
        hook(name)
