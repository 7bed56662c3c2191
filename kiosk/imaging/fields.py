"""From lines of read text to the fields of a business licence or an ID card. Check digits decide, never likelihood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

SURE = 0.88
_CODE_CHARS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")
_NUMBER = re.compile(r"\d{17}[\dX]")
_PERIOD = re.compile(r"(\d{4})\D?(\d{2})\D?(\d{2})\D{1,3}(?:(\d{4})\D?(\d{2})\D?(\d{2})|长期)")
LICENCE_LABELS = {
    "name": ("企业名称", "单位名称", "名称"),
    "legal_representative": ("法定代表人", "负责人", "经营者", "投资人"),
    "address": ("住所", "营业场所", "经营场所", "主要经营场所"),
}
_WIDE = {"名": "称", "住": "所", "类": "型"}
_OTHERS = ("类型", "注册资本", "成立日期", "营业期限", "经营范围", "登记机关", "统一社会信用代码", "组成形式")


@dataclass(frozen=True)
class Line:
    """One line of text with its box in pixels and the recogniser's confidence, 0..1."""

    text: str
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


def credit_code_valid(code: str) -> bool:
    """GB 32100-2015: weighted sum of 17 places modulo 31."""
    if not _CODE.fullmatch(code):
        return False
    total = sum(_CODE_CHARS.index(char) * pow(3, place, 31) for place, char in enumerate(code[:17]))
    return _CODE_CHARS[(31 - total % 31) % 31] == code[17]


def id_number_valid(number: str) -> bool:
    """GB 11643-1999: ISO 7064 MOD 11-2 over 17 digits, and a date of birth that exists."""
    if not _NUMBER.fullmatch(number):
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    if "10X98765432"[total % 11] != number[17]:
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return True


def credit_code(texts: list[str]) -> str:
    """The one credit code in the texts whose check digit is right; empty if there is none or they disagree."""
    found = set()
    for text in texts:
        flat = re.sub(r"\s", "", text).upper().replace("O", "0").replace("I", "1")
        found |= {flat[k : k + 18] for k in range(len(flat) - 17) if credit_code_valid(flat[k : k + 18])}
    return found.pop() if len(found) == 1 else ""


def licence(lines: list[Line], codes: tuple[str, ...] = ()) -> dict[str, str]:
    """name, credit_code, legal_representative, address; what is not sure is an empty string."""
    texts = [line.text for line in lines]
    lines = _labels_joined(lines)
    out = {"credit_code": credit_code(list(codes)) or credit_code(texts)}
    every = [label for labels in LICENCE_LABELS.values() for label in labels] + list(_OTHERS)
    for key, labels in LICENCE_LABELS.items():
        out[key] = _value(lines, labels, every, wraps=key == "address")
    return out


def id_front(lines: list[Line]) -> dict[str, str]:
    """name and number of the side with the portrait; the number only with a right check digit."""
    numbers = set()
    for line in lines:
        flat = re.sub(r"[^0-9Xx]", "", line.text).upper()
        numbers |= {flat[k : k + 18] for k in range(len(flat) - 17) if id_number_valid(flat[k : k + 18])}
    others = ["姓名", "性别", "民族", "出生", "住址", "公民身份号码"]
    name = _value(lines, ("姓名",), others, wraps=False)
    return {"name": re.sub(r"[^\u3400-\u9fff·]", "", name), "number": numbers.pop() if len(numbers) == 1 else ""}


def id_back(lines: list[Line]) -> dict[str, str]:
    """valid_from and valid_to (ISO dates; '长期' where the card has no end)."""
    for line in lines:
        found = _PERIOD.search(line.text.replace(" ", ""))
        if found is None or line.score < SURE:
            continue
        try:
            begins = date(*(int(found[k]) for k in (1, 2, 3)))
            ends = date(*(int(found[k]) for k in (4, 5, 6))).isoformat() if found[4] else "长期"
        except ValueError:
            continue
        return {"valid_from": begins.isoformat(), "valid_to": ends}
    return {"valid_from": "", "valid_to": ""}


def _labels_joined(lines: list[Line]) -> list[Line]:
    """Labels of two characters printed wide apart (名　　称) are found as two lines: make one of them."""
    out = list(lines)
    for first in lines:
        second = _WIDE.get(first.text.strip())
        right = [line for line in lines if line is not first and _beside(first, line)] if second else []
        near = min(right, key=lambda line: line.left, default=None)
        if near is not None and second and near.text.lstrip().startswith(second):
            text, score = first.text.strip() + near.text.lstrip(), min(first.score, near.score)
            out = [line for line in out if line is not first and line is not near]
            out.append(Line(text, score, first.left, near.top, near.right, near.bottom))
    return sorted(out, key=lambda line: (line.middle, line.left))


def _value(lines: list[Line], labels: tuple[str, ...], every: list[str], wraps: bool) -> str:
    """The text beside a label: in the same line after it, or in the nearest box to the right on its row."""
    for line in lines:
        flat = line.text.replace(" ", "").replace(":", "").replace("：", "")
        label = next((name for name in labels if flat.startswith(name)), None)
        if label is None:
            continue
        found, text = line, flat[len(label) :]
        if not text:
            right = [other for other in lines if other is not line and _beside(line, other)]
            if not right:
                continue
            found = min(right, key=lambda other: other.left)
            text = "" if _is_label(found, every) else found.text.replace(" ", "")
        more = _wrapped(lines, found, every) if wraps else ""
        return text + more if text and found.score >= SURE and more is not None else ""
    return ""


def _beside(label: Line, other: Line) -> bool:
    return other.left > label.right - label.height and abs(other.middle - label.middle) < 0.7 * label.height


def _is_label(line: Line, every: list[str]) -> bool:
    flat = line.text.replace(" ", "")
    return any(flat.startswith(name) for name in every)


def _wrapped(lines: list[Line], first: Line, every: list[str]) -> str | None:
    """The second line of a value that was too long for one: directly below, no label; None where it is not sure."""
    for other in lines:
        below = 0.6 * first.height < other.middle - first.middle < 1.7 * first.height
        starts = abs(other.left - first.left) < 2.5 * first.height or first.left < other.left < first.right
        if other is not first and below and starts and not _is_label(other, every):
            return other.text.replace(" ", "") if other.score >= SURE else None
    return ""
