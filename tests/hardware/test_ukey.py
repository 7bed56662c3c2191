"""The UKey driver in its own process against SoftHSM: reading, PINs, writing, refusals."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    DeviceFailed,
    DeviceMissing,
    KeyMissing,
    PinIncorrect,
    PinTooWeak,
    ProofFailed,
    SeveralTokens,
    TokenMissing,
    TokenNotBlank,
)
from kiosk.hardware.health import Level
from kiosk.hardware.ukey import current
from tests.hardware.ukey_parts import PIN, SO_PIN, SUBJECT, Desk, issue, new_id


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_the_empty_slot(desk: Desk) -> None:
    assert desk.call("tokens") == []
    assert desk.call("health").level is Level.FINE
    with pytest.raises(TokenMissing):
        desk.call("inspect")


def test_a_blank_ukey_is_seen_when_inserted_and_gone_when_pulled(desk: Desk) -> None:
    serial = desk.new("one", insert=False)
    assert desk.call("tokens") == []
    desk.drawer.insert("one")
    (info,) = desk.call("tokens")
    assert (info.serial, info.label, info.blank, info.pin_set, info.pin_locked) == (serial, "ONE", True, True, False)
    assert desk.call("inspect").certificates == ()
    desk.drawer.remove("one")
    assert desk.call("tokens") == []
    with pytest.raises(TokenMissing):
        desk.call("prove_pin", serial=serial, pin=PIN)


def test_exactly_one_ukey(desk: Desk) -> None:
    serial = desk.new("one")
    desk.new("two")
    assert len(desk.call("tokens")) == 2
    with pytest.raises(SeveralTokens) as caught:
        desk.call("inspect")
    assert caught.value.count == 2
    with pytest.raises(SeveralTokens):
        desk.call("generate", serial=serial, pin=PIN, key_id=new_id())
    assert desk.call("inspect", serial=serial).info.serial == serial


def test_the_whole_write_with_rsa(desk: Desk) -> None:
    serial, key_id = desk.new("one"), new_id()
    on = {"serial": serial, "pin": PIN, "key_id": key_id}
    spki = desk.call("generate", **on)
    request = x509.load_der_x509_csr(desk.call("request", subject=SUBJECT, **on))
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki
    assert request.is_signature_valid
    assert [(part.oid.dotted_string, part.value) for part in request.subject] == SUBJECT
    certificate = issue(request.public_bytes(Encoding.DER))
    desk.call("write_certificate", cert_der=certificate, **on)
    assert desk.call("read_certificate", serial=serial, key_id=key_id) == certificate
    desk.call("prove_key", cert_der=certificate, **on)
    desk.call("prove_pin", **on)
    seal = bytes(range(256)) * 32
    desk.call("write_object", serial=serial, pin=PIN, label="seal", data=seal)
    assert desk.call("read_object", serial=serial, label="seal") == seal
    contents = desk.call("inspect")
    (found,) = contents.certificates
    assert (found.key_id, found.der, found.label, found.has_key) == (key_id, certificate, SUBJECT[2][1], True)
    assert [(item.label, item.size) for item in contents.objects] == [("seal", 8192)]
    assert not contents.info.blank


def test_a_long_chinese_name_fits_the_request(desk: Desk) -> None:
    """64 characters are allowed (RFC 5280, appendix A), however many octets they take."""
    name = "湖南省" + "示范" * 30
    on = {"serial": desk.new("one"), "pin": PIN, "key_id": new_id()}
    desk.call("generate", algorithm="p256", **on)
    request = desk.call("request", subject=[("2.5.4.6", "CN"), ("2.5.4.3", name)], **on)
    assert name.encode() in request
    with pytest.raises(DeviceFailed, match="bad_subject"):
        desk.call("request", subject=[("2.5.4.3", "示" * 65)], **on)


def test_the_old_pair_stays_whole_and_the_new_one_counts(desk: Desk) -> None:
    serial = desk.new("one")
    now = datetime.now(UTC)
    old_id, old = desk.generation(serial, begin=now - timedelta(days=340))
    assert current(desk.call("inspect")).key_id == old_id
    new, certificate = desk.generation(serial)
    contents = desk.call("inspect")
    assert {item.key_id for item in contents.certificates} == {old_id, new}
    assert current(contents).der == certificate
    for key_id, der in ((old_id, old), (new, certificate)):
        desk.call("prove_key", serial=serial, pin=PIN, key_id=key_id, cert_der=der)


def test_writing_again_changes_nothing(desk: Desk) -> None:
    serial = desk.new("one")
    key_id, certificate = desk.generation(serial)
    on = {"serial": serial, "pin": PIN, "key_id": key_id}
    spki = desk.call("find_key", **on)
    assert desk.call("generate", algorithm="p256", **on) == spki
    desk.call("write_certificate", cert_der=certificate, **on)
    for _ in range(2):
        desk.call("write_object", serial=serial, pin=PIN, label="seal", data=b"seal")
    contents = desk.call("inspect")
    assert (len(contents.certificates), len(contents.objects)) == (1, 1)
    with pytest.raises(DeviceFailed, match="key_id_taken"):
        desk.call("write_certificate", cert_der=issue(desk.call("request", subject=SUBJECT, **on)), **on)
    with pytest.raises(DeviceFailed, match="label_taken"):
        desk.call("write_object", serial=serial, pin=PIN, label="seal", data=b"other")
    assert desk.call("read_object", serial=serial, label="seal") == b"seal"


def test_a_certificate_of_another_key_is_refused(desk: Desk) -> None:
    serial = desk.new("one")
    _, certificate = desk.generation(serial)
    other = new_id()
    desk.call("generate", serial=serial, pin=PIN, key_id=other, algorithm="p256")
    with pytest.raises(ProofFailed) as caught:
        desk.call("write_certificate", serial=serial, pin=PIN, key_id=other, cert_der=certificate)
    assert caught.value.code == "certificate_of_another_key"
    with pytest.raises(ProofFailed):
        desk.call("prove_key", serial=serial, pin=PIN, key_id=other, cert_der=certificate)
    with pytest.raises(KeyMissing):
        desk.call("request", serial=serial, pin=PIN, key_id=new_id(), subject=SUBJECT)
    assert desk.call("read_certificate", serial=serial, key_id=other) is None


def test_wrong_input_is_refused(desk: Desk) -> None:
    serial = desk.new("one")
    on = {"serial": serial, "pin": PIN, "key_id": desk.generation(serial)[0]}
    refusals = [
        ("bad_key_id", "generate", {**on, "key_id": "zz"}),
        ("bad_key_id", "generate", {**on, "key_id": "00" * 33}),
        ("bad_key_kind", "generate", {**on, "key_id": new_id(), "algorithm": "rsa512"}),
        ("bad_subject", "request", {**on, "subject": [("2.5.4.6", "China")]}),
        ("bad_certificate", "write_certificate", {**on, "cert_der": b"\x30\x00"}),
        ("bad_certificate", "prove_key", {**on, "cert_der": b"0" * 20000}),
        ("bad_object_size", "write_object", {"serial": serial, "pin": PIN, "label": "s", "data": bytes(262145)}),
        ("bad_object_size", "write_object", {"serial": serial, "pin": PIN, "label": "s", "data": b""}),
    ]
    for code, method, keywords in refusals:
        with pytest.raises(DeviceFailed) as caught:
            desk.call(method, **keywords)
        assert caught.value.code == code


def test_pins(desk: Desk) -> None:
    serial = desk.new("one")
    with pytest.raises(PinIncorrect) as caught:
        desk.call("prove_pin", serial=serial, pin="999999")
    assert caught.value.attempts_left is None
    assert desk.call("tokens")[0].pin_count_low
    for pin in ("", "1", "1" * 300, "密码", "135246\0"):
        with pytest.raises(PinIncorrect):
            desk.call("prove_pin", serial=serial, pin=pin)
    with pytest.raises(PinTooWeak) as weak:
        desk.call("change_pin", serial=serial, old=PIN, new="222222")
    assert weak.value.code == "pin_repeated"
    with pytest.raises(PinIncorrect):
        desk.call("change_pin", serial=serial, old="000000", new="864209")
    desk.call("change_pin", serial=serial, old=PIN, new="864209")
    desk.call("prove_pin", serial=serial, pin="864209")
    assert not desk.call("tokens")[0].pin_count_low
    with pytest.raises(PinIncorrect):
        desk.call("prove_pin", serial=serial, pin=PIN)


def test_unlock_keeps_keys_and_certificates(desk: Desk) -> None:
    serial = desk.new("one")
    key_id, certificate = desk.generation(serial)
    with pytest.raises(PinIncorrect):
        desk.call("unlock", serial=serial, so_pin="00000000", new_pin="864209")
    desk.call("prove_pin", serial=serial, pin=PIN)
    desk.call("unlock", serial=serial, so_pin=SO_PIN, new_pin="864209")
    desk.call("prove_key", serial=serial, pin="864209", key_id=key_id, cert_der=certificate)


def test_initialise_only_what_is_blank(desk: Desk) -> None:
    serial = desk.new("one")
    with pytest.raises(PinIncorrect):
        desk.call("initialise", serial=serial, so_pin="00000000", label="新", pin="864209")
    info = desk.call("initialise", serial=serial, so_pin=SO_PIN, label="益阳窗口 UKey 0001 备用库存", pin="864209")
    assert (info.serial, info.label, info.blank) == (serial, "益阳窗口 UKey 0001 备用库", True)  # 32 bytes
    desk.call("generate", serial=serial, pin="864209", key_id=new_id(), algorithm="p256")
    with pytest.raises(TokenNotBlank):
        desk.call("initialise", serial=serial, so_pin=SO_PIN, label="again", pin="864209")


def test_the_encryption_pair_may_decrypt(desk: Desk) -> None:
    serial, key_id = desk.new("one"), new_id()
    on = {"serial": serial, "pin": PIN, "key_id": key_id}
    desk.call("generate", use="encrypt", **on)
    listing = _pkcs11_tool(desk, "-O", "--type", "privkey")
    assert "decrypt" in listing
    assert "sensitive" in listing
    assert "never extractable" in listing


def test_sweeping_an_abandoned_pair(desk: Desk) -> None:
    serial = desk.new("one")
    key_id, certificate = desk.generation(serial)
    abandoned = new_id()
    desk.call("generate", serial=serial, pin=PIN, key_id=abandoned, algorithm="p256")
    assert desk.call("sweep", serial=serial, pin=PIN, key_id=abandoned) == 2
    assert desk.call("find_key", serial=serial, pin=PIN, key_id=abandoned) is None
    assert desk.call("sweep", serial=serial, pin=PIN, key_id=abandoned) == 0
    with pytest.raises(DeviceFailed, match="key_in_use"):
        desk.call("sweep", serial=serial, pin=PIN, key_id=key_id)
    desk.call("prove_key", serial=serial, pin=PIN, key_id=key_id, cert_der=certificate)


def test_two_threads_share_one_child(desk: Desk) -> None:
    serial = desk.new("one")
    key_id, certificate = desk.generation(serial)
    on = {"serial": serial, "pin": PIN, "key_id": key_id, "cert_der": certificate}
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(desk.call, "prove_key", **on) for _ in range(30)]
        assert [result.result() for result in results] == [None] * 30


def test_a_module_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with Child("ukey", "kiosk.hardware.ukey:UKeyReader", {"module": str(tmp_path / "no.so")}) as child:
        with pytest.raises(DeviceMissing) as missing:
            child.call("tokens", deadline=10)
        assert missing.value.code == "module_missing"
        (tmp_path / "no.so").write_bytes(b"no library")
        with pytest.raises(DeviceFailed) as unusable:
            child.call("tokens", deadline=10)
        assert unusable.value.code == "module_unusable"


def _pkcs11_tool(desk: Desk, *arguments: str) -> str:
    command = ["pkcs11-tool", "--module", desk.drawer.module, "--login", "--pin", PIN, *arguments]
    environment = {"SOFTHSM2_CONF": str(desk.drawer.config), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.conformance
def test_a_foreign_tool_lists_the_new_certificate(desk: Desk, tmp_path: Path) -> None:
    serial = desk.new("one")
    key_id, certificate = desk.generation(serial)
    listing = _pkcs11_tool(desk, "-O")
    assert listing.count(f"ID:         {key_id}") == 3  # certificate, public and private key
    assert SUBJECT[2][1] in listing
    serial_number = f"{x509.load_der_x509_certificate(certificate).serial_number:X}"
    assert serial_number in listing.upper()
    path = tmp_path / "read.der"
    _pkcs11_tool(desk, "--read-object", "--type", "cert", "--id", key_id, "-o", str(path))
    assert path.read_bytes() == certificate
