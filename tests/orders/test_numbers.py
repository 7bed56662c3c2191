"""Numbers and names are normalised and judged; wrong check digits, and the documents' own samples, are refused."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from kiosk.orders.numbers import CHECKS, DOCUMENT_TYPES, Invalid, applicants, check

CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
UNHURRIED = settings(deadline=None)
PROVINCES = ["11", "15", "23", "37", "43", "46", "50", "54", "65", "71", "81", "82", "83"]


def with_digit(body: str) -> str:
    """An identity number of 17 digits, its check digit by the weights of GB 11643 written out."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def refused(kind: str, value: str) -> str:
    with pytest.raises(Invalid) as caught:
        check(kind, value)
    assert caught.value.message_zh.endswith("。") or caught.value.message_zh.endswith("com。")
    return caught.value.code


def outcome(kind: str, value: str) -> str:
    """The code of the refusal, '' where there is none."""
    try:
        check(kind, value)
    except Invalid as error:
        return error.code
    return ""


births = st.dates(min_value=date(1900, 1, 1), max_value=date.today() - timedelta(days=2))
identities = st.builds(
    lambda province, area, born, order: with_digit(f"{province}{area:04}{born:%Y%m%d}{order:03}"),
    st.sampled_from(PROVINCES), st.integers(0, 9999), births, st.integers(0, 999),
)  # fmt: skip
credit_codes = st.builds(
    lambda head, area, tail: f"{head}{area:06}{tail}" + uscc.calc_check_digit(f"{head}{area:06}{tail}"),
    st.sampled_from(["91", "12", "51", "93", "N2", "A1"]), st.integers(0, 999999),
    st.text(CODE, min_size=9, max_size=9),
)  # fmt: skip


@UNHURRIED
@given(identities)
def test_identity_numbers(number: str) -> None:
    assert check("id_number", number) == number
    assert number[-1] == ric.calc_check_digit(number)
    spaced = f" {number[:6]} {number[6:14]}-{number[14:].lower()} "
    assert check("id_number", spaced) == number
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    assert check("id_number", wide) == number


@UNHURRIED
@given(identities, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_found(number: str, place: int, shift: int) -> None:
    old = number[place]
    new = str((int(old) + shift) % 10) if old != "X" else str(shift)
    assert refused("id_number", number[:place] + new + number[place + 1 :]).startswith("id_number_")


@UNHURRIED
@given(identities, st.integers(0, 15))
def test_two_exchanged_digits_are_found(number: str, place: int) -> None:
    if number[place] != number[place + 1]:
        refused("id_number", number[:place] + number[place + 1] + number[place] + number[place + 2 :])


@pytest.mark.parametrize("number", ["430181196703240516", "430181196703240513"])
def test_the_samples_of_the_construction_platform(number: str) -> None:
    assert refused("id_number", number) == "id_number_check_digit"


def test_its_sample_code_is_no_code() -> None:
    refused("uscc", "913000000000000000")
    refused("org_code", "913000000000000000")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (with_digit("43010219900230001"), "id_number_date"),
        (with_digit("43010218990101001"), "id_number_date"),
        (with_digit(f"430102{date.today() + timedelta(days=2):%Y%m%d}001"), "id_number_future"),
        (with_digit("99990219900101001"), "id_number_region"),
        (with_digit("16010219900101001"), "id_number_region"),
        ("430102900101001", "id_number_old"),
        ("43010219900101", "id_number_length"),
        ("4301021990010100XX", "id_number_characters"),
        ("٤30102199001010015", "id_number_characters"),
    ],
)
def test_wrong_identity_numbers(value: str, code: str) -> None:
    assert refused("id_number", value) == code


def test_residents_without_mainland_registration() -> None:
    for body in ("81000019900101001", "82000019900101001", "83000019900101001", "94384019900101001"):
        assert check("id_number", with_digit(body))


@UNHURRIED
@given(credit_codes)
def test_credit_codes(code: str) -> None:
    assert check("uscc", code.lower()) == code
    assert check("tax_number", code) == code
    assert check("ic_registration", code) == code


@UNHURRIED
@given(credit_codes, st.integers(8, 16), st.sampled_from(CODE))
def test_one_wrong_character_of_a_credit_code_is_found(code: str, place: int, other: str) -> None:
    if other != code[place]:
        assert refused("uscc", code[:place] + other + code[place + 1 :]) == "uscc_check_digit"


@pytest.mark.parametrize("letter", "IOSVZ")
def test_letters_a_credit_code_never_has(letter: str) -> None:
    assert refused("uscc", f"91430102MA{letter}1234567") == "uscc_characters"


@pytest.mark.parametrize("code", ["D2143569-X", "D2143569X", "d2143569x", "00000000-0"])
def test_organisation_codes(code: str) -> None:
    assert check("org_code", code) == code.upper().replace("-", "")[:8] + "-" + code[-1].upper()


@UNHURRIED
@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=8))
def test_one_organisation_check_digit_fits(body: str) -> None:
    codes = [outcome("org_code", body + digit) for digit in "0123456789X"]
    assert codes.count("") == 1
    assert codes.count("org_code_check_digit") == 10


@UNHURRIED
@given(st.text("0123456789", min_size=14, max_size=14))
def test_business_registration_numbers(body: str) -> None:
    right = body + mod_11_10.calc_check_digit(body)
    assert check("ic_registration", right) == right
    wrong = body + str((int(right[-1]) + 1) % 10)
    assert refused("ic_registration", wrong) == "ic_registration_check_digit"


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("mobile", "+86 153-4567-8901", "15345678901"),
        ("mobile", "１５３４５６７８９０１", "15345678901"),
        ("phone", "073185673213", "0731-85673213"),
        ("phone", "（0731）85673213", "0731-85673213"),
        ("phone", "+86 731 85673213", "0731-85673213"),
        ("phone", "010-82345678-801", "010-82345678-801"),
        ("phone", "4006682666", "400-6682-666"),
        ("phone", "400-112-3838", "400-112-3838"),
        ("email", "10243679188@qq.Com", "10243679188@qq.com"),
        ("email", "ａ.b+c@sub.example.cn", "a.b+c@sub.example.cn"),
        ("passport", "e 12345678", "E12345678"),
        ("officer", "军字第1234567号", "军字第1234567号"),
        ("officer", "南1234567", "南字第1234567号"),
        ("id_document", "e12345678", "E12345678"),
        ("social_insurance", "4309 00012345", "430900012345"),
        ("count", "03", "3"),
        ("yes_no", "Yes", "yes"),
        ("name", "买买提•艾力", "买买提·艾力"),
        ("name", " 张　三 ", "张三"),
        ("name", "𠮷田䶮", "𠮷田䶮"),
        ("name", "王𬭼", "王𬭼"),
        ("name", "王\ue863", "王䶮"),
        ("name", "O’Neil  Smith-Jones", "O'Neil Smith-Jones"),
        ("name", "José Núñez", "José Núñez"),
        ("org_name", "湖南(省)某某 有限公司", "湖南（省）某某有限公司"),
        ("org_name", "XX开发有限公司", "XX开发有限公司"),
        ("org_name", "Acme Tools & Co., Ltd.", "Acme Tools & Co., Ltd."),
        ("address", "湖南省长沙市\n潇湘南路１号", "湖南省长沙市 潇湘南路1号"),
        ("bank_account", "6222 0000 1234 5678", "6222000012345678"),
    ],
)
def test_normal_forms(kind: str, value: str, normal: str) -> None:
    assert check(kind, value) == normal
    assert check(kind, normal) == normal


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("mobile", "12345678901"), ("mobile", "1534567890"), ("phone", "85673213"), ("phone", "15345678901"),
        ("phone", "0000-1234567"), ("email", "a@b"), ("email", "a..b@c.com"), ("email", "a b@c.com"),
        ("email", "甲@c.com"), ("email", "a@-c.com"), ("passport", "ABCDEFG"), ("passport", "12"),
        ("officer", "1234567"), ("name", "王"), ("name", "张三3"), ("name", "·张三"), ("name", "张··三"),
        ("name", "张\u200b三"), ("name", "<b>张三</b>"), ("name", "张三" * 30), ("name", "-"), ("org_name", "公司（一"),
        ("org_name", "12345"), ("org_name", "公司<script>"), ("address", "12345678"), ("address", "长沙"),
        ("tax_number", "12345"), ("social_insurance", "号码"), ("count", "0"), ("count", "100"), ("text", "\u202eabc"),
        ("yes_no", "maybe"), ("bank_account", "1234567"), ("mobile", "   "), ("text", "字" * 3000),
    ],
)  # fmt: skip
def test_refusals(kind: str, value: str) -> None:
    assert refused(kind, value)


@UNHURRIED
@given(identities, identities)
def test_applicants(first: str, second: str) -> None:
    people = applicants(f"张三 {first}\n李四，{second.lower()}") if first != second else ()
    if people:
        assert people == (("张三", first), ("李四", second))
        assert check("applicants", f"张三{first}；李四 {second}") == f"张三 {first}；李四 {second}"
    assert refused("applicants", f"张三 {first}; 李四 {first}") == "applicants_twice"


def test_at_most_three_applicants() -> None:
    numbers = [with_digit(f"4301021990010100{n}") for n in range(4)]
    text = ";".join(f"张{name} {number}" for name, number in zip("一二三四", numbers, strict=True))
    assert refused("applicants", text) == "applicants_many"
    assert len(applicants(text, most=4)) == 4
    assert refused("applicants", "张三") == "applicants_format"


@UNHURRIED
@given(st.sampled_from(sorted(CHECKS)), st.text(max_size=80))
def test_anything_is_judged_and_normal_forms_stay(kind: str, value: str) -> None:
    if code := outcome(kind, value):
        assert code.replace("_", "").isalnum()
    else:
        normal = check(kind, value)
        assert check(kind, normal) == normal


def test_types_of_documents() -> None:
    assert set(DOCUMENT_TYPES.values()) <= set(CHECKS)
    with pytest.raises(KeyError):
        check("shoe_size", "43")
