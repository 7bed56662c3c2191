"""Day-end reconciliation: our records against the bills, and the day's figures for finance. Pure functions.

Both sides are matched by channel, kind and number; a day is a Beijing date. Classes (Chinese bookkeeping terms):

======================  ==========  ====================================================================
``balanced``            平账        same number, amount, state and date
``surplus``             长款        more money has moved to us than we have booked
``shortage``            短款        less money has moved to us than we have booked
``amount_differs``      金额不符    both sides know it, with different amounts
``state_differs``       状态不符    the money moved, but our record says it did not (or not yet)
``cross_day``           跨日        both sides agree but for the date, or the other side's day is not out yet
======================  ==========  ====================================================================

A payment only the bill knows is a surplus, one only we know a shortage; with a refund it is the other way round.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum

from kiosk.payments.channel import BillLine, LineKind, beijing, beijing_date, yuan

MIDNIGHT_GRACE = timedelta(minutes=15)
"""A record this close to midnight may stand in the neighbouring day's bill: clocks and settlement lag."""

BOM = "\ufeff"


class Verdict(StrEnum):
    """Class of one matched pair, or of a line without a partner."""

    BALANCED = "balanced"
    SURPLUS = "surplus"
    SHORTAGE = "shortage"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    CROSS_DAY = "cross_day"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One of our payments or refunds. ``number`` is the out_trade_no (POS: the reference number), ``refund_number``
    ours.

    ``settled``: our record says the money moved. ``at``: when, or for an unsettled record when it was begun.
    """

    channel: str
    kind: LineKind
    number: str
    amount_fen: int
    settled: bool
    at: datetime
    hall: str
    kiosk: str
    service: str
    order: str
    refund_number: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict with its two sides; ``effect_fen`` = money that moved to us minus money we have booked."""

    verdict: Verdict
    ours: LedgerLine | None
    bill: BillLine | None

    @property
    def effect_fen(self) -> int:
        booked = _signed(self.ours) if self.ours and self.ours.settled else 0
        moved = _signed(self.bill) if self.bill else 0
        return moved - booked

    @property
    def number(self) -> str:
        line = self.bill or self.ours
        return line.number if line else ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result of one Beijing date: every verdict, balanced ones included, and what has to be looked at tomorrow."""

    day: date
    findings: tuple[Finding, ...]

    @property
    def exceptions(self) -> tuple[Finding, ...]:
        """All but the balanced pairs."""
        return tuple(finding for finding in self.findings if finding.verdict is not Verdict.BALANCED)

    @property
    def carry(self) -> tuple[LedgerLine, ...]:
        """Our records near midnight that this bill does not know: hand them to the next day as ``carried``."""
        return tuple(
            finding.ours
            for finding in self.findings
            if finding.verdict is Verdict.CROSS_DAY and finding.bill is None and finding.ours is not None
        )

    @property
    def early(self) -> tuple[LedgerLine, ...]:
        """Our records of the next day that this bill has already: hand them to the next day as ``taken``."""
        return tuple(
            finding.ours
            for finding in self.findings
            if finding.bill is not None and finding.ours is not None and beijing_date(finding.ours.at) > self.day
        )

    def counts(self) -> dict[str, int]:
        """Verdict → number of findings."""
        return dict(Counter(str(finding.verdict) for finding in self.findings))


_Key = tuple[str, LineKind, str, str]


def reconcile(
    day: date,
    ours: Iterable[LedgerLine],
    bill: Iterable[BillLine],
    carried: Iterable[LedgerLine] = (),
    taken: Iterable[LedgerLine] = (),
) -> Reconciliation:
    """Match one day's bill lines with our records.

    ``ours``: all records of ``day``, settled or not, and those of the neighbouring days (they only serve to recognise
    cross-day lines). ``bill``: the lines of all channels' bills of ``day``. ``carried``: the day before's
    :attr:`Reconciliation.carry`; what this bill does not know either is now missing for good. ``taken``: the day
    before's :attr:`Reconciliation.early`, which stood in yesterday's bill already. A record that stands on our side
    twice, or a line that stands in the bill twice, is a finding of its own.
    """
    records: dict[_Key, list[LedgerLine]] = defaultdict(list)
    waiting = list(carried)
    late = {id(line) for line in waiting}
    known = {_key(line) for line in [*waiting, *taken]}
    for line in [*waiting, *(line for line in ours if _key(line) not in known)]:
        records[_key(line)].append(line)
    findings = []
    for entry in bill:
        candidates = records.get(_key(entry), [])
        ours_line = candidates.pop(0) if candidates else None
        findings.append(Finding(_judge(day, ours_line, entry), ours_line, entry))
    for lines in records.values():
        for line in lines:
            if not line.settled or (beijing_date(line.at) != day and id(line) not in late):
                continue
            findings.append(Finding(_missing(day, line, id(line) in late), line, None))
    return Reconciliation(day, tuple(findings))


def _judge(day: date, ours: LedgerLine | None, bill: BillLine) -> Verdict:
    if ours is None:
        return Verdict.SURPLUS if bill.kind is LineKind.PAYMENT else Verdict.SHORTAGE
    if ours.amount_fen != bill.amount_fen:
        return Verdict.AMOUNT_DIFFERS
    if not ours.settled:
        return Verdict.STATE_DIFFERS
    if beijing_date(ours.at) != day or beijing_date(bill.at) != day:
        return Verdict.CROSS_DAY
    return Verdict.BALANCED


def _missing(day: date, line: LedgerLine, carried: bool) -> Verdict:
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), beijing(line.at).tzinfo)
    if not carried and midnight - line.at <= MIDNIGHT_GRACE:
        return Verdict.CROSS_DAY
    return Verdict.SHORTAGE if line.kind is LineKind.PAYMENT else Verdict.SURPLUS


def _key(line: LedgerLine | BillLine) -> _Key:
    return line.channel, line.kind, line.number, line.refund_number if line.kind is LineKind.REFUND else ""


def _signed(line: LedgerLine | BillLine) -> int:
    return line.amount_fen if line.kind is LineKind.PAYMENT else -line.amount_fen


@dataclass(frozen=True, slots=True)
class ReportRow:
    """Figures of one hall, kiosk, channel and service, all from the bill: ``net`` = gross − refunds − fees (fen).

    Lines that no record of ours explains stand under empty hall, kiosk and service. ``exceptions`` counts findings.
    """

    hall: str
    kiosk: str
    channel: str
    service: str
    count: int
    gross_fen: int
    refund_count: int
    refund_fen: int
    fee_fen: int
    net_fen: int
    exceptions: int


def report(result: Reconciliation) -> list[ReportRow]:
    """The day's figures, one row per hall, kiosk, channel and service, sorted by them."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = defaultdict(list)
    for finding in result.findings:
        ours, line = finding.ours, finding.bill or finding.ours
        if line is not None:
            place = (ours.hall, ours.kiosk, line.channel, ours.service) if ours else ("", "", line.channel, "")
            groups[place].append(finding)
    return [_row(place, findings) for place, findings in sorted(groups.items())]


def _row(place: tuple[str, str, str, str], findings: Sequence[Finding]) -> ReportRow:
    lines = [finding.bill for finding in findings if finding.bill]
    paid = [line.amount_fen for line in lines if line.kind is LineKind.PAYMENT]
    back = [line.amount_fen for line in lines if line.kind is LineKind.REFUND]
    fee = sum(line.fee_fen for line in lines)
    odd = sum(finding.verdict is not Verdict.BALANCED for finding in findings)
    return ReportRow(*place, len(paid), sum(paid), len(back), sum(back), fee, sum(paid) - sum(back) - fee, odd)


REPORT_HEADINGS = {
    "hall": "大厅",
    "kiosk": "终端",
    "channel": "渠道",
    "service": "业务",
    "count": "收款笔数",
    "gross_fen": "收款金额（元）",
    "refund_count": "退款笔数",
    "refund_fen": "退款金额（元）",
    "fee_fen": "手续费（元）",
    "net_fen": "净额（元）",
    "exceptions": "差异笔数",
}


def report_csv(rows: Sequence[ReportRow]) -> bytes:
    """The report for a spreadsheet: UTF-8 with a byte order mark, yuan, Chinese headings, formulas made harmless."""
    table = [[REPORT_HEADINGS[item.name] for item in fields(ReportRow)]]
    for row in rows:
        values = asdict(row)
        table.append([yuan(value) if name.endswith("_fen") else str(value) for name, value in values.items()])
    return csv_bytes(table)


def csv_bytes(table: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV that spreadsheets open rightly and never execute (OWASP, "CSV injection"): UTF-8, BOM, CRLF.

    A cell that begins like a formula gets an apostrophe in front, unless it is a plain number.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in table:
        writer.writerow([_harmless(cell) for cell in row])
    return (BOM + out.getvalue()).encode("utf-8")


def _harmless(cell: str) -> str:
    clean = cell.replace("\x00", "")
    if clean.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"):
        number = clean.removeprefix("-").replace(".", "", 1)
        return clean if number.isascii() and number.isdigit() else f"'{clean}"
    return clean
