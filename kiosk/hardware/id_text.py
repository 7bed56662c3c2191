"""The 256 bytes of text on an ID card: UTF-16LE, fixed fields, the kind of card in the two bytes at 248."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from kiosk.hardware.errors import CardUnreadable

TEXT = 256
FLAG = slice(248, 250)

NATIONS = (  # noqa: SIM905 (GB/T 3304, codes 01 to 56 in order)
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 "
    "土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡 纳西 景颇 "
    "柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 "
    "乌孜别克 俄罗斯 鄂温克 德昂 保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
).split()
SEXES = {"1": "男", "2": "女"}  # GB/T 2261.1; 0 and 9 mean not known and not stated

Kind = Literal["resident", "hmt", "foreigner"]


@dataclass(frozen=True, slots=True)
class IdCard:
    """One card as read.

    ``sex`` is 男, 女 or empty; ``nation`` is the ethnic group's name (residents), the three-letter country code
    (foreigners) or empty; ``valid_to`` None means 长期; ``photo_wlt`` is the 1024-byte compressed photo, opaque.
    The repr shows no personal data.
    """

    kind: Kind
    name: str = field(repr=False)
    name_en: str = field(repr=False)
    sex: str = field(repr=False)
    nation: str = field(repr=False)
    birth: date = field(repr=False)
    address: str = field(repr=False)
    number: str = field(repr=False)
    issuer: str = field(repr=False)
    valid_from: date = field(repr=False)
    valid_to: date | None = field(repr=False)
    photo_wlt: bytes = field(repr=False)
    pass_number: str = field(default="", repr=False)


# name and width in bytes, in the order they lie on the card
RESIDENT = (
    *(("name", 30), ("sex", 2), ("nation", 4), ("birth", 16), ("address", 70), ("number", 36)),
    *(("issuer", 30), ("valid_from", 16), ("valid_to", 16)),
)
HMT = (*RESIDENT, ("pass_number", 18))
FOREIGNER_2017 = (
    *(("name_en", 120), ("sex", 2), ("number", 30), ("country", 6), ("name", 30), ("valid_from", 16)),
    *(("valid_to", 16), ("birth", 16), ("version", 4), ("issuer", 8)),
)
FOREIGNER_2023 = (
    *(("name", 30), ("sex", 2), ("reissued", 4), ("birth", 16), ("name_en", 70), ("number", 36), ("unused", 30)),
    *(("valid_from", 16), ("valid_to", 16), ("name_en_more", 22), ("country", 6)),
)
LAYOUTS: dict[str, tuple[Kind, tuple[tuple[str, int], ...]]] = {
    "": ("resident", RESIDENT),
    "J": ("hmt", HMT),
    "I": ("foreigner", FOREIGNER_2017),
    "Y": ("foreigner", FOREIGNER_2023),
}


def _text(raw: bytes) -> str:
    return raw.decode("utf-16-le").rstrip(" \0").strip(" ")


def _cut(text: bytes) -> tuple[Kind, dict[str, str]]:
    try:
        flag = _text(text[FLAG])
        kind, layout = LAYOUTS[flag]
    except (KeyError, UnicodeDecodeError):
        raise CardUnreadable("card_kind_unknown", field="kind") from None
    fields: dict[str, str] = {}
    at = 0
    for name, width in layout:
        try:
            fields[name] = _text(text[at : at + width])
        except UnicodeDecodeError:
            raise CardUnreadable("card_text_damaged", field=name) from None
        at += width
    return kind, fields


def _date(fields: dict[str, str], name: str) -> date:
    value = fields[name]
    try:
        if len(value) != 8 or not (value.isascii() and value.isdigit()):
            raise ValueError
        return datetime.strptime(value, "%Y%m%d").date()
    except ValueError:
        raise CardUnreadable("card_text_damaged", field=name) from None


def _nation(fields: dict[str, str]) -> str:
    if "country" in fields:
        return fields["country"]
    code = fields["nation"]
    if code.isascii() and code.isdigit() and 1 <= int(code) <= len(NATIONS):
        return NATIONS[int(code) - 1]
    return "其他" if code else ""


def parse(text: bytes, photo: bytes) -> IdCard:
    """Read the card's text. Raises CardUnreadable (fact ``field``) where it makes no sense; check digits are not
    judged.
    """
    if len(text) != TEXT:
        raise CardUnreadable("card_text_damaged", field="text", length=len(text))
    kind, fields = _cut(text)
    if not fields["number"] or not (fields["name"] or fields.get("name_en")):
        raise CardUnreadable("card_text_damaged", field="number" if fields["name"] else "name")
    return IdCard(
        kind=kind,
        name=fields["name"],
        name_en=fields.get("name_en", "") + fields.get("name_en_more", ""),
        sex=SEXES.get(fields["sex"], ""),
        nation=_nation(fields),
        birth=_date(fields, "birth"),
        address=fields.get("address", ""),
        number=fields["number"],
        issuer=fields.get("issuer", ""),
        valid_from=_date(fields, "valid_from"),
        valid_to=None if fields["valid_to"] == "长期" else _date(fields, "valid_to"),
        photo_wlt=photo,
        pass_number=fields.get("pass_number", ""),
    )
