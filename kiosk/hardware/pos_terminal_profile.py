"""What differs from acquirer to acquirer: tags, codes, times. Data, read from a TOML file.

The type codes of the protocol stand in a header that no acquirer has published: ``GENERIC`` holds the simulator's, a
real terminal's come with its acquirer's integration sheet.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

MAX_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """Tags are four hex digits, codes the hex of a tag's value, times seconds.

    ``tag_order`` carries the kiosk's order number to the slip and back; empty where the acquirer has no such tag (a
    lost result is then recognised by trace number and amount). ``responses_busy``: the terminal is occupied with a
    customer. ``responses_empty``: a query found no such transaction.
    """

    name: str = "generic"
    baudrate: int = 9600
    tag_message: str = "DF01"
    tag_type: str = "DF02"
    tag_amount: str = "DF03"
    tag_nonce: str = "DF04"
    tag_response: str = "DF07"
    tag_trace: str = "DF0A"
    tag_terminal: str = "DF12"
    tag_merchant: str = "DF13"
    tag_reference: str = "DF1A"
    tag_auth: str = "DF1B"
    tag_date: str = "DF1C"
    tag_time: str = "DF1D"
    tag_card: str = "DF1E"
    tag_desk: str = "DF46"
    tag_order: str = "DF6A"
    message_command: str = "00"
    message_result: str = "02"
    type_sale: str = "01"
    type_void: str = "02"
    type_query: str = "03"
    type_abandon: str = "04"
    response_approved: str = "00"
    responses_busy: tuple[str, ...] = ("B1",)
    responses_empty: tuple[str, ...] = ("25",)
    desk: str = "01"
    seconds_ack: float = 3.0
    seconds_answer: float = 5.0
    seconds_customer: float = 90.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.startswith(("tag_", "message_", "type_")) and value:
                bytes.fromhex(value)
            if item.name.startswith("tag_") and len(value) != 4 and not (item.name == "tag_order" and not value):
                raise ValueError(f"{item.name} is a tag of four hex digits")
            if item.name.startswith("seconds_") and not 0 < value <= 600:
                raise ValueError(f"{item.name} is 0 to 600 seconds")


def read_profile(path: Path) -> Profile:
    """A profile of a TOML file whose keys are this class's; missing keys keep the generic value.

    Raises ValueError naming file and key, or OSError.
    """
    if path.stat().st_size > MAX_FILE:
        raise ValueError(f"{path.name}: too large")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults = Profile()
    for name, value in values.items():
        known = getattr(defaults, name, None)
        if known is None or callable(known):
            raise ValueError(f"{path.name}: unknown key {name}")
        if isinstance(known, tuple) and isinstance(value, list) and all(isinstance(one, str) for one in value):
            values[name] = tuple(value)
        elif isinstance(known, float) and type(value) in (int, float):
            values[name] = float(value)
        elif type(value) is not type(known):
            raise ValueError(f"{path.name}: {name} is of the wrong type")
    try:
        return Profile(**values)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


GENERIC = Profile()
