"""Both main cases, walked over HTTP and judged from outside: openssl, pkcs11-tool, the gateway's and the printer's
own books.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("main-job"), pytest.mark.timeout(300)]


def walk(kiosk: Running, service: str, kind: str, token: str = "") -> dict[str, Any]:
    customer = kiosk.customer()
    try:
        report = customer.walk("yiyang", service, kind, 1, token)
        customer.leave()
    finally:
        customer.close()
    assert report["outcome"] == "done", report
    return report


def tool(*words: str, **more: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **more}, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def from_token(kiosk: Running, report: dict[str, Any], pin: str, folder: Path) -> Path:
    """The new certificate as pkcs11-tool reads it from the UKey, PEM."""
    home = kiosk.settings.home / "sim" / "ukeys"
    kiosk.control("ukeys", "insert", name=report_token(kiosk, report))
    config = {"SOFTHSM2_CONF": str(home / "softhsm2.conf")}
    module = ["pkcs11-tool", "--module", kiosk.settings.devices.ukey_module, "--login", "--pin", pin]
    listed = tool(*module, "-O", **config)
    key_id = kiosk.rows("SELECT key_id FROM certificate WHERE serial = ?", report["certificate"])[0][0]
    assert key_id in listed
    der = folder / "new.der"
    tool(*module, "--read-object", "--type", "cert", "--id", key_id, "-o", str(der), **config)
    pem = folder / "new.pem"
    tool("openssl", "x509", "-inform", "DER", "-in", str(der), "-out", str(pem))
    return pem


def report_token(kiosk: Running, report: dict[str, Any]) -> str:
    name = next(t["name"] for t in kiosk.control("ukeys")["tokens"] if t["serial"] == report["token"])
    for other in kiosk.control("ukeys")["inserted"]:
        kiosk.control("ukeys", "remove", name=other)
    return str(name)


def verify(kiosk: Running, pem: Path, ok: bool = True) -> str:
    public = kiosk.settings.ca_home / "public"
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", str(public / "root.pem"), "-untrusted",
         str(public / "ca.pem"), "-CRLfile", str(public / "crls.pem"), str(pem)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def end_of(pem: Path) -> dt.datetime:
    text = (
        tool("openssl", "x509", "-in", str(pem), "-noout", "-enddate", "-dateopt", "iso_8601").partition("=")[2].strip()
    )
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def captured(kiosk: Running, order: str) -> list[int]:
    number = f"{order[:4]}x{order[4:]}x"
    return [t["captured_fen"] for t in kiosk.control("gateways", "judge", prefix=number)["trades"] if t["captured_fen"]]


def test_a_unit_renews(kiosk: Running, tmp_path: Path) -> None:
    """The new certificate is on the UKey and good, its end is the old end + 1 year, the old one is superseded on
    the CRL.
    """
    report = walk(kiosk, "renew", "unit", "unit-a")
    pem = from_token(kiosk, report, "135246", tmp_path)
    assert "OK" in verify(kiosk, pem)
    old = report["certificates"][0]["supersedes"]
    crl = tool("openssl", "crl", "-in", str(kiosk.settings.ca_home / "public" / "ca.crl.pem"), "-noout", "-text")
    entry = crl.upper().partition(old.upper())[2][:200]
    assert "SUPERSEDED" in entry
    plan_end = dt.datetime.fromisoformat(report["not_after"])
    assert end_of(pem) == plan_end
    days = (plan_end - dt.datetime.now(dt.UTC)).days
    assert 365 + 29 <= days <= 366 + 31
    assert captured(kiosk, report["order"]) == [20000]
    assert report["papers"]["receipt"] == "yes"
    assert report["papers"]["unit_application"] == "yes"
    assert len(kiosk.control("receipt_printer")["receipts"]) >= 1


def test_a_person_gets_a_new_certificate(kiosk: Running, tmp_path: Path) -> None:
    report = walk(kiosk, "new", "personal")
    pem = from_token(kiosk, report, "592741", tmp_path)
    assert "OK" in verify(kiosk, pem)
    assert captured(kiosk, report["order"]) == [20000]
    subject = tool("openssl", "x509", "-in", str(pem), "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus")
    assert "王䶮" in subject


@pytest.fixture(scope="module")
def another(kiosk: Running) -> dict[str, Any]:
    """What a second unit's renewal was."""
    return walk(kiosk, "renew", "unit", "unit-c")


def test_a_different_card_gets_another_certificate(kiosk: Running, another: dict[str, Any]) -> None:
    """Twice with different UKeys: two orders, two certificates."""
    assert another["certificate"]
    serials = [row[0] for row in kiosk.rows("SELECT serial FROM certificate WHERE serial IS NOT NULL")]
    assert len(serials) == len(set(serials))


@pytest.mark.usefixtures("another")
def test_the_journal_is_whole_and_tells_of_a_changed_byte(kiosk: Running) -> None:
    seq, body = kiosk.rows("SELECT seq, body FROM event WHERE kind = 'effect.begun' ORDER BY seq LIMIT 1")[0]
    change(kiosk, seq, body.replace('"try":1', '"try":2'))
    done = kiosk.flask("audit", "verify")
    change(kiosk, seq, body)
    assert done.returncode == 1
    assert f"K001/1/{seq}" in done.stdout
    done = kiosk.flask("audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chain whole" in done.stdout


def change(kiosk: Running, seq: int, body: str) -> None:
    """One byte of one event, past the kiosk."""
    with sqlite3.connect(kiosk.settings.home / "kiosk.sqlite", timeout=20) as raw:
        raw.execute("UPDATE event SET body = ? WHERE seq = ?", (body, seq))


def test_operators_commands(kiosk: Running) -> None:
    listed = kiosk.flask("order", "list")
    assert "done" in listed.stdout
    number = listed.stdout.split()[0]
    assert "effect.begun" in kiosk.flask("order", "show", number).stdout
    assert '"serve": true' in kiosk.flask("doctor", "--json").stdout
    serial = kiosk.control("ukeys")["tokens"][0]["serial"]
    kiosk.control("ukeys", "insert", name=kiosk.control("ukeys")["tokens"][0]["name"])
    assert serial in kiosk.flask("ukey", "list").stdout
    assert "until" in kiosk.flask("ukey", "show", serial).stdout
