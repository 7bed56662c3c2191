"""Append-only, hash-chained events: saga journal, audit trail, time line and outbox in one."""

from kiosk.journal.chain import Broken, append, verify
from kiosk.journal.models import Event

__all__ = ["Broken", "Event", "append", "verify"]
