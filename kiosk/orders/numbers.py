"""Judges what a person types: numbers, names, addresses; one entry, `check`.

Sources: GB 11643 (resident identity number), GB 32100 (统一社会信用代码), GB 11714 (organisation code), ISO 7064
MOD 11,10 (15-digit business registration number). Check digits come from python-stdnum; its further tests are not
used, because they refuse real numbers: `cn.ric` knows no 居住证 of Hong Kong, Macao and Taiwan residents and ties a
county to the year of birth, `cn.uscc` knows no code that begins with a letter (N: rural collectives).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_10

from kiosk.orders.invalid import Invalid
from kiosk.orders.names import check_address, check_name, check_org_name, check_text, half_width

__all__ = ["DOCUMENT_TYPES", "Invalid", "applicants", "check"]

DOCUMENT_TYPES = {"id_card": "id_number", "passport": "passport", "officer": "officer", "other": "document"}
"""Type to check a document's number by, for each answer to 证件类型."""

MOST_APPLICANTS = 3
PROVINCES = frozenset(
    f"{tens}{ones}"
    for tens, last in ((1, 5), (2, 3), (3, 7), (4, 6), (5, 4), (6, 5), (7, 1), (8, 3))
    for ones in range(0 if tens == 5 else 1, last + 1)
)
CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def check(type: str, value: str) -> str:
    """The normalised value of a field of that type (`FormField.type`, or one of `DOCUMENT_TYPES`).

    Full-width becomes half-width in numbers, spaces go, letters of codes become capital. Raises Invalid when the value
    is not acceptable, KeyError for an unknown type. An empty value is Invalid("empty"): leave optional fields out.
    """
    judge = CHECKS[type]
    if len(value) > 2000:
        raise Invalid("too_long", "内容太长，请缩短后再填。")
    if not value.strip():
        raise Invalid("empty", "请填写内容。")
    return judge(value)


def compact(value: str) -> str:
    """Half-width, without spaces and dashes, upper case."""
    return re.sub(r"[\s\-\u2010-\u2015\u2212]", "", half_width(value)).upper()


def id_number(value: str) -> str:
    """GB 11643: 18 characters, region, date of birth, check digit.

    Also 居住证 of Hong Kong, Macao and Taiwan residents (81, 82, 83) and foreigners' permanent residence cards (9…).
    """
    number = compact(value)
    if re.fullmatch(r"[0-9]{15}", number):
        raise Invalid("id_number_old", "这是 15 位的旧号码，请填写 18 位身份证号码。")
    if len(number) != 18:
        raise Invalid("id_number_length", f"身份证号码应为 18 位，现在是 {len(number)} 位，请核对。")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise Invalid("id_number_characters", "身份证号码只有数字，最后一位可以是 X，请核对。")
    if (number[1:3] if number[0] == "9" else number[:2]) not in PROVINCES:
        raise Invalid("id_number_region", "身份证号码的前两位不对，请核对。")
    _born(number[6:14])
    if number[-1] != ric.calc_check_digit(number):
        raise Invalid("id_number_check_digit", "身份证号码有一位不对，请对照证件逐位核对。")
    return number


def _born(digits: str) -> date:
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise Invalid("id_number_date", "身份证号码中的出生日期不对，请核对第 7 到 14 位。") from None
    if born > today:
        raise Invalid("id_number_future", "身份证号码中的出生日期在今天之后，请核对第 7 到 14 位。")
    if born.year < 1900:
        raise Invalid("id_number_date", "身份证号码中的出生日期不对，请核对第 7 到 14 位。")
    return born


def credit_code(value: str) -> str:
    """GB 32100: 18 characters without I, O, S, V, Z; check digit."""
    code = compact(value)
    if len(code) != 18:
        raise Invalid("uscc_length", f"统一社会信用代码应为 18 位，现在是 {len(code)} 位，请核对。")
    if not re.fullmatch(rf"[{CODE_CHARACTERS}]{{2}}[0-9]{{6}}[{CODE_CHARACTERS}]{{10}}", code):
        raise Invalid("uscc_characters", "统一社会信用代码只有数字和大写字母，没有 I、O、S、V、Z，请核对。")
    if code[-1] != uscc.calc_check_digit(code[:17]):
        raise Invalid("uscc_check_digit", "统一社会信用代码有一位不对，请对照营业执照逐位核对。")
    return code


def organisation_code(value: str) -> str:
    """GB 11714: 8 characters and a check digit; written 12345678-9."""
    code = compact(value)
    if len(code) != 9:
        raise Invalid("org_code_length", f"组织机构代码应为 9 位，现在是 {len(code)} 位，请核对。")
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", code):
        raise Invalid("org_code_characters", "组织机构代码只有数字和大写字母，请核对。")
    rest = 11 - sum(int(character, 36) * weight for character, weight in zip(code[:8], ORG_WEIGHTS, strict=True)) % 11
    if code[8] != {10: "X", 11: "0"}.get(rest, str(rest)):
        raise Invalid("org_code_check_digit", "组织机构代码有一位不对，请逐位核对。")
    return f"{code[:8]}-{code[8]}"


def registration_number(value: str) -> str:
    """Business registration number: 15 digits with ISO 7064 MOD 11,10, 13 digits (before 2007), or the credit code."""
    number = compact(value)
    if len(number) == 18:
        return credit_code(number)
    if not re.fullmatch(r"[0-9]{13}|[0-9]{15}", number):
        raise Invalid("ic_registration_format", "工商注册号应为 15 位数字；三证合一的，请填写 18 位统一社会信用代码。")
    if len(number) == 15:
        try:
            mod_11_10.validate(number)
        except ValidationError:
            raise Invalid("ic_registration_check_digit", "工商注册号有一位不对，请对照营业执照核对。") from None
    return number


def social_insurance(value: str) -> str:
    """The unit's number at the social insurance office: no national form, 4 to 20 digits and letters."""
    return _matching(value, r"[0-9A-Z]{4,20}", "social_insurance_format", "社保编号应为 4 到 20 位数字或字母，请核对。")


def tax_number(value: str) -> str:
    """Taxpayer number: 18 = credit code or identity number; 15, 17 or 20 characters in the old forms."""
    number = compact(value)
    if len(number) == 18:
        try:
            return credit_code(number)
        except Invalid:
            if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
                raise
            try:
                return id_number(number)
            except Invalid:
                raise Invalid("tax_number_check_digit", "纳税人识别号有一位不对，请逐位核对。") from None
    return _matching(
        number, r"[0-9A-Z]{15}|[0-9A-Z]{17}|[0-9A-Z]{20}", "tax_number_format", "纳税人识别号应为 15 到 20 位，请核对。"
    )


def mobile(value: str) -> str:
    """Eleven digits from 13 to 19; a leading +86 goes."""
    number = re.sub(r"^(\+|00)86(?=1)", "", compact(value))
    return _matching(number, r"1[3-9][0-9]{9}", "mobile_format", "手机号应为 11 位数字，以 13 到 19 开头，请核对。")


def landline(value: str) -> str:
    """Area code, number, extension: 0731-85673213, 010-12345678-801; or a 400 / 800 line: 400-6682-666."""
    text = re.sub(r"[\s()（）]+", "-", half_width(value).strip()).strip("-")
    text = re.sub(r"[\-\u2010-\u2015\u2212]+", "-", re.sub(r"^(\+|00)86-?(?=[1-9])", "0", text))
    if service := re.fullmatch(r"([48]00)-?([0-9]{3,4})-?([0-9]{3,4})", text):
        if sum(map(len, service.groups())) == 10:
            return "-".join(service.groups())
    elif found := re.fullmatch(r"(010|02[0-57-9]|0[3-9][0-9]{2})-?([1-9][0-9]{6,7})(?:-([0-9]{1,6}))?", text):
        return "-".join(part for part in found.groups() if part)
    raise Invalid("phone_format", "请填写区号和座机号码，例如 0737-4112269。")


def email(value: str) -> str:
    """An address of ASCII characters; the domain becomes lower case."""
    text = half_width(value).strip()
    local, at, domain = text.rpartition("@")
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    if (
        not at
        or len(text) > 254
        or len(local) > 64
        or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", local)
        or not re.fullmatch(rf"({label}\.)+[A-Za-z]{{2,24}}", domain)
    ):
        raise Invalid("email_format", "电子邮箱不完整，应当像 name@example.com。")
    return f"{local}@{domain.lower()}"


def passport(value: str) -> str:
    """A passport of any state: 5 to 15 capital letters and digits, at least one digit."""
    return _matching(
        value, r"(?=.*[0-9])[0-9A-Z]{5,15}", "passport_format", "护照号码由字母和数字组成，请对照护照核对。"
    )


def officer(value: str) -> str:
    """Officer card: 军字第1234567号."""
    text = compact(value)
    found = re.fullmatch(r"([\u4e00-\u9fff]{1,4})字?第?([0-9A-Z]{4,10})号?", text)
    if not found or not any(character.isdigit() for character in found[2]):
        raise Invalid("officer_format", "请按军官证填写，例如：军字第1234567号。")
    return f"{found[1].removesuffix('第').removesuffix('字')}字第{found[2]}号"


def document(value: str) -> str:
    """A document of another kind: 4 to 30 letters, digits, Chinese characters."""
    return _matching(value, r"(?=.*[0-9])[0-9A-Z\u4e00-\u9fff()/]{4,30}", "document_format", "请对照证件填写号码。")


def any_document(value: str) -> str:
    """A number whose document is not known: 18 digits must be an identity number; else officer card or another."""
    number = compact(value)
    if re.fullmatch(r"[0-9]{15}|[0-9]{17}[0-9X]", number):
        return id_number(number)
    if number[:1] > "\u4dff" and "字第" in number:
        return officer(number)
    return document(number)


def bank_account(value: str) -> str:
    """8 to 32 digits."""
    return _matching(value, r"[0-9]{8,32}", "bank_account_format", "银行账号应为 8 到 32 位数字，请核对。")


def count(value: str) -> str:
    """1 to 99, as a number without leading zeros."""
    return str(int(_matching(value, r"0?[1-9]|[1-9][0-9]", "count_format", "请填写 1 到 99 的数字。")))


def applicants(value: str, most: int = MOST_APPLICANTS) -> tuple[tuple[str, str], ...]:
    """(name, identity number) of each person of "张三 430…; 李四 430…" (also one a line). Raises Invalid."""
    found: list[tuple[str, str]] = []
    for place, piece in enumerate(filter(None, (part.strip() for part in re.split(r"[\n;；]", value))), 1):
        parts = re.fullmatch(r"(.*?)[\s,，:：]*([0-9０-９][0-9０-９\s]{13,40}[0-9０-９XxＸｘ])", piece)
        if not parts:
            raise Invalid("applicants_format", f"第 {place} 位申请人请填写姓名和身份证号码。")
        person = (check("name", parts[1]), id_number(parts[2]))
        if person[1] in {number for _, number in found}:
            raise Invalid("applicants_twice", f"{person[0]}的身份证号码填写了两次。")
        found.append(person)
    if len(found) > most:
        raise Invalid("applicants_many", f"一次最多 {most} 位申请人。")
    return tuple(found)


def _applicants(value: str) -> str:
    return "；".join(" ".join(person) for person in applicants(value))


def _yes_no(value: str) -> str:
    return _matching(value.lower(), r"YES|NO", "yes_no_format", "请选择是或否。").lower()


def _matching(value: str, pattern: str, code: str, message: str) -> str:
    number = compact(value)
    if not re.fullmatch(pattern, number):
        raise Invalid(code, message)
    return number


CHECKS: dict[str, Callable[[str], str]] = {
    "text": check_text,
    "choice": check_text,
    "name": check_name,
    "org_name": check_org_name,
    "address": check_address,
    "uscc": credit_code,
    "org_code": organisation_code,
    "id_number": id_number,
    "id_document": any_document,
    "passport": passport,
    "officer": officer,
    "document": document,
    "phone": landline,
    "mobile": mobile,
    "email": email,
    "social_insurance": social_insurance,
    "ic_registration": registration_number,
    "tax_number": tax_number,
    "bank_account": bank_account,
    "count": count,
    "applicants": _applicants,
    "yes_no": _yes_no,
}
