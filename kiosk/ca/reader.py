"""Reading certificates that others issued: who owns them, until when.

Written leniently on purpose: certificates on UKeys in use carry SM2 keys, `cA FALSE` spelled out, GBK in
TeletexString, and the owner's number in one of several places. Nothing here checks a signature.

Where the number is looked for, in this order: organizationIdentifier / serialNumber with a semantics identifier
(EN 319 412-1); the extensions 1.2.156.10260.4.1.1 … .5 (GM/T 0015: 个人身份标识码, 社会保险号, 工商注册号,
组织机构代码, 税号) and 1.2.86.11.7.x (the older arc), as bare string, tagged or wrapped in OCTET STRING; plain values
of serialNumber and OU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from asn1crypto import core, parser, x509

from kiosk.ca.connector import CaRejected, serial_hex

MAX_CERTIFICATE = 16 * 1024
_ORGANISATION_IDENTIFIER = "2.5.4.97"
_NAME_OIDS = {"2.5.4.3": "cn", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.5": "serial", _ORGANISATION_IDENTIFIER: "org"}
_SEMANTICS = re.compile(r"(?:[A-Z]{3}|[A-Z]{2}:)[A-Z]{2}-(.+)")
_UNIT_NUMBER = re.compile(r"(?:[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}|[0-9A-Z]{8}-?[0-9X])")
_ID_CARD = re.compile(r"[1-9][0-9]{16}[0-9X]")
_ARCS = ("1.2.156.10260.4.1.", "1.2.86.11.7.")
_PERSONAL_NODE = "1"
_UNIT_NODES = ("4", "3", "5")  # 组织机构代码 / 统一社会信用代码 first, then 工商注册号, 税号


@dataclass(frozen=True)
class Owner:
    """Who a certificate belongs to. `number`: ID or unit number without its prefix; None when the certificate carries
    none.
    """

    kind: Literal["unit", "personal"]
    name: str
    number: str | None


@dataclass(frozen=True)
class CertificateFacts:
    """What can be read from any certificate. `issuer`: the issuer's common name (or organisation)."""

    serial_hex: str
    owner: Owner
    issuer: str
    not_before: datetime
    not_after: datetime
    use: Literal["sign", "encrypt", "both"]


def owner_of(certificate_der: bytes) -> Owner:
    """The owner named in a certificate (DER). Raises `CaRejected("certificate_unreadable")`."""
    return facts_of(certificate_der).owner


def facts_of(certificate_der: bytes) -> CertificateFacts:
    """Serial number, owner, issuer, validity and use of a certificate (DER). Raises
    `CaRejected("certificate_unreadable")`.
    """
    if not 0 < len(certificate_der) <= MAX_CERTIFICATE:
        raise CaRejected("certificate_unreadable", octets=len(certificate_der))
    try:
        body = x509.Certificate.load(certificate_der, strict=True)["tbs_certificate"]
        extensions = {item["extn_id"].dotted: item["extn_value"].contents for item in body["extensions"] or ()}
        issuer = _name_values(body["issuer"])
        return CertificateFacts(
            serial_hex(body["serial_number"].native),
            _owner(_name_values(body["subject"]), extensions),
            next(iter(issuer.get("cn", []) + issuer.get("o", [])), ""),
            body["validity"]["not_before"].native.astimezone(UTC),
            body["validity"]["not_after"].native.astimezone(UTC),
            _use(extensions.get("2.5.29.15")),
        )
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise CaRejected("certificate_unreadable", octets=len(certificate_der)) from error


def decode_number(text: str) -> str:
    """Undo `=XX` octets written by `subject.encode_number`; text that does not decode stays as it is."""
    if not re.search("=[0-9A-F]{2}", text):
        return text
    raw = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


def _owner(names: dict[str, list[str]], extensions: dict[str, bytes]) -> Owner:
    common = next(iter(names.get("cn", [])), "")
    organisation = next(iter(names.get("o", [])), "")
    unit = _identified(names.get("org", [])) or _from_extensions(extensions, _UNIT_NODES)
    person = _identified(names.get("serial", [])) or _from_extensions(extensions, (_PERSONAL_NODE,))
    plain = names.get("serial", []) + names.get("ou", [])
    if unit is None and person is None:
        person = next((value for value in plain if _ID_CARD.fullmatch(value)), None)
        unit = None if person else next((value for value in plain if _UNIT_NUMBER.fullmatch(value)), None)
    if unit is not None and (person is None or common in ("", organisation)):
        return Owner("unit", organisation or common, unit)
    if person is not None or not organisation or organisation != common:
        return Owner("personal", common or organisation, person)
    return Owner("unit", organisation, None)


def _identified(values: list[str]) -> str | None:
    """The number behind the first semantics identifier among `values`."""
    found = (_SEMANTICS.fullmatch(value) for value in values)
    return next((decode_number(match[1]) for match in found if match), None)


def _from_extensions(extensions: dict[str, bytes], nodes: tuple[str, ...]) -> str | None:
    """The first readable string in an identity extension; sub-nodes (…4.1.1.1, …4.1.4.4) count as their parent."""
    for node in nodes:
        for oid, value in extensions.items():
            if any(oid == arc + node or oid.startswith(arc + node + ".") for arc in _ARCS):
                text = _string_in(value)
                if text:
                    return text
    return None


def _string_in(octets: bytes, depth: int = 0) -> str | None:
    """The text inside `octets`: a DER string, bare, tagged (IMPLICIT or EXPLICIT), in a SEQUENCE or OCTET STRING; or
    raw ASCII.
    """
    if depth < 4:
        try:
            class_, _, tag, _, contents, _ = parser.parse(octets, strict=True)
        except (ValueError, TypeError):
            contents = None
        if contents is not None:
            if class_ == 0 and tag in (12, 18, 19, 20, 22, 30):
                return _clean(_decode(tag, contents))
            return _string_in(contents, depth + 1)
    return _clean(octets.decode("ascii")) if octets.isascii() else None


def _clean(text: str) -> str | None:
    text = text.strip()
    return text if text and text.isprintable() and len(text) <= 64 else None


def _name_values(name: Any) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for relative in name.chosen:
        for pair in relative:
            key = _NAME_OIDS.get(pair["type"].dotted)
            if key is not None:
                values.setdefault(key, []).append(_text(_plain(pair["value"])))
    return values


def _plain(value: Any) -> Any:
    """The string itself, whether asn1crypto wraps it in CHOICE, ANY or not."""
    while hasattr(value, "chosen") or isinstance(value, core.Any):
        value = value.chosen if hasattr(value, "chosen") else value.parse()
    return value


def _text(value: Any) -> str:
    return _decode(value.tag, value.contents)


def _decode(tag: int, contents: bytes) -> str:
    """The text of a DER string by its tag; 8-bit strings are tried as UTF-8, then as GB 18030."""
    if tag == 30:
        return contents.decode("utf-16-be")
    if tag == 28:
        return contents.decode("utf-32-be")
    for encoding in ("utf-8", "gb18030"):
        try:
            return contents.decode(encoding)
        except UnicodeDecodeError:
            continue
    return contents.decode("latin-1")


def _use(key_usage: bytes | None) -> Literal["sign", "encrypt", "both"]:
    """From keyUsage: bits 0–1 sign, bits 2–4 encrypt (RFC 5280 §4.2.1.3); without the extension both."""
    if key_usage is None:
        return "both"
    bits = core.BitString.load(key_usage).native
    signs, encrypts = any(bits[:2]), any(bits[2:5])
    return "both" if signs == encrypts else "sign" if signs else "encrypt"
