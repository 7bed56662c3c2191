"""What a customer brings to the simulated kiosk: persons with their ID cards, and pages to lay on the glass.

``GET /state`` lists people (as the ID reader's ``lay`` wants them) and pages; ``GET /files/pages/<name>.png`` is a
page at 300 dpi.
Verb ``page {name, unit, person, number, order}`` draws a page of a given owner and order and answers its file name.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kiosk.simulators import pages
from kiosk.simulators.control import Control, Refused, arguments, serve
from kiosk.simulators.people import COMPANIES, PERSONS


def main() -> None:
    """Run until SIGTERM."""
    options = arguments("Cards and pages a customer brings").parse_args()
    folder: Path = options.home / "pages"
    folder.mkdir(parents=True, exist_ok=True)

    def state() -> dict[str, Any]:
        people = [{"key": one.key, "name": one.name, "mobile": one.mobile, "card": one.card()} for one in PERSONS]
        units = [
            {
                "key": unit.key,
                "name": unit.name,
                "uscc": unit.uscc,
                "legal": unit.legal.key,
                "agent": unit.agent.key,
                "address": unit.address,
                "phone": unit.phone,
                "social_number": unit.social_number,
                "email": unit.email,
            }
            for unit in COMPANIES
        ]
        return {"people": people, "units": units, "pages": pages.NAMES}

    def page(body: dict[str, Any]) -> dict[str, Any]:
        name = str(body.get("name", ""))
        if name not in pages.NAMES:
            raise Refused(f"name must be one of {', '.join(pages.NAMES)}")
        owner = {key: str(body.get(key, ""))[:80] for key in ("unit", "person", "number", "order")}
        digest = hashlib.sha256(repr(sorted(owner.items())).encode()).hexdigest()[:12]
        target = folder / f"{name}-{digest}.png"
        if not target.exists():
            temporary = target.with_suffix(".part")
            temporary.write_bytes(pages.draw(name, **owner))
            temporary.replace(target)
        return {"file": target.name}

    serve(Control(state, {"page": page}, options.control, {"pages": folder}), {})


if __name__ == "__main__":
    main()
