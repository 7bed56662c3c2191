"""The electronic seal of GB/T 38540-2020 (SESeal, version 4): picture, property, validity, signed by the seal maker.

``signedValue`` is SM2 with SM3 (GM/T 0009, user id 1234567812345678) over the DER of ``eSealInfo``.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from asn1crypto import core
from PIL import Image, UnidentifiedImageError

SM2_WITH_SM3 = "1.2.156.10197.1.501"
VERSION = 4
LEVELS = 16
DPI = 300  # of a picture that does not say
MOST_MM = 250
MAX_SEAL = 256_000
TYPE_UNIT, TYPE_PERSONAL = 1, 2


class ExtData(core.Sequence):  # type: ignore[misc]
    _fields = [("extn_id", core.ObjectIdentifier), ("critical", core.Boolean), ("extn_value", core.OctetString)]  # noqa: RUF012


class ExtDatas(core.SequenceOf):  # type: ignore[misc]
    _child_spec = ExtData


class Header(core.Sequence):  # type: ignore[misc]
    _fields = [("id", core.IA5String), ("version", core.Integer), ("vid", core.IA5String)]  # noqa: RUF012


class CertList(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.OctetString


class Property(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("cert_list_type", core.Integer),
        ("cert_list", CertList),
        ("create_date", core.GeneralizedTime),
        ("valid_start", core.GeneralizedTime),
        ("valid_end", core.GeneralizedTime),
    ]


class Picture(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("type", core.IA5String),
        ("data", core.OctetString),
        ("width", core.Integer),
        ("height", core.Integer),
    ]


class SealInfo(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("header", Header),
        ("es_id", core.IA5String),
        ("property", Property),
        ("picture", Picture),
        ("ext_datas", ExtDatas, {"optional": True}),
    ]


class SESeal(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("e_seal_info", SealInfo),
        ("cert", core.OctetString),
        ("sign_alg_id", core.ObjectIdentifier),
        ("signed_value", core.OctetBitString),
    ]


class SealMaker(Protocol):
    """Who makes seals (制章者): the CA or the seal authority; its key never is in the kiosk's hands."""

    def certificate(self) -> bytes:
        """The maker's certificate, DER."""
        ...

    def sign(self, data: bytes) -> bytes:
        """SM2-with-SM3 signature over ``data``: DER SEQUENCE { r, s }."""
        ...


class SealRefused(Exception):
    """The bytes are no seal of this standard. Codes: ``too_large``, ``malformed``, ``version``, ``picture``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class SealRequest:
    """What goes into a seal. ``owner``: DER of the certificates that may use it; times aware; ``serial``: its esID."""

    serial: str
    name: str
    kind: int
    owner: tuple[bytes, ...]
    valid_from: datetime
    valid_to: datetime
    picture: bytes
    size_mm: tuple[float, float]
    made_at: datetime
    vendor: str = "CAKIOSK"


@dataclass(frozen=True)
class SealContents:
    """A parsed seal."""

    serial: str
    name: str
    kind: int
    owner: tuple[bytes, ...]
    valid_from: datetime
    valid_to: datetime
    picture: bytes
    size_mm: tuple[int, int]
    maker: bytes
    signed: bytes
    signature: bytes


def palette_png(picture: bytes) -> bytes:
    """A transparent cut-out as a palette PNG of 16 opacities in its one colour; pHYs (true size) is kept."""
    image, dpi = _opened(picture)
    pixels = np.asarray(image)
    inked = pixels[pixels[..., 3] > 160]
    colour = np.median(inked[:, :3], axis=0).astype(np.uint8) if len(inked) else np.array([200, 22, 30], np.uint8)
    step = 255 / (LEVELS - 1)
    flat = Image.fromarray(np.rint(pixels[..., 3] / step).astype(np.uint8), "P")
    flat.putpalette(bytes(colour) * LEVELS)
    out = io.BytesIO()
    opacity = bytes(round(level * step) for level in range(LEVELS))
    flat.save(out, "PNG", optimize=True, transparency=opacity, dpi=dpi, bits=4)
    return out.getvalue()


def whole_millimetres(picture: bytes) -> bytes:
    """The PNG on a canvas of whole millimetres: then the seal's width and height say its true size to the dot."""
    image, dpi = _opened(picture)
    size = tuple(math.ceil(side / per_inch * 25.4 - 0.05) for side, per_inch in zip(image.size, dpi, strict=True))
    if not all(0 < mm <= MOST_MM for mm in size):
        raise SealRefused("picture")
    wide, high = (max(side, round(mm / 25.4 * per)) for mm, per, side in zip(size, dpi, image.size, strict=True))
    canvas = Image.new("RGBA", (wide, high))
    canvas.paste(image, ((wide - image.width) // 2, (high - image.height) // 2))
    out = io.BytesIO()
    canvas.save(out, "PNG", compress_level=1, dpi=dpi)
    return out.getvalue()


def size_mm(picture: bytes) -> tuple[float, float]:
    """Width and height of a PNG on paper, by its pHYs."""
    image, dpi = _opened(picture)
    return image.width / dpi[0] * 25.4, image.height / dpi[1] * 25.4


def _opened(picture: bytes) -> tuple[Image.Image, tuple[float, float]]:
    """The PNG as RGBA and its dots per inch, across and down."""
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG",)) as image:
            across, down = image.info.get("dpi", (DPI, DPI))
            if not (DPI / 4 <= across <= DPI * 8 and DPI / 4 <= down <= DPI * 8):
                raise SealRefused("picture")
            return image.convert("RGBA"), (float(across), float(down))
    except (UnidentifiedImageError, OSError, ValueError):
        raise SealRefused("picture") from None


def seal_info(request: SealRequest) -> SealInfo:
    """What the maker signs. Width and height are whole millimetres; the exact size stands in the PNG's pHYs."""
    return SealInfo(
        {
            "header": {"id": "ES", "version": VERSION, "vid": request.vendor},
            "es_id": request.serial,
            "property": {
                "type": request.kind,
                "name": request.name,
                "cert_list_type": 1,
                "cert_list": list(request.owner),
                "create_date": _second(request.made_at),
                "valid_start": _second(request.valid_from),
                "valid_end": _second(request.valid_to),
            },
            "picture": {
                "type": "PNG",
                "data": palette_png(request.picture),
                "width": round(request.size_mm[0]),
                "height": round(request.size_mm[1]),
            },
        }
    )


def _second(moment: datetime) -> datetime:
    """GeneralizedTime in UTC, without fractions of a second (GB/T 38540-2020 writes YYYYMMDDHHMMSSZ)."""
    return moment.astimezone(UTC).replace(microsecond=0)


def build(request: SealRequest, maker: SealMaker) -> bytes:
    """The complete seal, DER, signed by its maker."""
    info = seal_info(request)
    signature = maker.sign(info.dump())
    seal = SESeal(
        {
            "e_seal_info": info,
            "cert": maker.certificate(),
            "sign_alg_id": SM2_WITH_SM3,
            "signed_value": signature,
        }
    )
    return bytes(seal.dump())


def parse(der: bytes) -> SealContents:
    """Read a seal; SealRefused when it is not one of version 4. The signature is not judged here."""
    if len(der) > MAX_SEAL:
        raise SealRefused("too_large")
    try:
        seal = SESeal.load(der, strict=True)
        info = seal["e_seal_info"]
        header, kept, picture = info["header"], info["property"], info["picture"]
        if header["id"].native != "ES" or header["version"].native != VERSION:
            raise SealRefused("version")
        return SealContents(
            serial=info["es_id"].native,
            name=kept["name"].native,
            kind=kept["type"].native,
            owner=tuple(kept["cert_list"].native),
            valid_from=kept["valid_start"].native,
            valid_to=kept["valid_end"].native,
            picture=picture["data"].native,
            size_mm=(picture["width"].native, picture["height"].native),
            maker=seal["cert"].native,
            signed=info.dump(),
            signature=seal["signed_value"].native,
        )
    except SealRefused:
        raise
    except (ValueError, TypeError, KeyError):
        raise SealRefused("malformed") from None
