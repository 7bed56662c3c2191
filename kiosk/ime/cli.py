"""``flask --app wsgi ime TEXT``: what the on-screen keyboard would offer."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from kiosk.ime.build import DictionaryMissing, index_path
from kiosk.ime.engine import PAGE, Engine


@click.command()
@click.argument("text")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="page of candidates")
@click.option("--index", type=click.Path(file_okay=False, path_type=Path), help="folder of the index; kept there")
def ime(text: str, page: int, index: Path | None) -> None:
    """Print the candidates for pinyin TEXT, each with the letters it uses up."""
    try:
        engine = Engine(index_path(index or Path(tempfile.gettempdir()) / "kiosk-ime"))
    except DictionaryMissing as missing:
        click.echo(str(missing), err=True)
        sys.exit(1)
    click.echo(engine.reading(text))
    for number, candidate in enumerate(engine.candidates(text, PAGE, page - 1), start=1):
        click.echo(f"{number}  {candidate.text}  {text[: candidate.consumed]}")
