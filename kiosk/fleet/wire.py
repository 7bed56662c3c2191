"""What goes over the line between a kiosk and its centre: JSON, checked on both sides, unknown keys refused.

``POST /api/v1/sync`` takes a :class:`Report` and gives a :class:`Reply`. Sizes: at most :data:`BATCH` events and
:data:`LARGEST` octets in a report.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

BATCH = 200
LARGEST = 3 * 1024 * 1024
MAX_ANSWER = 64 * 1024  # characters of a command's answer
API = "/api/v1"

KioskId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{2,5}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{2,5}[0-9]{12}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Code = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9_./-]*$")]
Count = Annotated[int, Field(ge=0, le=10**9)]
Sequence = Annotated[int, Field(ge=1, le=2**31 - 1)]
Epoch = Annotated[int, Field(ge=1, le=10**6)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(Message):
    """One event of the kiosk's journal, as it stands there."""

    seq: Sequence
    at: AwareDatetime
    order_no: Annotated[str, StringConstraints(max_length=24)] | None
    kind: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    body: dict[str, Any]
    prev: Digest
    hash: Digest


class PartHealth(Message):
    """One device, gateway or service of the kiosk."""

    level: Literal["fine", "warning", "failed", "busy", "unknown"]
    code: Code = ""
    at: AwareDatetime


class StockTold(Message):
    """Blank UKeys, in pieces; ``level`` is where the warning begins."""

    left: int = Field(ge=-(10**6), le=10**6)
    received: Count
    used: Count
    spoilt: int = Field(ge=-(10**6), le=10**6)
    level: Count


class Heartbeat(Message):
    """How the kiosk is. ``today``: orders of the Beijing day by state."""

    version: Annotated[str, StringConstraints(max_length=40)]
    parts: dict[Annotated[str, StringConstraints(max_length=24)], PartHealth] = Field(default={}, max_length=24)
    stock: StockTold
    today: dict[Annotated[str, StringConstraints(max_length=12)], Count] = Field(default={}, max_length=16)
    out: Code | None = None
    tasks: Count = 0
    catalogue: Annotated[str, StringConstraints(max_length=64)] = ""
    behind: Count = 0  # events the centre does not have yet
    fault: Code = ""  # why the kiosk cannot push or pull


class Answer(Message):
    """What became of a command."""

    id: Annotated[int, Field(ge=1, le=2**62)]
    ok: bool
    code: Code = ""
    text: Annotated[str, StringConstraints(max_length=MAX_ANSWER)] = ""


class Report(Message):
    """From the kiosk. ``epoch`` is the one the events belong to, ``now`` the kiosk's own."""

    now: Epoch
    epoch: Epoch
    heartbeat: Heartbeat
    events: list[Told] = Field(default=[], max_length=BATCH)
    answers: list[Answer] = Field(default=[], max_length=50)


class Order(Message):
    """A command for the kiosk."""

    id: int
    kind: str
    body: dict[str, Any]
    by: str


class Release(Message):
    """Another kiosk of the hall wants this order; ``fence`` is the one it will be let go under."""

    number: Number
    fence: int


class Reply(Message):
    """From the centre. ``ack``: the highest event of that epoch it has; ``fault``: why it takes no more of them."""

    ack: int
    fault: str = ""
    commands: list[Order] = []
    wanted: list[str] = []  # orders whose dossier the centre asks for
    release: list[Release] = []
    catalogue: str = ""


class Pairing(Message):
    """From a kiosk that is not paired yet; ``public_key`` is hexadecimal."""

    code: Annotated[str, StringConstraints(max_length=24)]
    kiosk: KioskId
    epoch: Epoch
    public_key: Digest


class Paired(Message):
    """``box_key``: the centre's public key for sealed data, hexadecimal."""

    credential: str
    hall: str
    box_key: Digest


def day_of(number: str) -> dt.date | None:
    """The date in an order's number; None when there is none."""
    text = number[-12:-6]
    try:
        return dt.date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return None


def kiosk_of(number: str) -> str:
    """The kiosk an order was begun at."""
    return number[:-12]
