"""Foreign tools judge what the embedded CA makes: pkilint without a finding, OpenSSL, GnuTLS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.ca.connector import Reason
from kiosk.ca.embedded import EmbeddedCa
from kiosk.ca.subject import Document, Subject
from tests.ca.ca_world import PERSON, UNIT, ask, csr

pytestmark = pytest.mark.conformance
TOOLS = Path(sys.executable).parent
SUBJECTS = {
    "unit": UNIT,
    "longest": Subject("长" * 64, "12345678-9", Document.ORGANISATION_CODE),
    "person": PERSON,
    "officer": Subject("王伟", "军字第2001988号", Document.OFFICER_CARD, unit="某某公司", email="w@example.cn"),
    "foreigner": Subject("John Paul Smith", "K1234567", Document.PASSPORT, country="GB"),
}


def tool(*command: str | Path, code: int = 0) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def pem(path: Path, der: bytes) -> Path:
    path.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
    return path


def quiet(*command: str | Path) -> None:
    """A linter that finds nothing says nothing."""
    assert tool(TOOLS / command[0], *command[1:]).strip() == ""


@pytest.fixture(params=[None, "http://ca.example.cn/kiosk"])
def ca(home, request):
    with EmbeddedCa(home, base_url=request.param) as made:
        yield made


def verify(home: Path, certificate: Path, code: int = 0) -> str:
    public = home / "public"
    chain = ["-CAfile", public / "root.pem", "-untrusted", public / "ca.pem", "-CRLfile", public / "crls.pem"]
    return tool("openssl", "verify", "-x509_strict", *chain, "-crl_check_all", certificate, code=code)


def gnutls(home: Path, certificate: Path) -> str:
    public = home / "public"
    both = certificate.with_suffix(".chain")
    both.write_bytes(certificate.read_bytes() + (public / "chain.pem").read_bytes())
    command = ["--verify", "--load-ca-certificate", public / "root.pem", "--load-crl", public / "crls.pem"]
    done = subprocess.run(["certtool", *map(str, command), "--infile", str(both)], capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize("who", SUBJECTS)
def test_signing_certificates(ca, home, tmp_path, who, rsa_key):
    key = rsa_key if who in ("unit", "person") else None
    path = pem(tmp_path / "c.pem", ca.submit(ask(subject=SUBJECTS[who], csr=csr(key))).certificate)
    quiet("lint_pkix_cert", "lint", "-s", "NOTICE", path)
    quiet("lint_pkix_signer_signee_cert_chain", "lint", "-s", "NOTICE", home / "public" / "ca.pem", path)
    assert "OK" in verify(home, path)
    assert "Verified. The certificate is trusted" in gnutls(home, path)


def test_encryption_certificates(ca, home, tmp_path, rsa_key):
    for request_id, key in (("rsa", rsa_key), ("ec", None)):
        issued = ca.submit(ask(request_id, use="encrypt", csr=csr(key)))
        path = pem(tmp_path / f"{request_id}.pem", issued.certificate)
        quiet("lint_pkix_cert", "lint", "-s", "NOTICE", path)
        assert "OK" in verify(home, path)
    assert "S/MIME encryption : Yes" in tool("openssl", "x509", "-purpose", "-noout", "-in", tmp_path / "rsa.pem")


def test_authorities_and_lists(ca, home):
    public = home / "public"
    ca.hold(ca.submit(ask()).serial_hex)
    ca.revoke(ca.submit(ask("o2")).serial_hex, Reason.SUPERSEDED)
    for name in ("root.pem", "ca.pem"):
        quiet("lint_pkix_cert", "lint", "-s", "NOTICE", public / name)
    quiet("lint_pkix_signer_signee_cert_chain", "lint", "-s", "NOTICE", public / "root.pem", public / "ca.pem")
    for name in ("ca.crl", "root.crl"):
        quiet("lint_crl", "lint", "-s", "NOTICE", "-t", "CRL", "-p", "PKIX", public / name)
    text = tool("openssl", "crl", "-in", public / "ca.crl.pem", "-noout", "-text", "-CAfile", public / "ca.pem")
    assert "Certificate Hold" in text
    assert "Superseded" in text


def test_suspended_then_released_then_revoked(ca, home, tmp_path):
    issued = ca.submit(ask())
    path = pem(tmp_path / "c.pem", issued.certificate)
    ca.hold(issued.serial_hex)
    assert "certificate revoked" in verify(home, path, code=2)
    assert "revoked" in gnutls(home, path)
    ca.release(issued.serial_hex)
    assert "OK" in verify(home, path)
    ca.revoke(issued.serial_hex, Reason.KEY_COMPROMISE)
    assert "certificate revoked" in verify(home, path, code=2)


def test_ocsp(ca, home, tmp_path):
    public, issued = home / "public", ca.submit(ask())
    path = pem(tmp_path / "c.pem", issued.certificate)
    issuer = ["openssl", "ocsp", "-issuer", public / "ca.pem"]
    question, response = tmp_path / "q", tmp_path / "r"
    tool(*issuer, "-cert", path, "-reqout", question)
    for act, word in ((None, "good"), (ca.hold, "revoked"), (ca.release, "good")):
        if act:
            act(issued.serial_hex)
        response.write_bytes(ca.ocsp(question.read_bytes()))
        given = ["-respin", response, "-CAfile", public / "chain.pem"]
        assert "Response verify OK" in tool(*issuer, "-reqin", question, *given)  # the nonce is compared
        assert f"{path}: {word}" in tool(*issuer, "-cert", path, "-no_nonce", *given)
    quiet("lint_ocsp_response", "lint", "-s", "NOTICE", tmp_path / "r")
    quiet("lint_pkix_cert", "lint", "-s", "NOTICE", home / "ocsp.pem")
