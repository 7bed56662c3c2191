"""Operator's commands for the embedded CA: `ca init`, `show`, `crl`, `status`, `list`, `audit`, `root-crl`, `renew`."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca import authority
from kiosk.ca.connector import CaError, CertificateRecord
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.validity import BEIJING

ALGORITHMS = ["rsa2048", "rsa3072", "rsa4096", "p256"]
DEFAULT_HOME = Path("var/ca")


class _Told(click.ClickException):
    """An error of the CA, told in one line."""

    def __init__(self, error: CaError) -> None:
        super().__init__(f"the CA says {error}")


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CaError as error:
            raise _Told(error) from error


@click.group(cls=_Group)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="KIOSK_CA_HOME",
    help="Folder of the CA; otherwise the running application's CA_HOME, otherwise var/ca.",
)
@click.pass_context
def ca(ctx: click.Context, home: Path | None) -> None:
    """The embedded CA."""
    ctx.obj = home or _home_of_application() or DEFAULT_HOME


@ca.command()
@click.option("--name", default="CA Kiosk Operating CA", show_default=True)
@click.option("--algorithm", type=click.Choice(ALGORITHMS), default="rsa3072", show_default=True)
@click.pass_obj
def init(home: Path, name: str, algorithm: str) -> None:
    """Make a root and an operating CA."""
    EmbeddedCa.create(home, name=name, algorithm=algorithm)
    click.echo(f"made in {home}; move {home / 'root'} to a safe place, it is not needed in daily work")


@ca.command()
@click.pass_obj
def show(home: Path) -> None:
    """The CA's certificates, its list of revocations, its audit chain."""
    with EmbeddedCa(home) as connector:
        for der in connector.chain():
            certificate = x509.load_der_x509_certificate(der)
            click.echo(certificate.subject.rfc4514_string())
            click.echo(f"  until {certificate.not_valid_after_utc.astimezone(BEIJING):%Y-%m-%d %H:%M}")
            click.echo(f"  SHA-256 {certificate.fingerprint(hashes.SHA256()).hex()}")
        crl = x509.load_der_x509_crl(connector.crl())
        click.echo(f"CRL: {len(crl)} entries, next update {crl.next_update_utc:%Y-%m-%d %H:%M} UTC")
        _tell_audit(connector)
    roots = x509.load_der_x509_crl((home / "root.crl").read_bytes())
    click.echo(f"root's CRL: next update {roots.next_update_utc:%Y-%m-%d} (flask ca root-crl)")


@ca.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write all public files there.")
@click.pass_obj
def crl(home: Path, out: Path | None) -> None:
    """Print the current CRL (PEM), or write all public files to a folder."""
    with EmbeddedCa(home) as connector:
        if out is None:
            pem = x509.load_der_x509_crl(connector.crl()).public_bytes(Encoding.PEM)
            click.echo(pem.decode(), nl=False)
        else:
            connector.exports(out)


@ca.command()
@click.argument("serial")
@click.pass_obj
def status(home: Path, serial: str) -> None:
    """State of one certificate."""
    with EmbeddedCa(home) as connector:
        found = connector.status(serial)
    for line in _lines(found):
        click.echo(line)


@ca.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.pass_obj
def list_(home: Path, limit: int) -> None:
    """The newest certificates, without the names of their owners."""
    with EmbeddedCa(home) as connector:
        for found in connector.everything(limit):
            end = found.not_after.astimezone(BEIJING)
            click.echo(f"{found.serial_hex:<40}  {found.use:<7}  {found.kind:<8}  {found.state:<7}  {end:%Y-%m-%d}")


@ca.command()
@click.pass_obj
def audit(home: Path) -> None:
    """Check the audit chain of the CA."""
    with EmbeddedCa(home) as connector:
        if not _tell_audit(connector):
            raise click.exceptions.Exit(1)


@ca.command("root-crl")
@click.pass_obj
def root_crl(home: Path) -> None:
    """Sign a fresh CRL of the root (the folder root/ must be in its place)."""
    authority.renew_root_crl(home)
    with EmbeddedCa(home) as connector:
        connector.publish()


@ca.command()
@click.pass_obj
def renew(home: Path) -> None:
    """A new certificate for the operating CA (the folder root/ must be in its place)."""
    authority.renew_operating(home)
    with EmbeddedCa(home) as connector:
        connector.publish()


def _tell_audit(connector: EmbeddedCa) -> bool:
    count, broken = connector.verify_audit()
    click.echo(f"audit chain: {count} entries, " + ("whole" if broken is None else f"broken at {broken}"))
    return broken is None


def _lines(found: CertificateRecord) -> list[str]:
    facts = {
        "serial": found.serial_hex,
        "use": found.use,
        "kind": found.kind,
        "name": found.name,
        "state": found.state.value,
        "reason": found.reason,
        "since": found.revoked_at and f"{found.revoked_at.astimezone(BEIJING):%Y-%m-%d %H:%M}",
        "from": f"{found.not_before.astimezone(BEIJING):%Y-%m-%d %H:%M}",
        "until": f"{found.not_after.astimezone(BEIJING):%Y-%m-%d %H:%M}",
        "UKey": found.token_serial,
        "replaced by": found.replaced_by,
    }
    return [f"{key:<12}{value}" for key, value in facts.items() if value]


def _home_of_application() -> Path | None:
    from flask import current_app, has_app_context

    home = current_app.config.get("CA_HOME") if has_app_context() else None
    return Path(home) if home else None
