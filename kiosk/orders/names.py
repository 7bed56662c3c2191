"""Names, names of organisations, addresses and free text: normalised and judged."""

from __future__ import annotations

import re
import unicodedata

from kiosk.orders.invalid import Invalid

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
DOTS = dict.fromkeys(map(ord, "•‧∙⋅・･●．.﹒"), "·")
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

# Characters that GBK had in the private area and older ID cards still carry, GB 18030-2022.
PRIVATE = str.maketrans(
    {
        "\ue81e": "\u9fb4", "\ue826": "\u9fb5", "\ue82b": "\u9fb6", "\ue82c": "\u9fb7", "\ue832": "\u9fb8",
        "\ue843": "\u9fb9", "\ue854": "\u9fba", "\ue863": "\u4dae", "\ue864": "\u9fbb",
    }
)  # fmt: skip


def half_width(value: str) -> str:
    """Full-width ASCII and the ideographic space become half-width."""
    return value.translate(WIDE)


def check_name(value: str) -> str:
    """A person's name: Chinese with the dot of minority names (买买提·艾力), or Latin letters. 2 to 50 characters.

    Characters beyond the Basic Multilingual Plane (𬭼, 𠮷) are names like any other.
    """
    text = _printable(value).translate(PRIVATE)
    if re.search(f"[{HAN}]", text):
        # NFC would turn compatibility ideographs into others; a name keeps the character of the card.
        name = re.sub(r"\s+", "", text).translate(DOTS)
        if not re.fullmatch(f"[{HAN}]+(·[{HAN}]+)*", name):
            raise Invalid("name_characters", "姓名只能有汉字和间隔号“·”，请按证件填写。")
    else:
        name = re.sub(r"\s+", " ", unicodedata.normalize("NFC", half_width(text)).translate({0x2019: "'", 0xB7: " "}))
        if not re.fullmatch(r"[^\W\d_]+([ ',.-]{1,2}[^\W\d_]+)*\.?", name.strip()):
            raise Invalid("name_characters", "姓名只能有汉字或字母，请按证件填写。")
        name = name.strip()
    return _sized(name, 2, 50, "姓名")


def check_org_name(value: str) -> str:
    """A unit's (or, on an invoice, a person's) name: parentheses full-width beside Chinese characters. 2 to 100."""
    text = re.sub(r"\s+", " ", _printable(value).translate(PRIVATE)).strip()
    if re.search(f"[{HAN}]", text):
        text = re.sub(r" (?=[^A-Za-z0-9])|(?<=[^A-Za-z0-9]) ", "", half_width(text))
        text = text.replace("(", "（").replace(")", "）").replace("•", "·").replace("・", "·")
    else:
        text = half_width(text)
    if not re.search(r"[^\W\d_]", text) or not re.fullmatch(rf"[\w\s{HAN}（）()·、，,.&'’“”\"《》+/#@!-]+", text):
        raise Invalid("org_name_characters", "单位名称中有不能用的符号，请按营业执照填写。")
    if text.count("（") != text.count("）") or text.count("(") != text.count(")"):
        raise Invalid("org_name_brackets", "单位名称中的括号没有成对，请核对。")
    return _sized(text, 2, 100, "单位名称")


def check_address(value: str) -> str:
    """A postal address: 5 to 120 characters, not digits alone."""
    text = re.sub(r"\s+", " ", half_width(_printable(value)).translate(PRIVATE)).strip()
    if not re.search(f"[{HAN}A-Za-z]", text):
        raise Invalid("address_characters", "请填写完整的地址：省、市、县（区）、街道和门牌。")
    return _sized(text, 5, 120, "地址")


def check_text(value: str) -> str:
    """One line of printable text, up to 500 characters."""
    return _sized(re.sub(r"\s+", " ", _printable(value)).strip(), 1, 500, "内容")


def _printable(value: str) -> str:
    """Line breaks become spaces; control, unassigned and surrogate characters, and invisible marks are refused."""
    text = re.sub(r"[\r\n\t]+", " ", value)
    if any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn") and not _new_han(character) for character in text
    ):
        raise Invalid("text_characters", "内容中有看不见的字符，请重新输入。")
    return text.strip()


def _new_han(character: str) -> bool:
    """Ideographs newer than this Python's Unicode tables."""
    return 0x20000 <= ord(character) <= 0x3FFFF


def _sized(text: str, least: int, most: int, what: str) -> str:
    if len(text) < least:
        raise Invalid("too_short", f"{what}至少 {least} 个字，请填写完整。")
    if len(text) > most:
        raise Invalid("too_long", f"{what}最多 {most} 个字。")
    return text
