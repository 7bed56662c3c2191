"""What a payment channel is to the rest of the kiosk: outcomes, records, numbers, Beijing time and one tree of errors.

    GatewayError(code)
    ├── GatewayUnreachable   no answer, or one that decides nothing (timeout, 5xx, too many requests): UNKNOWN
    ├── GatewayUntrusted     an answer whose signature, time, signer or subject is wrong: UNKNOWN
    └── GatewayRefused       a trusted "no": this request had no effect (an earlier one may have had: ORDERPAID)

Money is an integer number of fen (1/100 CNY). Datetimes are aware; a *date* is always a Beijing date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
MAX_SKEW = timedelta(minutes=5)
"""Both gateways refuse a request, and we refuse a reply, whose time is further away than this."""

_PART = re.compile(r"[A-Z0-9]+")
_NUMBER = re.compile(r"([A-Z0-9]{1,8})x([A-Z0-9]{1,19})x([1-9][0-9]?)")


class GatewayError(Exception):
    """Something went wrong between us and a gateway. ``code`` is stable, free of personal data and fit for a log."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class GatewayUnreachable(GatewayError):
    """Nobody knows whether the request had an effect: ask before doing it again."""


class GatewayUntrusted(GatewayError):
    """The answer cannot be believed (signature, time, signer, subject): treat the outcome as unknown."""


class GatewayRefused(GatewayError):
    """The gateway said no, and its answer can be believed; ``code`` is the gateway's own, such as ``ORDERPAID``."""


class Outcome(StrEnum):
    """What is known about one trade number at the gateway."""

    PAID = "paid"
    OPEN = "open"
    NONE = "none"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class RefundOutcome(StrEnum):
    """What is known about one refund number. FAILED includes WeChat's ABNORMAL: a clerk has to act."""

    SUCCEEDED = "succeeded"
    PROCESSING = "processing"
    FAILED = "failed"
    NONE = "none"
    UNKNOWN = "unknown"


class LineKind(StrEnum):
    """Direction of one line of a bill."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Trade:
    """State of one out_trade_no. Everything but ``outcome`` and ``out_trade_no`` is there only if the gateway told it.

    ``scanned``: the buyer has opened our code but not paid yet (only Alipay tells). ``refunded``: paid, and money has
    gone back since. ``reason``: stable code that says why the outcome is UNKNOWN.
    """

    outcome: Outcome
    out_trade_no: str = ""
    amount_fen: int | None = None
    transaction_id: str | None = None
    paid_at: datetime | None = None
    merchant: str | None = None
    app_id: str | None = None
    scanned: bool = False
    refunded: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RefundState:
    """State of one out_refund_no; ``reason`` carries the gateway's code for FAILED, or says why it is UNKNOWN."""

    outcome: RefundOutcome
    out_refund_no: str = ""
    amount_fen: int | None = None
    refund_id: str | None = None
    succeeded_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a gateway's or acquirer's bill.

    ``number`` is the out_trade_no (for a POS terminal the retrieval reference number); ``refund_number`` the
    out_refund_no of a refund. ``amount_fen`` is always positive. ``fee_fen`` is what the channel kept: negative where
    it gave a fee back.
    """

    channel: str
    kind: LineKind
    number: str
    amount_fen: int
    fee_fen: int
    at: datetime
    refund_number: str = ""
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Is the gateway there and trusted, and how many seconds is its clock ahead of ours?"""

    reachable: bool
    skew_seconds: float | None
    reason: str | None = None


@runtime_checkable
class QrChannel(Protocol):
    """A channel whose code the buyer scans from our screen.

    ``create`` raises :class:`GatewayRefused` (this call made no code; after an earlier call for the same number whose
    answer was lost a trade may exist all the same: ask), :class:`GatewayUnreachable` or :class:`GatewayUntrusted` (a
    trade may exist: create again with the very same arguments, or close). ``query``,
    ``close``, ``refund`` and ``query_refund`` never raise a GatewayError: an outage or an unbelievable answer is
    UNKNOWN with a ``reason``; a refused refund is FAILED with the gateway's code. ``bill`` raises any
    :class:`GatewayError`.

    ``unseen_grace`` is None where ``close`` also ends a code nobody has scanned. Where it is a duration (Alipay knows
    no trade before the scan, ``close`` then answers NONE), a code counts as closed only that long after its expiry.
    """

    name: str
    unseen_grace: timedelta | None

    def create(self, out_trade_no: str, amount_fen: int, description: str, expires_at: datetime) -> str: ...

    def query(self, out_trade_no: str) -> Trade: ...

    def close(self, out_trade_no: str) -> Trade: ...

    def refund(
        self, out_refund_no: str, out_trade_no: str, amount_fen: int, total_fen: int, reason: str
    ) -> RefundState: ...

    def query_refund(self, out_refund_no: str, out_trade_no: str) -> RefundState: ...

    def bill(self, day: date) -> list[BillLine]: ...

    def probe(self) -> Probe: ...

    def clock_skew(self) -> float | None: ...

    def reachable(self) -> bool: ...

    def close_connection(self) -> None: ...


def trade_no(kiosk: str, order: str, attempt: int) -> str:
    """The out_trade_no of one attempt: ``<kiosk>x<order>x<attempt>``, at most 31 characters of [A-Za-z0-9].

    WeChat allows 32, Alipay 64. Hyphens are dropped and letters become capitals, so that the small ``x`` separates.
    Kiosk: at most 8 characters, order: at most 19, attempt: 1–99. Raises ValueError otherwise.
    """
    parts = [part.replace("-", "").upper() for part in (kiosk, order)]
    number = f"{parts[0]}x{parts[1]}x{attempt}"
    if not all(_PART.fullmatch(part) for part in parts) or not _NUMBER.fullmatch(number):
        raise ValueError(f"no trade number can be made of kiosk {kiosk!r}, order {order!r}, attempt {attempt!r}")
    return number


def split_trade_no(number: str) -> tuple[str, str, int] | None:
    """(kiosk, order, attempt) of a number made by :func:`trade_no`, or None for a foreign one."""
    match = _NUMBER.fullmatch(number)
    return (match[1], match[2], int(match[3])) if match else None


def refund_no(out_trade_no: str) -> str:
    """The one and only out_refund_no of a payment: fixed for ever, so that a repeated refund is the same refund."""
    if not out_trade_no.isascii() or not out_trade_no.isalnum() or len(out_trade_no) > 32:
        raise ValueError(f"not a trade number: {out_trade_no!r}")
    return f"R{out_trade_no}"


def beijing(moment: datetime) -> datetime:
    """The same moment on Beijing's clock. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone says nothing")
    return moment.astimezone(BEIJING)


def beijing_date(moment: datetime) -> date:
    """The Beijing date of a moment."""
    return beijing(moment).date()


def beijing_text(moment: datetime) -> str:
    """``YYYY-MM-DD HH:MM:SS`` in Beijing, Alipay's and both bills' way of writing a time."""
    return beijing(moment).strftime("%Y-%m-%d %H:%M:%S")


def parse_beijing(text: str) -> datetime:
    """Read :func:`beijing_text` back. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals: 20000 → ``200.00``."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fen(text: str) -> int:
    """Yuan (``200``, ``-0.60``, ``1.20000``) as fen, rounded half up beyond the second decimal. Raises ValueError."""
    match = re.fullmatch(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{1,8}))?", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"not an amount in yuan: {text[:40]!r}")
    decimals = (match[3] or "").ljust(3, "0")
    value = int(match[2]) * 100 + int(decimals[:2]) + (1 if decimals[2] >= "5" else 0)
    return -value if match[1] == "-" else value
