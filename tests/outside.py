"""A finished case looked at from outside: openssl and pkcs11-tool for certificates, poppler for papers, the receipt's
QR read like a phone does. Nothing here asks the kiosk what it thinks of its own work, except for papers it only keeps.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

import zxingcpp
from PIL import Image

from kiosk.privacy import Vault
from kiosk.privacy.files import SealedFiles
from kiosk.privacy.store import Folder
from tests.running import Running
from tests.ses_judge import Judged, judge

REASONS = {
    "new": None,
    "renew": "Superseded",
    "update": "Superseded",
    "change": "Superseded",
    "reissue": "Superseded",
    "replace": "Key Compromise",  # the first cause named: lost
    "revoke": "Key Compromise",
    "freeze": "Certificate Hold",
    "unfreeze": None,
    "unlock": None,
}
"""Reason on the CRL for the certificate a service was about (None: it is not on it)."""
CERTIFYING = ("new", "renew", "update", "change", "reissue", "replace")
BY_CAUSE = {"damaged": "Superseded", "no_longer_used": "Cessation Of Operation", "dissolved": "Cessation Of Operation"}
"""Reason where another cause than the first was named."""
NOT_ON_PAPER = ("业务", "使用年限", "UKey 编号", "要办理的证书", "领取方式")
SCANNED = "已扫描"


def tool(*words: str, **more: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **more}, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def plain(text: str) -> str:
    """Without blanks and line ends, as a value may be broken into lines anywhere."""
    return re.sub(r"\s", "", text)


class Outside:
    """Judges at one kiosk; ``folder`` is theirs."""

    def __init__(self, kiosk: Running, folder: Path) -> None:
        self.kiosk, self.folder = kiosk, folder
        self.public = kiosk.settings.ca_home / "public"
        self._read: dict[Path, str] = {}

    def judge(self, report: dict[str, Any], checked: list[tuple[str, str]], cause: str = "") -> list[str]:
        """What is wrong with a finished case: nothing, one hopes. ``checked``: what the check page said; ``cause``: the
        one that was named, if not the first.
        """
        wrong = self.certificates(report) + self.revocation(report, BY_CAUSE.get(cause))
        return wrong + self.papers(report, checked) + self.receipt(report)

    # -- certificates ----------------------------------------------------------------------------------------------

    def certificates(self, report: dict[str, Any]) -> list[str]:
        """Each new certificate is on its UKey, good for openssl and no other's."""
        wrong = []
        for found in report["certificates"] if report["service"] in CERTIFYING else []:
            pem = self.from_token(found["token"], found["serial"])
            said = tool("openssl", "x509", "-in", str(pem), "-noout", "-serial").strip().lower()
            if said != f"serial={found['serial']}":
                wrong.append(f"on the UKey is {said}, not {found['serial']}")
            wrong += self.verified(pem)
        if report["service"] in CERTIFYING and not report["certificates"]:
            wrong.append("no certificate")
        return wrong

    def inserted(self, token: str) -> tuple[str, dict[str, str]]:
        """Put that UKey in alone: its name, and the environment in which pkcs11-tool finds it."""
        for other in self.kiosk.control("ukeys")["inserted"]:
            self.kiosk.control("ukeys", "remove", name=other)
        name = next(one["name"] for one in self.kiosk.control("ukeys")["tokens"] if one["serial"] == token)
        self.kiosk.control("ukeys", "insert", name=name)
        return name, {"SOFTHSM2_CONF": str(self.kiosk.settings.home / "sim" / "ukeys" / "softhsm2.conf")}

    def seal(self, report: dict[str, Any], pin: str) -> Judged:
        """The electronic seal on the UKey, as pkcs11-tool reads it and another grammar and OpenSSL judge it."""
        found, path = report["certificates"][0], self.folder / "seal.der"
        name, config = self.inserted(found["token"])
        module = ("pkcs11-tool", "--module", self.kiosk.settings.devices.ukey_module, "--login", "--pin", pin)
        label = f"SEAL-{found['serial'][:24]}"
        tool(*module, "--read-object", "--type", "data", "--label", label, "-o", str(path), **config)
        self.kiosk.control("ukeys", "remove", name=name)
        return judge(path.read_bytes(), self.folder)

    def from_token(self, token: str, serial: str) -> Path:
        """The certificate as pkcs11-tool reads it from the UKey, PEM."""
        name, config = self.inserted(token)
        key_id = self.kiosk.rows("SELECT key_id FROM certificate WHERE serial = ?", serial)[0][0]
        der, pem = self.folder / f"{serial}.der", self.folder / f"{serial}.pem"
        module = ("pkcs11-tool", "--module", self.kiosk.settings.devices.ukey_module)
        tool(*module, "--read-object", "--type", "cert", "--id", key_id, "-o", str(der), **config)
        tool("openssl", "x509", "-inform", "DER", "-in", str(der), "-out", str(pem))
        self.kiosk.control("ukeys", "remove", name=name)
        return pem

    def verified(self, pem: Path) -> list[str]:
        trusted = ("-CAfile", str(self.public / "root.pem"), "-untrusted", str(self.public / "ca.pem"))
        crls = ("-crl_check_all", "-CRLfile", str(self.public / "crls.pem"))
        command = ["openssl", "verify", "-x509_strict", *crls, *trusted, str(pem)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return [] if done.returncode == 0 else [f"openssl verify: {done.stdout}{done.stderr}"]

    def crl(self) -> dict[str, str]:
        """Reason by serial number (lower-case hex) in the current CRL."""
        text = tool("openssl", "crl", "-in", str(self.public / "ca.crl.pem"), "-noout", "-text")
        found: dict[str, str] = {}
        for entry in text.split("Serial Number:")[1:]:
            serial = re.match(r"\s*([0-9A-F]+)", entry)
            reason = re.search(r"CRL Reason Code:\s*\n\s*(.+)", entry)
            if serial:
                found[serial[1].lower()] = reason[1].strip() if reason else ""
        return found

    def revocation(self, report: dict[str, Any], reason: str | None) -> list[str]:
        """The certificate a service was about stands on the CRL with that service's reason, or not at all."""
        wanted, listed = reason or REASONS[report["service"]], self.crl()
        old = [one["supersedes"] for one in report["certificates"] if one["supersedes"]]
        if report["service"] != "new" and not old:
            return ["the case was about no certificate"]
        return [f"{serial} on the CRL: {listed.get(serial)}" for serial in old if listed.get(serial) != wanted]

    # -- papers ----------------------------------------------------------------------------------------------------

    @cached_property
    def trust(self) -> Path:
        """A certificate store that believes the CA's root."""
        store = self.folder / "nss"
        store.mkdir()
        tool("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
        for name, flags in (("root", "CT,CT,CT"), ("ca", ",,")):
            path = str(self.public / f"{name}.pem")
            tool("certutil", "-A", "-d", f"sql:{store}", "-n", name, "-t", flags, "-i", path)
        return store

    def printed(self, number: str) -> list[Path]:
        """What came out of the A4 printer for an order."""
        for path in sorted((self.kiosk.settings.home / "sim" / "a4_printer" / "printed").glob("*.pdf")):
            if path not in self._read:
                self._read[path] = plain(tool("pdftotext", "-raw", str(path), "-"))
        return [path for path, text in self._read.items() if number in text]

    def kept(self, number: str, code: str) -> Path:
        """A paper that is made and not printed, from the kiosk's sealed files."""
        query = 'SELECT o.wrapped_key, p.file FROM paper p JOIN "order" o ON o.id = p.order_id'
        ((key, file),) = self.kiosk.rows(f"{query} WHERE o.number = ? AND p.code = ?", number, code)
        vault = Vault.from_file(self.kiosk.settings.secrets / "master.key")
        path = self.folder / f"{number}-{code}.pdf"
        path.write_bytes(SealedFiles(Folder(self.kiosk.settings.files), vault).get(key, number, file))
        self._read[path] = plain(tool("pdftotext", "-raw", str(path), "-"))
        return path

    def papers(self, report: dict[str, Any], checked: list[tuple[str, str]]) -> list[str]:
        """Each form came out once, with its fonts in it and a seal that holds; every answer stands on one of them."""
        states = {code: state for code, state in report["papers"].items() if code != "receipt"}
        found = self.printed(report["order"])
        wanted = [code for code, state in states.items() if state == "yes"]
        wrong = [] if len(found) == len(wanted) else [f"{len(found)} papers came out for {wanted}"]
        found += [self.kept(report["order"], code) for code, state in states.items() if state == "kept"]
        for path in found:
            wrong += self.fonts(path) + self.sealed(path)
        text = "".join(self._read[path] for path in found)
        answers = [(label, said) for label, said in checked if label not in NOT_ON_PAPER and said != SCANNED]
        wrong += [f"{label} {said} stands on no paper" for label, said in answers if plain(said) not in text]
        return wrong if answers else [*wrong, "nothing was answered"]

    @staticmethod
    def fonts(path: Path) -> list[str]:
        lines = tool("pdffonts", str(path)).splitlines()[2:]
        loose = [line for line in lines if line.split()[-5:-2] != ["yes", "yes", "yes"]]
        return [f"{path.name}: font not embedded as a subset: {line}" for line in loose] or (
            [] if lines else ["no font"]
        )

    def sealed(self, path: Path) -> list[str]:
        said = tool("pdfsig", "-nssdir", str(self.trust), str(path))
        wanted = ("Signature is Valid", "Total document signed", "Certificate is Trusted")
        return [f"{path.name}: not {words}: {said}" for words in wanted if words not in said]

    def receipt(self, report: dict[str, Any]) -> list[str]:
        """The receipt's QR leads to the order."""
        folder = self.kiosk.settings.home / "sim" / "receipt_printer" / "receipts"
        newest = sorted(folder.glob("*.png"))[-3:]
        for path in newest:
            with Image.open(path) as picture:
                codes = [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))]
            if any(report["order"] in code for code in codes):
                return []
        return [f"no receipt for {report['order']}"]
