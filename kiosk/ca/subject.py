"""Who a certificate is for, and how that is written into it.

Naming (ETSI EN 319 412-1 §5.1.3–5.1.4, EN 319 412-2/-3 §4.2; attribute sizes RFC 5280 appendix A):

- unit:     C=CN, O=<name>, organizationIdentifier=NTRCN-<code>, CN=<name>
- personal: C=CN, [O=<unit>,] CN=<name>, surname, givenName, serialNumber=IDCCN-<number>

The e-mail address goes into subjectAltName, never into the name. A number with letters that PrintableString lacks (an
officer's card) is written with `=XX` for each UTF-8 octet, so that it can be read back.

Names of more than 64 characters are refused (`name_too_long`): the attribute cannot hold them, and a shortened name
would bear witness for somebody else. Such a customer is a clerk's case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import NameOID

from kiosk.ca.connector import Kind, SubjectRefused
from kiosk.ca.reader import Owner as Owner
from kiosk.ca.reader import owner_of as owner_of

UB_NAME = 64
UB_SERIAL_NUMBER = 64
_PRINTABLE = re.compile(r"[0-9A-Za-z'()+,./:? -]")
_EMAIL = re.compile(r"[0-9A-Za-z._%+-]{1,64}@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[A-Za-z]{2,24}")
_SURNAMES = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳"
    "公冶太叔申屠公孙慕容仲孙钟离长孙宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙"
    "壤驷公良漆雕乐正宰父谷梁拓跋夹谷轩辕令狐段干百里呼延东郭南门羊舌微生左丘东门西门第五"
)
_TWO_PART_SURNAMES = frozenset(_SURNAMES[index : index + 2] for index in range(0, len(_SURNAMES), 2))


class Document(StrEnum):
    """What the number is a number of. The first two make a unit certificate."""

    USCC = "uscc"
    ORGANISATION_CODE = "organisation_code"
    ID_CARD = "id_card"
    PASSPORT = "passport"
    OFFICER_CARD = "officer_card"
    OTHER = "other"


_PREFIX = {
    Document.USCC: "NTRCN-",
    Document.ORGANISATION_CODE: "NTRCN-",
    Document.ID_CARD: "IDCCN-",
    Document.PASSPORT: "PASCN-",
    Document.OFFICER_CARD: "MO:CN-",
    Document.OTHER: "OT:CN-",
}


@dataclass(frozen=True)
class Subject:
    """The owner of a certificate.

    `name`: unit or person, 1–64 characters. `number`: 统一社会信用代码 (18), 组织机构代码 (8 and check digit, hyphen
    optional) or the number of the person's document. `unit`: the organisation a personal certificate speaks for, if
    any.
    `country`: two letters, the state that issued a passport; CN for everything else.

    Raises `SubjectRefused` with code `name_empty`, `name_too_long`, `name_characters`, `number_malformed`,
    `number_too_long`,
    `email_malformed`, `country_malformed` or `unit_of_unit`.
    """

    name: str
    number: str
    document: Document
    email: str | None = None
    unit: str | None = None
    country: str = "CN"

    def __post_init__(self) -> None:
        _check_name(self.name, "name")
        if self.unit is not None:
            _check_name(self.unit, "unit")
            if self.kind == "unit":
                raise SubjectRefused("unit_of_unit", field="unit")
        self._check_number()
        if self.email is not None and (len(self.email) > 128 or not _EMAIL.fullmatch(self.email)):
            raise SubjectRefused("email_malformed", field="email")
        if not re.fullmatch("[A-Z]{2}", self.country):
            raise SubjectRefused("country_malformed", field="country")

    @property
    def kind(self) -> Kind:
        return "unit" if self.document in (Document.USCC, Document.ORGANISATION_CODE) else "personal"

    def identifier(self) -> str:
        """The semantics identifier of EN 319 412-1: type, country, hyphen, number."""
        prefix = _PREFIX[self.document]
        if self.document is Document.PASSPORT:
            prefix = f"PAS{self.country}-"
        return prefix + encode_number(self.number)

    def attributes(self) -> list[tuple[str, str]]:
        """The distinguished name as (dotted OID, value), in order; also what the UKey's request carries."""
        if self.kind == "unit":
            pairs = [
                (NameOID.COUNTRY_NAME, "CN"),
                (NameOID.ORGANIZATION_NAME, self.name),
                (NameOID.ORGANIZATION_IDENTIFIER, self.identifier()),
                (NameOID.COMMON_NAME, self.name),
            ]
        else:
            surname, given = split_name(self.name)
            pairs = [(NameOID.COUNTRY_NAME, "CN")]
            if self.unit is not None:
                pairs.append((NameOID.ORGANIZATION_NAME, self.unit))
            pairs += [
                (NameOID.SURNAME, surname),
                (NameOID.GIVEN_NAME, given),
                (NameOID.SERIAL_NUMBER, self.identifier()),
                (NameOID.COMMON_NAME, self.name),
            ]
        return [(oid.dotted_string, value) for oid, value in pairs]

    def distinguished_name(self) -> x509.Name:
        return x509.Name([_Attribute(x509.ObjectIdentifier(oid), value) for oid, value in self.attributes()])

    def _check_number(self) -> None:
        number = self.number
        if self.document is Document.USCC:
            valid = bool(re.fullmatch("[0-9A-Z]{18}", number))
        elif self.document is Document.ORGANISATION_CODE:
            valid = bool(re.fullmatch("[0-9A-Z]{8}-?[0-9X]", number))
        elif self.document is Document.ID_CARD:
            valid = bool(re.fullmatch("[0-9A-Z]{15}|[0-9A-Z]{17}[0-9X]", number))
        else:
            valid = number == number.strip() and number.isprintable() and bool(number)
        if not valid:
            raise SubjectRefused("number_malformed", field="number")
        if len(self.identifier()) > UB_SERIAL_NUMBER:
            raise SubjectRefused("number_too_long", field="number")


class _Attribute(x509.NameAttribute[str]):
    """Bounds are characters (RFC 5280 appendix A), checked by `Subject`; the library counts octets, three to a Han
    character.
    """

    def __init__(self, oid: x509.ObjectIdentifier, value: str) -> None:
        super().__init__(oid, value if value.isascii() else "CN")
        self._value = value


def encode_number(number: str) -> str:
    """`number` in the alphabet of PrintableString; other characters as `=XX` per UTF-8 octet."""
    return "".join(
        char if _PRINTABLE.fullmatch(char) else "".join(f"={octet:02X}" for octet in char.encode()) for char in number
    )


def split_name(name: str) -> tuple[str, str]:
    """(surname, given name). Han names: one or, for the known ones, two characters; others: what stands before the
    first blank.

    A name that cannot be divided is its own surname and given name, because EN 319 412-2 §4.2.4 wants both or a
    pseudonym.
    """
    for separator in (" ", "·"):
        first, found, rest = name.partition(separator)
        if found and first and rest.strip():
            return first, rest.strip()
    if len(name) > 2 and name[:2] in _TWO_PART_SURNAMES:
        return name[:2], name[2:]
    if len(name) > 1 and ord(name[0]) > 0x2E7F:
        return name[0], name[1:]
    return name, name


def _check_name(text: str, field: str) -> None:
    if not text or text != text.strip():
        raise SubjectRefused("name_empty", field=field)
    if len(text) > UB_NAME:
        raise SubjectRefused("name_too_long", field=field, limit=UB_NAME)
    if not text.isprintable():
        raise SubjectRefused("name_characters", field=field)
