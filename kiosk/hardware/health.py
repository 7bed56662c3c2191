"""How a device is, on a five-value scale."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.hardware.errors import CoverOpen, DeviceBusy, DeviceError, DeviceTimeout, PaperJam, PaperOut


class Level(StrEnum):
    """``unknown`` is not ``fine``: a device that does not answer is never taken for a working one."""

    UNKNOWN = "unknown"
    FINE = "fine"
    WARNING = "warning"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Health:
    """A device's state: ``code`` is stable snake_case, ``detail`` one short line for the operator, no personal data."""

    level: Level
    code: str
    detail: str = ""


def health_of(error: DeviceError) -> Health:
    """The state an error speaks of: busy, unknown (no answer in time) or failed."""
    match error:
        case DeviceBusy():
            level = Level.BUSY
        case PaperOut() | PaperJam() | CoverOpen():
            level = Level.FAILED
        case DeviceTimeout():
            level = Level.UNKNOWN
        case _:
            level = Level.FAILED
    return Health(level, error.code, str(error))
