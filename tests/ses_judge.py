"""A second pair of eyes on electronic seals: GB/T 38540-2020 as its own pyasn1 grammar, signatures by the OpenSSL CLI.

Nothing of ``kiosk.imaging`` is used here.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pyasn1.codec.der import decoder, encoder
from pyasn1.type import char, namedtype, univ, useful

SM2_WITH_SM3 = "1.2.156.10197.1.501"
DISTID = "distid:1234567812345678"  # GM/T 0009-2012


def _sequence(*parts: tuple[str, object]) -> univ.Sequence:
    named = namedtype.NamedTypes(*(namedtype.NamedType(name, kind) for name, kind in parts))
    return type("Grammar", (univ.Sequence,), {"componentType": named})()


def _many(kind: object) -> univ.SequenceOf:
    return type("Many", (univ.SequenceOf,), {"componentType": kind})()


def grammar() -> univ.Sequence:
    """SESeal with certificates in its list and no extensions."""
    times = [(name, useful.GeneralizedTime()) for name in ("createDate", "validStart", "validEnd")]
    header = _sequence(("ID", char.IA5String()), ("version", univ.Integer()), ("Vid", char.IA5String()))
    owner = (("certListType", univ.Integer()), ("certList", _many(univ.OctetString())))
    known = _sequence(("type", univ.Integer()), ("name", char.UTF8String()), *owner, *times)
    side = [("width", univ.Integer()), ("height", univ.Integer())]
    picture = _sequence(("type", char.IA5String()), ("data", univ.OctetString()), *side)
    info = _sequence(("header", header), ("esID", char.IA5String()), ("property", known), ("picture", picture))
    ends = [("signAlgID", univ.ObjectIdentifier()), ("signedValue", univ.BitString())]
    return _sequence(("eSealInfo", info), ("cert", univ.OctetString()), *ends)


@dataclass(frozen=True)
class Judged:
    """What stands in a seal whose structure and signature hold."""

    serial: str
    name: str
    kind: int
    owner: tuple[bytes, ...]
    valid: tuple[str, str]
    picture: bytes
    size_mm: tuple[int, int]


def judge(der: bytes, folder: Path) -> Judged:
    """AssertionError where the standard is not kept or the maker did not sign this."""
    seal, rest = decoder.decode(der, asn1Spec=grammar())
    assert not rest
    assert encoder.encode(seal) == der, "not DER"
    info = seal["eSealInfo"]
    assert (str(info["header"]["ID"]), int(info["header"]["version"])) == ("ES", 4)
    assert str(seal["signAlgID"]) == SM2_WITH_SM3
    assert int(info["property"]["certListType"]) == 1
    assert str(info["picture"]["type"]) == "PNG"
    signed_by(bytes(seal["cert"]), encoder.encode(info), seal["signedValue"].asOctets(), folder)
    known = info["property"]
    return Judged(
        serial=str(info["esID"]),
        name=str(known["name"]),
        kind=int(known["type"]),
        owner=tuple(bytes(one) for one in known["certList"]),
        valid=(str(known["validStart"]), str(known["validEnd"])),
        picture=bytes(info["picture"]["data"]),
        size_mm=(int(info["picture"]["width"]), int(info["picture"]["height"])),
    )


def signed_by(certificate: bytes, signed: bytes, signature: bytes, folder: Path) -> None:
    """OpenSSL takes the signature for that of the certificate's SM2 key."""
    (folder / "maker.der").write_bytes(certificate)
    (folder / "signature").write_bytes(signature)
    key = ["openssl", "x509", "-inform", "DER", "-in", "maker.der", "-noout", "-pubkey"]
    pem = subprocess.run(key, cwd=folder, capture_output=True, check=True).stdout
    (folder / "maker.pub").write_bytes(pem)
    verify = ["openssl", "dgst", "-sm3", "-sigopt", DISTID, "-verify", "maker.pub", "-signature", "signature"]
    done = subprocess.run(verify, cwd=folder, input=signed, capture_output=True, check=False)
    assert done.returncode == 0, "the maker's signature does not fit"
