"""The newest lines of this kiosk's logs, for the centre. Logs hold no personal data (a test keeps it so)."""

from __future__ import annotations

from pathlib import Path

from kiosk.fleet.wire import MAX_ANSWER

FILES = ("worker.log", "web.log")
EACH = MAX_ANSWER // 4  # octets of one file; in characters never more


def tail(home: Path) -> str:
    """The end of each log under a heading; empty when there are none."""
    parts = []
    for name in FILES:
        for folder in ("log", "logs"):
            path = home / folder / name
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(max(path.stat().st_size - EACH, 0))
                    parts.append(f"== {name}\n{file.read(EACH).decode('utf-8', 'replace')}")
    return "\n".join(parts)[:MAX_ANSWER]
