"""A4 printer over IPP (RFC 8011): a form counts as printed only when the printer says that its job is completed.

Measured on CUPS's own IPP printer and therefore not relied upon: the severity ending of printer-state-reasons follows
the printer's state, not the trouble; a job cancelled while the paper was out is printed all the same once paper is
laid in; the count of sheets runs ahead of the paper.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Self, TypeVar

from pyipp import IPP
from pyipp.enums import IppOperation
from pyipp.exceptions import IPPConnectionError, IPPError, IPPParseError

from kiosk.hardware.errors import (
    CoverOpen,
    DeviceBusy,
    DeviceError,
    DeviceFailed,
    DeviceMissing,
    PaperJam,
    PaperOut,
    PrintUnknown,
)
from kiosk.hardware.health import Health, Level, health_of

LARGEST = 20 * 1024 * 1024
JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
POLL = 0.2
PATIENCE = 2.0  # seconds without paper before the job is given up: trays report empty for a moment when pulled

STOPPED = 5  # printer-state
CANCELLED, ABORTED, COMPLETED = 7, 8, 9  # job-state
STATUS = ["printer-state", "printer-state-reasons", "printer-is-accepting-jobs"]
JOB = ["job-id", "job-name", "job-state", "job-state-reasons"]
BUSY_CODES = {0x0506, 0x0507}  # server-error-not-accepting-jobs, server-error-busy

Outcome = Literal["completed", "pending", "aborted"]
T = TypeVar("T")


class A4Printer:
    """``uri`` is ``ipp://host:port/path`` (or ``ipps``); ``timeout`` (s) is the longest a job may take."""

    def __init__(self, uri: str, timeout: float = 120.0) -> None:
        self._uri = uri
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held between calls."""

    def print_pdf(self, pdf: bytes, job: str) -> None:
        """Print one document under the job name ``job`` (letters, digits, ``._-``), which must never be used again.

        Not begun: PaperOut, PaperJam, CoverOpen, DeviceMissing, DeviceBusy, DeviceFailed. Begun and ended badly:
        PaperJam or DeviceFailed with ``begun=True``. Begun and open: PrintUnknown (fact ``cause``); ask with
        ``find``, never send again by yourself.
        """
        if not pdf.startswith(b"%PDF-") or len(pdf) > LARGEST:
            raise DeviceFailed("document_unusable", bytes=len(pdf))
        if not JOB_NAME.match(job):
            raise DeviceFailed("job_name_unusable")
        self._run(lambda ipp: self._print(ipp, pdf, job))

    def find(self, job: str) -> Outcome | None:
        """What became of the newest job of that name; None where the printer knows none (or forgot it)."""
        return self._run(lambda ipp: _find(ipp, job))

    def health(self) -> Health:
        """The printer's own word, low paper or toner as a warning."""
        try:
            status = self._run(_status)
            _refuse(status)
        except DeviceError as error:
            return health_of(error)
        low = next((reason for reason in _reasons(status) if "-low" in reason), None)
        return Health(Level.WARNING, "supply_low", low) if low else Health(Level.FINE, "ready")

    def _run(self, work: Callable[[IPP], Coroutine[Any, Any, T]]) -> T:
        async def connected() -> T:
            async with IPP(self._uri, request_timeout=8) as ipp:
                return await work(ipp)

        try:
            return asyncio.run(connected())
        except IPPConnectionError:
            raise DeviceMissing from None
        except IPPError as error:
            raise DeviceFailed("ipp_refused", status=_code(error)) from None

    async def _print(self, ipp: IPP, pdf: bytes, job: str) -> None:
        _refuse(await _status(ipp))
        number = await _send(ipp, pdf, job)
        until = time.monotonic() + self._timeout
        hungry: float | None = None
        while time.monotonic() < until:
            try:
                state = await _job_state(ipp, number)
                reasons = _reasons(await _status(ipp))
            except IPPError:
                raise PrintUnknown(cause="printer_gone", job_id=number) from None
            if _ended(state, reasons, number):
                return
            empty = _names(reasons, "media-empty", "media-needed")
            hungry = (hungry or time.monotonic()) if empty else None
            if hungry and time.monotonic() - hungry >= PATIENCE:
                raise PrintUnknown(cause="paper_out", job_id=number)
            await asyncio.sleep(POLL)
        raise PrintUnknown(cause="timeout", job_id=number)


def _ended(state: int, reasons: list[str], number: int) -> bool:
    if state == ABORTED:
        if _names(reasons, "media-jam"):
            raise PaperJam(begun=True, job_id=number)
        raise DeviceFailed("job_aborted", begun=True, job_id=number)
    if state == CANCELLED:
        raise PrintUnknown(cause="job_cancelled", job_id=number)
    return state == COMPLETED


async def _send(ipp: IPP, pdf: bytes, job: str) -> int:
    """Print-Job; the job's number. A line that breaks here leaves open whether the job was taken."""
    message = {
        "operation-attributes-tag": {
            "requesting-user-name": "kiosk",
            "job-name": job,
            "document-format": "application/pdf",
        },
        "job-attributes-tag": {"media": "iso_a4_210x297mm"},
        "data": pdf,
    }
    try:
        reply = await ipp.execute(IppOperation.PRINT_JOB, message)
        return int(reply["jobs"][0]["job-id"])
    except (IPPConnectionError, IPPParseError, LookupError, ValueError, TypeError):
        raise PrintUnknown(cause="no_answer") from None
    except IPPError as error:
        code = _code(error)
        raise DeviceBusy("printer_busy") if code in BUSY_CODES else DeviceFailed("job_refused", status=code) from None


async def _status(ipp: IPP) -> dict[str, Any]:
    wanted = {"operation-attributes-tag": {"requested-attributes": STATUS}}
    reply = await ipp.execute(IppOperation.GET_PRINTER_ATTRIBUTES, wanted)
    return next(iter(reply["printers"]), {})


async def _job_state(ipp: IPP, number: int) -> int:
    wanted = {"operation-attributes-tag": {"job-id": number, "requested-attributes": JOB}}
    reply = await ipp.execute(IppOperation.GET_JOB_ATTRIBUTES, wanted)
    job: dict[str, Any] = next(iter(reply["jobs"]), {})
    return int(job.get("job-state", 0))


async def _find(ipp: IPP, job: str) -> Outcome | None:
    for which in ("not-completed", "completed"):
        wanted = {"operation-attributes-tag": {"which-jobs": which, "requested-attributes": JOB}}
        reply = await ipp.execute(IppOperation.GET_JOBS, wanted)
        named = [entry for entry in reply["jobs"] if entry.get("job-name") == job]
        if named:
            state = int(max(named, key=lambda entry: int(entry.get("job-id", 0))).get("job-state", 0))
            return "completed" if state == COMPLETED else "aborted" if state in {ABORTED, CANCELLED} else "pending"
    return None


def _reasons(status: dict[str, Any]) -> list[str]:
    """printer-state-reasons, which pyipp gives as None, one text or a list."""
    value = status.get("printer-state-reasons")
    found = [value] if isinstance(value, str) else list(value or [])
    return [str(reason) for reason in found if reason != "none"]


def _names(reasons: list[str], *names: str) -> bool:
    return any(reason.startswith(names) for reason in reasons)


def _refuse(status: dict[str, Any]) -> None:
    """Refuse what cannot print now."""
    reasons = _reasons(status)
    stopped = int(status.get("printer-state", 0)) == STOPPED
    if _names(reasons, "media-empty", "media-needed"):
        raise PaperOut
    if _names(reasons, "cover-open", "door-open", "interlock-open"):
        raise CoverOpen
    # an idle printer may go on reporting the jam that ended its last job
    if any(reason.startswith("media-jam") and (stopped or not reason.endswith("-report")) for reason in reasons):
        raise PaperJam
    if stopped or status.get("printer-is-accepting-jobs") is False:
        raise DeviceFailed("printer_stopped", reasons=",".join(reasons)[:200])


def _code(error: IPPError) -> int | None:
    facts = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    code = facts.get("status-code")
    return int(code) if isinstance(code, int) else None
