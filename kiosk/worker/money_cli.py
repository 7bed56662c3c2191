"""``flask --app wsgi reconcile|invoice|merchant``: what finance and the operator do with money at the command line."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import click
from flask import current_app

from kiosk.db import BEIJING, db, now, write
from kiosk.hardware.errors import DeviceError
from kiosk.orders import invoices, reconciliation
from kiosk.orders.book import House
from kiosk.orders.money_models import Reconciled
from kiosk.payments.bills import parse_settlement
from kiosk.payments.channel import BillLine, GatewayError, yuan
from kiosk.payments.invoice import MAX_IMPORT, export_csv, export_json, import_results
from kiosk.payments.keys import seal_folder
from kiosk.payments.reconcile import ReportRow, report_csv
from kiosk.worker.world import World, merchant_key

NAMES = {
    "balanced": "平账",
    "surplus": "长款",
    "shortage": "短款",
    "amount_differs": "金额不符",
    "state_differs": "状态不符",
    "cross_day": "跨日",
}
MAX_SETTLEMENT = 64 * 1024 * 1024


def _house() -> House:
    found: House = current_app.extensions["house"]
    return found


@click.command("reconcile", help="Match one Beijing date (YYYY-MM-DD) with the bills of all channels.")
@click.argument("day", type=click.DateTime(formats=["%Y-%m-%d"]))
@click.option("--json", "as_json", is_flag=True)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="write the report for a spreadsheet")
@click.option("--pos", "pos_file", type=click.Path(exists=True, path_type=Path), help="the acquirer's settlement file")
@click.option("--without", multiple=True, help="leave this channel's bill out")
@click.option("--sign", "name", help="sign the day off with this name")
def reconcile(
    day: dt.datetime, as_json: bool, csv_file: Path | None, pos_file: Path | None, without: tuple[str, ...], name: str
) -> None:
    """One day; each exception becomes a task of finance."""
    house, date = _house(), day.date()
    try:
        bills = [] if _signed(date) else _bills(house, date, pos_file, without)
        with write() as session:
            if not _signed(date):
                reconciliation.make(session, house, date, bills)
            if name:
                reconciliation.sign(session, house, date, name)
    except reconciliation.Signed as error:
        raise click.ClickException(f"{error} is signed off") from error
    row = db.session.get(Reconciled, date)
    assert row is not None
    if csv_file:
        csv_file.write_bytes(report_csv([ReportRow(**line) for line in row.report]))
    click.echo(json.dumps(_data(row), ensure_ascii=False) if as_json else _text(row))


def _signed(date: dt.date) -> bool:
    row = db.session.get(Reconciled, date)
    return row is not None and row.signed_by is not None


def _bills(house: House, date: dt.date, pos_file: Path | None, without: tuple[str, ...]) -> list[BillLine]:
    world, lines = World(house.settings), []
    try:
        for name in world.channels():
            if name not in without:
                found = world.channel(name).bill(date)
                if not found and now() < _made(date) and _received(house, date, name):
                    raise click.ClickException(f"{name} has not made the bill of {date} yet: ask after 10:00 next day")
                lines += found
        pos_file = pos_file or _settlement(house, date)
        if pos_file and "pos" not in without:
            if pos_file.stat().st_size > MAX_SETTLEMENT:
                raise click.ClickException("the settlement file is too large")
            lines += parse_settlement(pos_file.read_bytes())
    except (GatewayError, DeviceError) as error:
        raise click.ClickException(f"a bill cannot be had: {error}") from error
    finally:
        world.close()
    return lines


def _made(date: dt.date) -> dt.datetime:
    """When the bill of a date is there for certain; before that an empty bill may mean that it is not made yet."""
    return dt.datetime.combine(date + dt.timedelta(days=1), dt.time(10), BEIJING)


def _received(house: House, date: dt.date, channel: str) -> bool:
    """Whether this kiosk took money through a channel on a date."""
    ours = reconciliation.records(db.session(), house, date)
    return any(line.channel == channel and line.settled and line.at.astimezone(BEIJING).date() == date for line in ours)


def _settlement(house: House, date: dt.date) -> Path | None:
    """The acquirer's file where operators put it: ``settlements/settlement-YYYYMMDD.csv`` in the kiosk's home."""
    path = house.settings.home / "settlements" / f"settlement-{date:%Y%m%d}.csv"
    return path if path.exists() else None


def _data(row: Reconciled) -> dict[str, object]:
    keys = ("counts", "report", "exceptions", "signed_by")
    return {"day": row.day.isoformat(), **{key: getattr(row, key) for key in keys}}


def _text(row: Reconciled) -> str:
    lines = [f"{row.day}  " + "  ".join(f"{NAMES[name]} {count}" for name, count in sorted(row.counts.items()))]
    for line in row.report:
        place = " ".join((line["hall"] or "-", line["kiosk"] or "-", line["channel"], line["service"] or "-"))
        paid = f"{line['count']} 笔 {yuan(line['gross_fen'])}  退 {line['refund_count']} 笔 {yuan(line['refund_fen'])}"
        lines.append(f"{place}  {paid}  手续费 {yuan(line['fee_fen'])}  净额 {yuan(line['net_fen'])}")
    for found in row.exceptions:
        numbers = found["refund_number"] or found["number"]
        lines.append(f"{NAMES[found['verdict']]}  {found['channel']}  {numbers}  {found['order']}  {found['owner']}")
    lines.append(f"signed off by {row.signed_by}" if row.signed_by else "not signed off")
    return "\n".join(lines)


@click.group("invoice", help="Invoice requests out to finance, invoice numbers back.")
def invoice() -> None:
    """Group."""


@invoice.command("export")
@click.argument("file", type=click.Path(path_type=Path))
def invoice_export(file: Path) -> None:
    """Write all open requests to FILE (.csv or .json). Personal data: hand it on with care."""
    house = _house()
    with write() as session:
        requests = invoices.waiting(session, house)
        invoices.exported(session, house, requests)
        file.touch(mode=0o600)
        file.write_bytes(export_json(requests) if file.suffix == ".json" else export_csv(requests))
    click.echo(f"{len(requests)} requests")


@invoice.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
def invoice_import(file: Path) -> None:
    """Take finance's CSV: order, state, number, date, reason."""
    if file.stat().st_size > MAX_IMPORT:
        raise click.ClickException("the file is too large")
    try:
        results = import_results(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with write() as session:
        taken, unknown = invoices.imported(session, _house(), results)
    click.echo(f"{taken} taken" + (f", unknown: {', '.join(unknown)}" if unknown else ""))


@click.group("merchant", help="The merchant's accounts and keys.")
def merchant() -> None:
    """Group."""


@merchant.command("seal")
def merchant_seal() -> None:
    """Encrypt the merchant's private keys under this kiosk's master key and remove the plain files."""
    settings = _house().settings
    if not settings.merchant:
        raise click.ClickException("no merchant folder is configured")
    try:
        done = seal_folder(Path(settings.merchant), merchant_key(settings))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"sealed: {', '.join(done)}" if done else "nothing to seal")
