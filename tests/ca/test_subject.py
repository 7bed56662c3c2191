"""How owners are written into certificates, and read back from ours and from other people's."""

import contextlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk.ca.connector import CaRejected, SubjectRefused, normal_serial, serial_hex
from kiosk.ca.reader import facts_of
from kiosk.ca.subject import Document, Owner, Subject, owner_of, split_name

KEY = ec.generate_private_key(ec.SECP256R1())
UNIT = Subject("湖南潇湘建设有限公司", "91430900MA4L16JQ9B", Document.USCC)
PERSON = Subject("欧阳修远", "430903199001011234", Document.ID_CARD)


def certificate(name: x509.Name, extensions=()) -> bytes:
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某某CA")]), name, KEY.public_key(), 0x0ABC
    ).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    for oid, value in extensions:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def name(**parts: str) -> x509.Name:
    oids = {
        "o": NameOID.ORGANIZATION_NAME,
        "cn": NameOID.COMMON_NAME,
        "ou": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "sn": NameOID.SERIAL_NUMBER,
    }
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in parts.items()])


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        (UNIT, "91430900MA4L16JQ9B"),
        (Subject("益阳市某局", "12345678-9", Document.ORGANISATION_CODE), "12345678-9"),
        (PERSON, "430903199001011234"),
        (Subject("李雷", "430903199001011234", Document.ID_CARD, unit="湖南潇湘建设有限公司"), "430903199001011234"),
        (Subject("王伟", "军字第2001988号", Document.OFFICER_CARD), "军字第2001988号"),
        (Subject("John Smith", "K1234567", Document.PASSPORT, country="GB"), "K1234567"),
        (Subject("𠮷田堃", "A=41", Document.OTHER), "A=41"),
    ],
)
def test_what_is_written_is_read_back(subject, number):
    assert owner_of(certificate(subject.distinguished_name())) == Owner(subject.kind, subject.name, number)


def test_unit_name_has_the_organisation_identifier():
    values = dict(UNIT.attributes())
    assert values["2.5.4.97"] == "NTRCN-91430900MA4L16JQ9B"
    assert values["2.5.4.10"] == values["2.5.4.3"] == UNIT.name


def test_personal_name_has_both_parts_and_the_identifier():
    values = dict(PERSON.attributes())
    assert (values["2.5.4.4"], values["2.5.4.42"]) == ("欧阳", "修远")
    assert values["2.5.4.5"] == "IDCCN-430903199001011234"


def test_names_are_utf8_and_identifiers_printable():
    encoded = PERSON.distinguished_name().public_bytes()
    assert bytes([0x0C, 12]) + "欧阳修远".encode() in encoded
    assert bytes([0x13, 24]) + b"IDCCN-430903199001011234" in encoded


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("王伟", ("王", "伟")),
        ("诸葛亮", ("诸葛", "亮")),
        ("司马", ("司", "马")),
        ("阿依古丽·买买提", ("阿依古丽", "买买提")),
        ("John Paul Smith", ("John", "Paul Smith")),
        ("王", ("王", "王")),
    ],
)
def test_names_are_divided(whole, parts):
    assert split_name(whole) == parts


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "长" * 65}, "name_too_long"),
        ({"name": ""}, "name_empty"),
        ({"name": " 甲"}, "name_empty"),
        ({"name": "甲\n乙"}, "name_characters"),
        ({"name": "甲\x00"}, "name_characters"),
        ({"number": "91430900MA4L16JQ9"}, "number_malformed"),
        ({"number": "12345678-9"}, "number_malformed"),
        ({"number": "1234\n", "document": Document.PASSPORT}, "number_malformed"),
        ({"number": "4309031990010112ZZ", "document": Document.ID_CARD}, "number_malformed"),
        ({"number": "军" * 20, "document": Document.OFFICER_CARD}, "number_too_long"),
        ({"email": "a@b"}, "email_malformed"),
        ({"email": "甲@example.com"}, "email_malformed"),
        ({"unit": "某公司"}, "unit_of_unit"),
        ({"country": "cn"}, "country_malformed"),
    ],
)
def test_what_cannot_be_written_is_refused(fields, code):
    whole = {"name": "甲", "number": "91430900MA4L16JQ9B", "document": Document.USCC} | fields
    with pytest.raises(SubjectRefused) as caught:
        Subject(**whole)
    assert caught.value.code == code


def test_longest_name_fits():
    subject = Subject("长" * 64, "91430900MA4L16JQ9B", Document.USCC)
    assert owner_of(certificate(subject.distinguished_name())).name == "长" * 64


UTF8_CODE = b"\x0c\x1291430900MA4L16JQ9B"
PRINTABLE_CODE = b"\x13\x1291430900MA4L16JQ9B"


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("1.2.156.10260.4.1.4", PRINTABLE_CODE),
        ("1.2.156.10260.4.1.4", UTF8_CODE),
        ("1.2.156.10260.4.1.4", b"91430900MA4L16JQ9B"),
        ("1.2.156.10260.4.1.4", b"\x04\x14" + UTF8_CODE),
        ("1.2.156.10260.4.1.4.4", UTF8_CODE),
        ("1.2.86.11.7.4", PRINTABLE_CODE),
        ("1.2.156.10260.4.1.3", UTF8_CODE),
    ],
)
def test_unit_numbers_of_other_issuers(oid, value):
    der = certificate(name(o="某公司", cn="某公司"), [(oid, value)])
    assert owner_of(der) == Owner("unit", "某公司", "91430900MA4L16JQ9B")


@pytest.mark.parametrize(
    "value",
    [
        b"\x80\x12430903199001011234",
        b"\xa0\x14\x13\x12430903199001011234",
        b"\x0c\x12430903199001011234",
        b"430903199001011234",
    ],
)
@pytest.mark.parametrize("oid", ["1.2.156.10260.4.1.1", "1.2.86.11.7.1", "1.2.156.10260.4.1.1.1"])
def test_personal_numbers_of_other_issuers(oid, value):
    assert owner_of(certificate(name(cn="王伟"), [(oid, value)])) == Owner("personal", "王伟", "430903199001011234")


def test_personal_certificate_of_a_unit_belongs_to_the_person():
    der = certificate(
        name(o="某公司", cn="王伟"),
        [("1.2.156.10260.4.1.1", b"\x80\x12430903199001011234"), ("1.2.156.10260.4.1.4", UTF8_CODE)],
    )
    assert owner_of(der) == Owner("personal", "王伟", "430903199001011234")


@pytest.mark.parametrize(
    ("parts", "owner"),
    [
        ({"cn": "王伟", "sn": "430903199001011234"}, Owner("personal", "王伟", "430903199001011234")),
        ({"o": "某公司", "ou": "91430900MA4L16JQ9B", "cn": "某公司"}, Owner("unit", "某公司", "91430900MA4L16JQ9B")),
        ({"o": "某公司", "cn": "某公司"}, Owner("unit", "某公司", None)),
        ({"cn": "王伟"}, Owner("personal", "王伟", None)),
        ({"o": "某公司", "ou": "财务部", "cn": "王伟"}, Owner("personal", "王伟", None)),
    ],
)
def test_plain_names(parts, owner):
    assert owner_of(certificate(name(**parts))) == owner


def test_gbk_in_teletex_and_bmp_strings():
    der = certificate(name(o="AAAAAAAA", cn="BBBBBBBB"))
    der = der.replace(b"\x0c\x08AAAAAAAA", b"\x14\x08" + "某某公司".encode("gb18030"))
    der = der.replace(b"\x0c\x08BBBBBBBB", b"\x1e\x08" + "某某公司".encode("utf-16-be"))
    assert owner_of(der) == Owner("unit", "某某公司", None)


def test_facts():
    facts = facts_of(certificate(name(cn="王伟")))
    assert (facts.serial_hex, facts.issuer, facts.use) == ("0abc", "某某CA", "both")
    assert facts.not_after == datetime(2027, 1, 1, tzinfo=UTC)


def test_key_usage_tells_the_use():
    for bits, use in ((b"\x03\x02\x06\xc0", "sign"), (b"\x03\x02\x04\x30", "encrypt"), (b"\x03\x02\x04\xf0", "both")):
        assert facts_of(certificate(name(cn="王伟"), [("2.5.29.15", bits)])).use == use


@pytest.mark.parametrize("octets", [b"", b"0", b"\x30\x80", b"x" * 20000, b"\x30\x03\x02\x01\x01", bytes(300)])
def test_rubbish_is_unreadable_and_nothing_else(octets):
    with pytest.raises(CaRejected, match="certificate_unreadable"):
        owner_of(octets)


def test_every_cut_and_flip_is_read_or_refused():
    der = certificate(UNIT.distinguished_name(), [("1.2.156.10260.4.1.4", UTF8_CODE)])
    for position in range(len(der)):
        for broken in (der[:position], der[:position] + bytes([der[position] ^ 0x55]) + der[position + 1 :]):
            with contextlib.suppress(CaRejected):
                assert isinstance(owner_of(broken), Owner)


def test_serial_numbers_have_one_spelling():
    assert serial_hex(0xABC) == "0abc"
    assert {normal_serial(text) for text in ("0ABC", "abc", "0x0abc", "0A:BC", " 0a bc ", "00000abc")} == {"0abc"}
    for text in ("", "0", "xyz", "f" * 43):
        with pytest.raises(CaRejected, match="serial_malformed"):
            normal_serial(text)
