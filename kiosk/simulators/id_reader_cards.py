"""Cards to lay on the simulated ID card reader: the 256 bytes of text as such a card carries them, and a stand-in
photo.
"""

from __future__ import annotations

import hashlib
from typing import Any

from kiosk.simulators.control import Refused

KINDS = {"resident": " ", "hmt": "J", "foreigner": "Y", "foreigner_2017": "I"}
SEX = {"男": "1", "女": "2", "": "0"}
NATION_CODES = {"汉": "01", "蒙古": "02", "回": "03", "藏": "04", "维吾尔": "05", "苗": "06", "壮": "08", "土家": "15"}


def _field(card: dict[str, Any], name: str, width: int, default: str = "") -> bytes:
    value = card.get(name, default)
    if not isinstance(value, str):
        raise Refused(f"{name} must be text")
    raw = value.encode("utf-16-le")
    if len(raw) > width:
        raise Refused(f"{name} is longer than the card's {width // 2} characters")
    return raw + b" \0" * ((width - len(raw)) // 2)


def _day(card: dict[str, Any], name: str) -> bytes:
    value = card.get(name)
    text = "长期" if value is None and name == "valid_to" else str(value or "").replace("-", "")
    return _field({name: text}, name, 16)


def _resident(card: dict[str, Any]) -> bytes:
    nation = str(card.get("nation", "汉"))
    code = nation if nation.isdigit() else NATION_CODES.get(nation, "97")
    head = _field(card, "name", 30) + _field({"sex": SEX.get(card.get("sex", ""), "9")}, "sex", 2)
    tail = _field(card, "number", 36) + _field(card, "issuer", 30) + _day(card, "valid_from") + _day(card, "valid_to")
    nation_raw = _field({"n": code if card.get("kind") != "hmt" else ""}, "n", 4)
    return head + nation_raw + _day(card, "birth") + _field(card, "address", 70) + tail


def _hmt(card: dict[str, Any]) -> bytes:
    return _resident(card) + _field(card, "pass_number", 18) + _field(card, "issue_count", 4, "01")


def _foreigner(card: dict[str, Any]) -> bytes:
    name = str(card.get("name_en", ""))
    return (
        _field(card, "name", 30)
        + _field({"sex": SEX.get(card.get("sex", ""), "9")}, "sex", 2)
        + _field(card, "reissued", 4, "00")
        + _day(card, "birth")
        + _field({"name_en": name[:35]}, "name_en", 70)
        + _field(card, "number", 36)
        + b" \0" * 15
        + _day(card, "valid_from")
        + _day(card, "valid_to")
        + _field({"name_en": name[35:]}, "name_en", 22)
        + _field(card, "nation", 6)
    )


def _foreigner_2017(card: dict[str, Any]) -> bytes:
    return (
        _field(card, "name_en", 120)
        + _field({"sex": SEX.get(card.get("sex", ""), "9")}, "sex", 2)
        + _field(card, "number", 30)
        + _field(card, "nation", 6)
        + _field(card, "name", 30)
        + _day(card, "valid_from")
        + _day(card, "valid_to")
        + _day(card, "birth")
        + _field(card, "version", 4, "01")
        + _field(card, "issuer", 8, "1500")
    )


def text(card: dict[str, Any]) -> bytes:
    """The card's 256 bytes. Raises Refused for what no card can carry."""
    makers = {"resident": _resident, "hmt": _hmt, "foreigner": _foreigner, "foreigner_2017": _foreigner_2017}
    kind = card.get("kind", "resident")
    if kind not in makers:
        raise Refused(f"kind must be one of {', '.join(makers)}")
    body = makers[kind](card)
    body += b" \0" * ((248 - len(body)) // 2)
    return body + KINDS[kind].encode("utf-16-le") + b" \0" * 3


def photo(card: dict[str, Any]) -> bytes:
    """1024 bytes that stand for the photo: the true compression is not public, so nothing reads into them."""
    return hashlib.shake_256(b"photo " + str(card.get("number", "")).encode()).digest(1024)
