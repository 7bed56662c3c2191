"""``flask --app wsgi voice``: what is to be recorded, and what is."""

from __future__ import annotations

import click

from kiosk.views.voice import CAPTIONS, FORMATS, find


@click.command()
def voice() -> None:
    """Print each page's slot, which recordings it has, and its words."""
    for slot, text in CAPTIONS.items():
        there = " ".join(language for language in ("zh", "en") if find(language, slot)) or "-"
        click.echo(f"{slot:12} {there:6} {text}")
    click.echo(f"voice/<zh|en>/<slot>{'|'.join(FORMATS)}")
