"""What is decided without a UKey: weak PINs, the certificate that counts, key ids."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hardware.errors import DeviceFailed
from kiosk.hardware.ukey import TokenCertificate, TokenContents, TokenInfo, current, pin_weakness
from kiosk.hardware.ukey.objects import der_integer, raw_id
from kiosk.hardware.ukey.raw import padded_label


@pytest.mark.parametrize(
    ("pin", "code"),
    [
        ("12345", "pin_length"),
        ("1" * 17, "pin_length"),
        ("", "pin_length"),
        ("13579 0", "pin_characters"),
        ("密码密码密码", "pin_characters"),
        ("111111", "pin_repeated"),
        ("121212", "pin_repeated"),
        ("123123", "pin_common"),
        ("13571357", None),
        ("135713571357", "pin_repeated"),
        ("123456", "pin_sequence"),
        ("678901", "pin_sequence"),
        ("654321", "pin_sequence"),
        ("987654", "pin_sequence"),
        ("abcdef", "pin_sequence"),
        ("QWERTY", "pin_sequence"),
        ("Password", "pin_common"),
        ("135246", None),
        ("864209", None),
        ("k7$mQ2", None),
    ],
)
def test_weak_pins(pin: str, code: str | None) -> None:
    assert pin_weakness(pin) == code


def _certificate(begin: datetime, signing: bool = True) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    usage = x509.KeyUsage(signing, False, not signing, False, False, False, False, False, False)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=365))
    return builder.add_extension(usage, True).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


INFO = TokenInfo("0", "", "", "", False, None, True, False, False, False)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def _contents(*items: TokenCertificate) -> TokenContents:
    return TokenContents(INFO, items, ())


def test_the_newest_signing_certificate_with_its_key_counts() -> None:
    old = TokenCertificate("01", _certificate(BEGIN), "old", True)
    new = TokenCertificate("02", _certificate(BEGIN + timedelta(days=300)), "new", True)
    keyless = TokenCertificate("03", _certificate(BEGIN + timedelta(days=301)), "", False)
    encrypting = TokenCertificate("04", _certificate(BEGIN + timedelta(days=302), signing=False), "", True)
    broken = TokenCertificate("05", b"\x30\x03\x02\x01\x00", "", True)
    assert current(_contents(old, new, keyless, encrypting, broken)) == new
    assert current(_contents(new, old)) == new
    assert current(_contents(keyless, encrypting, broken)) is None
    assert current(_contents()) is None


def test_contents_cross_a_pipe() -> None:
    contents = _contents(TokenCertificate("01", b"x", "", True))
    assert pickle.loads(pickle.dumps(contents)) == contents


@given(st.integers(min_value=0, max_value=2**159 - 1))
def test_serial_numbers_as_der(number: int) -> None:
    encoded = der_integer(number)
    assert encoded[0] == 2
    assert encoded[1] == len(encoded) - 2
    assert int.from_bytes(encoded[2:], "big", signed=True) == number
    assert len(encoded) == 3 or encoded[2:4] > b"\x00\x7f"


@given(st.text(max_size=40))
def test_labels_are_cut_between_characters(label: str) -> None:
    try:
        label.encode()
    except UnicodeEncodeError:
        return
    padded = padded_label(label)
    assert len(padded) == 32
    assert label.startswith(padded.decode().rstrip(" ")) or label.rstrip(" ").startswith(padded.decode().rstrip(" "))


@pytest.mark.parametrize("key_id", ["", "0", "xy", "00" * 33, "00 11", " 00"])
def test_bad_key_ids(key_id: str) -> None:
    with pytest.raises(DeviceFailed, match="bad_key_id"):
        raw_id(key_id)


def test_good_key_ids() -> None:
    assert raw_id("00ff") == b"\x00\xff"
    assert raw_id("00FF") == b"\x00\xff"
