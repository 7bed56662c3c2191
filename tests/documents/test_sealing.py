"""Seals on PDFs: made with PEM and token keys, judged by pyHanko and by poppler's pdfsig, and broken by one byte."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper

from kiosk.documents.errors import SealingFailed
from kiosk.documents.sealing import Sealer, TokenSealer, place, verify

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


class Pki:
    """A root, a seal key and a time stamp key as PEM files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._issue("测试根证书", self.root_key.public_key(), None)
        self.root_path = self._pem("root.pem", self.root.public_bytes(serialization.Encoding.PEM))
        self.seal_certificate, self.seal_key = self.identity("自助终端 YY01")
        self.tsa_certificate, self.tsa_key = self.identity("时间戳", ExtendedKeyUsageOID.TIME_STAMPING)

    def identity(self, name: str, usage: x509.ObjectIdentifier | None = None) -> tuple[str, str]:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self.certify(name, key.public_key(), usage), str(self._pem(f"{name}.key", private))

    def certify(self, name: str, public: Any, usage: x509.ObjectIdentifier | None = None) -> str:
        certificate = self._issue(name, public, usage)
        return str(self._pem(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)))

    def _pem(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def _issue(self, name: str, public: Any, usage: x509.ObjectIdentifier | None) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        is_root, now = not hasattr(self, "root"), datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_root else self.root.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_root, None), True)
            .add_extension(
                x509.KeyUsage(not is_root, not is_root, False, False, False, is_root, is_root, False, False), True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), True)
        return builder.sign(self.root_key, hashes.SHA256())


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def form(two_copies: bytes) -> bytes:
    return two_copies


def _pdfsig(folder: Path, pdf: bytes) -> str:
    (folder / "sealed.pdf").write_bytes(pdf)
    return subprocess.run(["pdfsig", folder / "sealed.pdf"], capture_output=True, text=True, check=True).stdout


@pytest.mark.conformance
def test_sealed_form_is_valid_for_us_and_for_pdfsig(
    pki: Pki, form: bytes, tmp_path: Path, unit: dict[str, Any]
) -> None:
    visible = {"image": unit["seal"], "width_mm": 40, "page": 0, "x_mm": 155, "y_mm": 252}
    with Sealer(pki.seal_key, pki.seal_certificate, str(pki.root_path)) as sealer:
        sealed = sealer.seal(form, reason="自助终端出具", location="益阳", visible=visible)
    assert sealed.startswith(form)
    (verdict,) = verify(sealed, [pki.root_path])
    assert verdict.good
    assert not verdict.timestamped
    assert "YY01" in verdict.signer
    said = _pdfsig(tmp_path, sealed)
    assert "Signature is Valid" in said
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said


@pytest.mark.conformance
def test_one_changed_byte_breaks_the_seal(pki: Pki, form: bytes, tmp_path: Path) -> None:
    sealed = bytearray(Sealer(pki.seal_key, pki.seal_certificate).seal(form))
    sealed[len(form) // 2] ^= 1
    (verdict,) = verify(bytes(sealed), [pki.root_path])
    assert not verdict.intact
    assert not verdict.good
    assert "Signature is Valid" not in _pdfsig(tmp_path, bytes(sealed))


def test_what_is_added_later_and_foreign_roots_are_seen(
    pki: Pki, form: bytes, tmp_path: Path, unit: dict[str, Any]
) -> None:
    sealed = Sealer(pki.seal_key, pki.seal_certificate).seal(form)
    added = place(sealed, [{"image": unit["seal"], "width_mm": 40, "page": 1, "x_mm": 60, "y_mm": 250}])
    (verdict,) = verify(added, [pki.root_path])
    assert not verdict.whole
    assert not verdict.good
    foreign = Pki(tmp_path)
    (verdict,) = verify(sealed, [foreign.root_path])
    assert verdict.intact
    assert not verdict.trusted


def test_time_stamp_makes_it_b_t(pki: Pki, form: bytes) -> None:
    sealer = Sealer(pki.seal_key, pki.seal_certificate, tsa_key=pki.tsa_key, tsa_certificate=pki.tsa_certificate)
    (verdict,) = verify(sealer.seal(form), [pki.root_path])
    assert verdict.good
    assert verdict.timestamped


def test_time_stamp_comes_over_http(pki: Pki, form: bytes) -> None:
    loaded = SimpleSigner.load(pki.tsa_key, pki.tsa_certificate)
    stamper = DummyTimeStamper(loaded.signing_cert, loaded.signing_key)

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(stamper.request_tsa_response(asked).dump())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Authority) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            sealed = Sealer(pki.seal_key, pki.seal_certificate, tsa_url=url).seal(form)
        finally:
            server.shutdown()
            thread.join()
    (verdict,) = verify(sealed, [pki.root_path])
    assert verdict.good
    assert verdict.timestamped
    with pytest.raises(SealingFailed):
        Sealer(pki.seal_key, pki.seal_certificate, tsa_url=url).seal(form)


def test_placed_pictures_stand_in_their_size(form: bytes, picture_of: Callable[..., Any], unit: dict[str, Any]) -> None:
    before = picture_of(form, 1)
    after = picture_of(place(form, [{"image": unit["seal"], "width_mm": 40, "page": 1, "x_mm": 150, "y_mm": 250}]), 1)
    rows, columns = (before != after).any(axis=1).nonzero()[0], (before != after).any(axis=0).nonzero()[0]
    px = 200 / 25.4
    assert (columns[-1] - columns[0]) / px == pytest.approx(40 * 468 / 480, abs=0.5)
    assert (columns[-1] + columns[0]) / 2 / px == pytest.approx(150, abs=0.3)
    assert (rows[-1] + rows[0]) / 2 / px == pytest.approx(250, abs=0.3)
    assert (picture_of(place(form, []), 1) == before).all()


@pytest.mark.skipif(not SOFTHSM.exists(), reason="SoftHSM is not installed")
def test_token_key_seals_too(pki: Pki, form: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    init = ["softhsm2-util", "--init-token", "--free", "--label", "kiosk", "--pin", "482913", "--so-pin", "91827364"]
    subprocess.run(init, check=True, capture_output=True)
    library = pkcs11.lib(str(SOFTHSM))
    token = next(found for found in library.get_tokens() if found.label == "kiosk")
    with token.open(rw=True, user_pin="482913") as session:
        public, _ = session.generate_keypair(pkcs11.KeyType.RSA, 2048, id=b"\x07", store=True, label="seal")
        modulus, exponent = (int.from_bytes(public[name], "big") for name in (
            pkcs11.Attribute.MODULUS, pkcs11.Attribute.PUBLIC_EXPONENT))  # fmt: skip
    certificate = pki.certify("令牌印章", rsa.RSAPublicNumbers(exponent, modulus).public_key())
    serial = token.serial.decode()
    with TokenSealer(str(SOFTHSM), serial, "482913", "07", certificate) as sealer:
        (verdict,) = verify(sealer.seal(form), [pki.root_path])
    assert verdict.good
    with pytest.raises(SealingFailed) as refused:
        TokenSealer(str(SOFTHSM), serial, "000000", "07", certificate)
    assert refused.value.facts == {"reason": "PinIncorrect"}
    with pytest.raises(SealingFailed):
        TokenSealer(str(SOFTHSM), "none", "482913", "07", certificate)


def test_what_is_no_pdf_is_refused(pki: Pki) -> None:
    sealer = Sealer(pki.seal_key, pki.seal_certificate)
    for junk in (b"", b"no pdf at all", b"%PDF-1.7\n%%EOF"):
        with pytest.raises(SealingFailed):
            sealer.seal(junk)
    with pytest.raises(SealingFailed):
        Sealer(pki.seal_certificate, pki.seal_certificate)
