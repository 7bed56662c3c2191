"""Commands about the catalogue: check it, print it as a table, show one scheme."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from kiosk.catalogue.errors import CatalogueError
from kiosk.catalogue.lifecycle import load_lifecycle
from kiosk.catalogue.loader import Catalogue, load
from kiosk.catalogue.models import Offer, Scheme, Service

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
KINDS = {"unit": "单位", "personal": "个人"}
HEADS = ("方案", "业务", "种类", "费用（元）", "材料", "表单与单据", "审核")


@click.group("catalogue")
def catalogue() -> None:
    """办理方案：检查、列表、查看。 Schemes: check, table, show."""


@catalogue.command("check")
@click.argument("folder", type=FOLDER, required=False)
def check(folder: Path | None) -> None:
    """Check the shipped catalogue, with FOLDER over it; say what is wrong, or how much there is."""
    found = _load(folder)
    try:
        load_lifecycle()
    except CatalogueError as error:
        raise click.ClickException(str(error)) from error
    services = [service for scheme in found.schemes.values() for service in scheme.services.values()]
    offers = [offer for service in services for offer in service.offers.values()]
    unpriced = sum(not offer.priced for offer in offers)
    click.echo(f"方案 {len(found.schemes)}，业务 {len(services)}，单元 {len(offers)}，其中未定价 {unpriced}")
    click.echo(f"版本 {found.version}")


@catalogue.command("table")
@click.option("--folder", type=FOLDER, help="An operator's folder over the shipped catalogue.")
def table(folder: Path | None) -> None:
    """Print schemes × services × kinds with fee, number of materials, form and papers, review levels."""
    rows = [
        (scheme.code, f"{service.name}（{service.code}）", KINDS[kind], *_cells(scheme, service, offer))
        for scheme in _load(folder).schemes.values()
        for service in scheme.services.values()
        for kind, offer in service.offers.items()
    ]
    for line in _aligned([HEADS, *rows]):
        click.echo(line)


@catalogue.command("show")
@click.argument("scheme")
@click.option("--folder", type=FOLDER, help="An operator's folder over the shipped catalogue.")
def show(scheme: str, folder: Path | None) -> None:
    """Show one SCHEME: places, hours, and of every service the fees, materials and papers."""
    schemes = _load(folder).schemes
    if scheme not in schemes:
        raise click.ClickException(f"没有这个方案 (no such scheme): {scheme}；有 {', '.join(schemes)}")
    for line in _described(schemes[scheme]):
        click.echo(line)


def _load(folder: Path | None) -> Catalogue:
    try:
        return load(folder)
    except CatalogueError as error:
        raise click.ClickException(str(error)) from error


def fee_text(offer: Offer) -> str:
    """Fees of an offer in yuan: "1年 400 / 3年 800", "免费", "未定价"."""
    if offer.free:
        return "免费"
    if not offer.fees:
        return "未定价"
    return " / ".join(
        (f"{fee.years}年 " if fee.years else "") + (f"{fee.amount / 100:g}" if fee.amount is not None else "未定价")
        for fee in offer.fees
    )


def _cells(scheme: Scheme, service: Service, offer: Offer) -> tuple[str, str, str, str]:
    papers = "、".join(f"{paper.form}×{len(paper.copies)}" for paper in offer.papers)
    form = f"{offer.form}（{len(scheme.forms[offer.form].fields)} 项）"
    review = "、".join(level.name for level in service.review) or "不审核"
    return fee_text(offer), str(len(offer.materials)), f"{form} {papers or '无单据'}", review


def _described(scheme: Scheme) -> Iterable[str]:
    yield f"{scheme.name}（{scheme.code}）"
    yield f"依据：{scheme.document}"
    yield f"厂商：{'、'.join(vendor.name for vendor in scheme.vendors)}"
    for line in scheme.hotlines:
        yield f"电话：{line.name} {line.number}"
    if scheme.hours_text:
        yield f"时间：{scheme.hours_text}"
    for point in scheme.service_points:
        yield f"地点：{point.area} {point.address} {point.phone}".rstrip()
    if scheme.binding:
        yield f"绑定：{scheme.binding}"
    for service in scheme.services.values():
        yield ""
        yield f"{service.name}（{service.code}，{service.operation}）约 {service.minutes} 分钟：{service.summary}"
        for level in service.review:
            yield f"  {level.name}：{level.who}"
        for kind, offer in service.offers.items():
            note = f"（{offer.fee_note}）" if offer.fee_note else ""
            yield f"  {KINDS[kind]}：{fee_text(offer)}{note}"
            yield f"    材料：{'；'.join(material.name for material in offer.materials) or '无'}"
            yield f"    协议：{'；'.join(scheme.agreements[code].title for code in offer.agreements) or '无'}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
