"""Reconciliation: a generated day of 1,000 orders with 12 injected differences, and the report made of it."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.payments.channel import BEIJING, BillLine, LineKind, trade_no
from kiosk.payments.reconcile import LedgerLine, Verdict, csv_bytes, reconcile, report, report_csv

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=BEIJING)


def ours(number: int, **changes: object) -> LedgerLine:
    line = LedgerLine(
        channel=("wechat", "alipay", "pos")[number % 3],
        kind=LineKind.PAYMENT,
        number=trade_no("K1", f"A{number}", 1),
        amount_fen=(10000, 20000, 40000)[number % 3 - 1],
        settled=True,
        at=datetime(2026, 11, 20, 9, tzinfo=BEIJING) + timedelta(seconds=number * 25),
        hall="益阳",
        kiosk=f"K{number % 2}",
        service=("renew", "new")[number % 2],
        order=f"A{number}",
    )
    return replace(line, **changes)  # type: ignore[arg-type]


def billed(line: LedgerLine, **changes: object) -> BillLine:
    entry = BillLine(
        line.channel,
        line.kind,
        line.number,
        line.amount_fen,
        (line.amount_fen * 6 + 500) // 1000 * (1 if line.kind is LineKind.PAYMENT else -1),
        line.at + timedelta(seconds=1),
        line.refund_number,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def refund_of(line: LedgerLine) -> LedgerLine:
    return replace(line, kind=LineKind.REFUND, refund_number=f"R{line.number}", at=line.at + timedelta(minutes=2))


def generated_day(seed: int) -> tuple[list[LedgerLine], list[BillLine], list[tuple[Verdict, str]]]:
    """1,000 orders, every 20th refunded, and twelve differences: two of each kind, and two with refunds."""
    payments = [ours(number) for number in range(1000)]
    refunds = [refund_of(line) for line in payments[::20]]
    bill = {(line.kind, line.number): billed(line) for line in [*payments, *refunds]}
    chance = random.Random(seed)
    odd = chance.sample([n for n in range(1000) if n % 20], 12)
    expected = []
    pay = LineKind.PAYMENT
    for n in odd[0:2]:  # paid, but our record of it is gone: a burnt disk
        payments[n] = replace(payments[n], number="gone", settled=False)
        expected.append((Verdict.SURPLUS, ours(n).number))
    for n in odd[2:4]:  # we say paid, the bill does not
        del bill[pay, payments[n].number]
        expected.append((Verdict.SHORTAGE, payments[n].number))
    for n in odd[4:6]:
        bill[pay, payments[n].number] = replace(bill[pay, payments[n].number], amount_fen=payments[n].amount_fen - 1)
        expected.append((Verdict.AMOUNT_DIFFERS, payments[n].number))
    for n in odd[6:8]:
        payments[n] = replace(payments[n], settled=False)
        expected.append((Verdict.STATE_DIFFERS, payments[n].number))
    midnight = datetime(2026, 11, 21, tzinfo=BEIJING)
    payments[odd[8]] = replace(payments[odd[8]], at=midnight - timedelta(seconds=20))  # in tomorrow's bill
    del bill[pay, payments[odd[8]].number]
    payments[odd[9]] = replace(payments[odd[9]], at=midnight + timedelta(seconds=20))  # ours says tomorrow
    expected += [(Verdict.CROSS_DAY, payments[n].number) for n in odd[8:10]]
    stray = refund_of(payments[odd[10]])  # a refund somebody made by hand in the gateway's portal
    bill[stray.kind, stray.number] = billed(stray)
    expected.append((Verdict.SHORTAGE, stray.number))
    lost = refund_of(payments[odd[11]])  # we believe it was refunded
    refunds.append(lost)
    expected.append((Verdict.SURPLUS, lost.number))
    lines, entries = [*payments, *refunds], list(bill.values())
    chance.shuffle(lines)
    chance.shuffle(entries)
    return lines, entries, expected


@pytest.mark.parametrize("seed", range(5))
def test_finds_exactly_the_twelve(seed: int) -> None:
    lines, entries, expected = generated_day(seed)
    result = reconcile(DAY, lines, entries)
    found = [(finding.verdict, finding.number) for finding in result.exceptions]
    assert Counter(found) == Counter(expected)
    assert len(found) == 12
    assert result.counts()["balanced"] == 1000 + 50 - 10


def test_report_adds_up_to_the_bill() -> None:
    lines, entries, _ = generated_day(1)
    rows = report(reconcile(DAY, lines, entries))
    paid = [entry for entry in entries if entry.kind is LineKind.PAYMENT]
    back = [entry for entry in entries if entry.kind is LineKind.REFUND]
    assert sum(row.count for row in rows) == len(paid)
    assert sum(row.gross_fen for row in rows) == sum(entry.amount_fen for entry in paid)
    assert sum(row.refund_fen for row in rows) == sum(entry.amount_fen for entry in back)
    assert sum(row.fee_fen for row in rows) == sum(entry.fee_fen for entry in entries)
    assert sum(row.net_fen for row in rows) == sum(row.gross_fen - row.refund_fen - row.fee_fen for row in rows)
    assert sum(row.exceptions for row in rows) == 12
    assert {(row.kiosk, row.service) for row in rows} >= {("K0", "renew"), ("K1", "new"), ("", "")}
    text = report_csv(rows)
    assert text.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert len(table) == len(rows)
    assert table[-1]["收款金额（元）"] == f"{rows[-1].gross_fen / 100:.2f}"


def test_the_day_after_settles_what_crossed_midnight() -> None:
    midnight = datetime(2026, 11, 21, tzinfo=BEIJING)
    late, lost = ours(1, at=midnight - timedelta(seconds=5)), ours(2, at=midnight - timedelta(seconds=9))
    early = ours(3, at=midnight + timedelta(seconds=5))
    first = reconcile(DAY, [late, lost, early], [billed(early, at=midnight - timedelta(seconds=1))])
    assert {finding.verdict for finding in first.findings} == {Verdict.CROSS_DAY}
    assert set(first.carry) == {late, lost}
    assert first.early == (early,)
    second = reconcile(
        DAY + timedelta(days=1), [late, early], [billed(late, at=midnight)], carried=first.carry, taken=first.early
    )
    assert [(finding.verdict, finding.number) for finding in second.findings] == [
        (Verdict.CROSS_DAY, late.number),
        (Verdict.SHORTAGE, lost.number),
    ]
    assert second.carry == ()


def test_a_line_that_stands_twice_is_found() -> None:
    line = ours(1)
    result = reconcile(DAY, [line], [billed(line), billed(line)])
    assert result.counts() == {"balanced": 1, "surplus": 1}
    assert reconcile(DAY, [line, line], [billed(line)]).counts() == {"balanced": 1, "shortage": 1}


def test_effects() -> None:
    line = ours(1)
    back = refund_of(line)
    assert reconcile(DAY, [], [billed(line)]).findings[0].effect_fen == line.amount_fen
    assert reconcile(DAY, [line], []).findings[0].effect_fen == -line.amount_fen
    assert reconcile(DAY, [], [billed(back)]).findings[0].effect_fen == -line.amount_fen
    assert reconcile(DAY, [line], [billed(line, amount_fen=1)]).findings[0].effect_fen == 1 - line.amount_fen
    assert reconcile(DAY, [replace(line, settled=False)], []).findings == ()


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 3), st.booleans(), st.integers(-2, 2), st.booleans()), max_size=40
    ),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3), st.booleans(), st.integers(-1, 0)), max_size=40),
)
def test_every_fen_is_explained(
    mine: list[tuple[int, int, bool, int, bool]], theirs: list[tuple[int, int, bool, int]]
) -> None:
    """Whatever both sides hold, the findings' effects add up to the difference of the day's sums, and no line is
    lost.
    """

    def make(number: int, amount: int, back: bool, days: int, settled: bool) -> LedgerLine:
        at = NOON + timedelta(days=days)
        line = ours(number, amount_fen=amount, at=at, settled=settled)
        return replace(line, kind=LineKind.REFUND, refund_number=f"R{line.number}") if back else line

    lines = [make(*values) for values in mine]
    entries = [billed(make(*values, True)) for values in theirs]
    result = reconcile(DAY, lines, entries)
    assert Counter(f.bill for f in result.findings if f.bill) == Counter(entries)
    touched = [f.ours for f in result.findings if f.ours]
    sign = {LineKind.PAYMENT: 1, LineKind.REFUND: -1}
    booked = sum(sign[line.kind] * line.amount_fen for line in touched if line.settled)
    moved = sum(sign[entry.kind] * entry.amount_fen for entry in entries)
    assert sum(f.effect_fen for f in result.findings) == moved - booked
    today = Counter(line for line in lines if line.settled and line.at.date() == DAY)
    assert not today - Counter(touched), "a settled record of the day is always in a finding"


@given(st.text(max_size=30))
def test_no_cell_is_a_formula(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_bytes([["安全", text]]).decode("utf-8-sig"), newline=""))
    assert len(row) == 2
    start = row[1].lstrip(" ")[:1]
    assert start not in ("=", "+", "@", "\t", "\r", "\n")
    assert start != "-" or float(row[1]) <= 0
