"""The application forms: every value on every copy, boxes ticked, longest and hostile values, the same bytes again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest

from kiosk.documents import fonts
from kiosk.documents.errors import FontsMissing, PageOverflow, PictureRefused, TextMissing, UnknownPaper, ValueTooLong
from kiosk.documents.press import Press

COPIES = ["第一联 湖南CA留存", "第二联 用户留存"]
UNIT_FIELDS = (
    "unit_name", "uscc", "social_insurance_no", "legal_name", "legal_id", "agent_name", "agent_id", "landline",
    "mobile", "address", "email",
)  # fmt: skip
PERSON_FIELDS = (
    "name", "id_number", "mobile", "email", "address", "agent_name", "agent_id", "agent_mobile", "agent_email",
    "agent_address", "remark",
)  # fmt: skip
LONG_NAME = "湖南省长沙市岳麓区䶮㛃" * 5 + "建设工程公司第二分公司"
LONG_ADDRESS = "湖南省益阳市赫山区迎宾东路355号" * 5 + "市民之家三楼东厅一号自助终端旁边的窗口"


def test_unit_form_shows_every_value_on_every_copy(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    pdf = press.form("unit_application", unit, COPIES)
    for page, name in enumerate(COPIES, 1):
        text = text_of(pdf, page)
        assert name.replace(" ", "") in text
        assert [field for field in UNIT_FIELDS if unit[field] not in text] == []
        assert "所填内容全部属实。愿意承担相应责任。" in text
        assert "2026年11月21日" in text
        assert "ab" * 32 in text
        assert unit["order_number"] in text
    assert len(pypdfium2.PdfDocument(pdf)) == len(COPIES)


def test_personal_form_shows_every_value(press: Press, person: dict[str, Any], text_of: Callable[..., str]) -> None:
    pdf = press.form("personal_application", person, COPIES)
    for page in (1, 2):
        text = text_of(pdf, page)
        assert [field for field in PERSON_FIELDS if person[field] not in text] == []


def test_housing_form_has_its_third_copy_and_its_own_fields(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    names = (*UNIT_FIELDS, "unit_type", "project_name", "seal_type", "ic_registration_no", "replace_cause")
    fields = [{"name": name, "label": name, "required": True} for name in names if name != "social_insurance_no"]
    fields[-1] |= {"label": "补办原因", "options": [{"code": "lost", "label": "UKey 丢失"}]}
    data = unit | {
        "fields": fields,
        "project_name": "诚信认证平台",
        "seal_type": "scanned",
        "ic_registration_no": "430900000001234",
        "replace_cause": "lost",
    }
    third = "第三联 常德市住房和城乡建设局信息中心留存"
    pdf = press.form("unit_application", data, [*COPIES, third])
    text = text_of(pdf, 3)
    for wanted in (third, "诚信认证平台", "扫描章", "430900000001234", "工商注册号", "补办原因：UKey丢失"):
        assert wanted.replace(" ", "") in text
    assert "社保编号" not in text


def test_only_the_chosen_box_is_ticked(
    press: Press, unit: dict[str, Any], picture_of: Callable[..., np.ndarray]
) -> None:
    pdf = press.form("unit_application", unit, [""])
    page, picture = pypdfium2.PdfDocument(pdf)[0], picture_of(pdf)
    ticked = {
        label
        for label in ("企业", "机关", "工会", "新办", "延期", "更新", "废除", "补办")
        if _ink(page, picture, label)
    }
    assert ticked == {"企业", "延期"}


def _ink(page: Any, picture: np.ndarray, label: str) -> bool:
    """Whether there is ink inside the box at the left of a label: its last place on the page with a box there."""
    text_page = page.get_textpage()
    search, scale, found = text_page.search(label), picture.shape[0] / page.get_height(), []
    while (hit := search.get_next()) is not None:
        left, bottom, _, top = text_page.get_charbox(hit[0])
        x, y = left * scale, picture.shape[0] - (bottom + top) / 2 * scale
        inner = picture[int(y - 4) : int(y + 9), int(x - 30) : int(x - 14)]
        around = picture[int(y - 20) : int(y + 20), int(x - 42) : int(x - 6)]
        if (around < 100).sum() > 120:
            found.append((inner < 100).mean() > 0.1)
    assert found, f"no box at {label}"
    return any(found)


def test_fonts_are_embedded_subsets_and_the_file_says_pdf_a(press: Press, unit: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "form.pdf"
    path.write_bytes(press.form("unit_application", unit, COPIES))
    lines = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert {line.split()[0].split("+")[1].replace("-", "") for line in lines} == {
        "NotoSerifCJKSC", "NotoSerifCJKSCBold", "NotoSansCJKSC",
    }  # fmt: skip
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in lines)
    metadata = subprocess.run(["pdfinfo", "-meta", path], capture_output=True, text=True, check=True).stdout
    assert 'part="2"' in metadata or "part>2<" in metadata
    assert b"/GTS_PDFA1" in _plain(path)


def _plain(path: Path) -> bytes:
    """All objects of the file, object streams unpacked."""
    import pyhanko.pdf_utils.reader as reader

    with path.open("rb") as stream:
        return repr(reader.PdfFileReader(stream).root["/OutputIntents"][0].get_object()).encode()


def test_longest_values_fit_their_page(
    press: Press, unit: dict[str, Any], person: dict[str, Any], text_of: Callable[..., str]
) -> None:
    assert len(LONG_NAME) >= 64
    assert len(LONG_ADDRESS) >= 100
    long_mail = "a" * 40 + "@" + "b" * 50 + ".cn"
    unit |= {
        "unit_name": LONG_NAME,
        "address": LONG_ADDRESS,
        "email": long_mail,
        "legal_name": "ABDULLAH MOHAMMED " * 2,
        "agent_name": "阿卜杜拉·穆罕默德·" * 5,
        "landline": "0737-41122690000000",
        "social_insurance_no": "4" * 20,
        "unit_type": "other",
        "unit_type_other": "农民专业合作社联合社办事处驻益阳站",
    }
    person |= {
        "name": "阿卜杜拉·穆罕默德·" * 5,
        "address": LONG_ADDRESS,
        "agent_address": LONG_ADDRESS,
        "email": long_mail,
        "id_number": "X" * 30,
        "agent_name": "WOLFESCHLEGELSTEINHAUSENBERGERDORFF MAXIMILIAN WWW",
        "remark": "备注" * 50,
        "id_type": "other",
        "id_type_other": "外国人永久居留身份证",
    }
    for code, data in (("unit_application", unit), ("personal_application", person)):
        pdf = press.form(code, data, COPIES)
        text = text_of(pdf, 2)
        assert len(pypdfium2.PdfDocument(pdf)) == 2
        assert LONG_ADDRESS in text
        assert long_mail in text
        for key in ("unit_name", "name", "agent_name", "unit_type_other", "id_type_other", "remark"):
            assert "".join(data.get(key, "").split()) in text


def test_values_too_long_for_any_size_are_refused_by_name(press: Press, unit: dict[str, Any]) -> None:
    with pytest.raises(ValueTooLong) as refused:
        press.form("unit_application", unit | {"address": "长" * 400}, [""])
    assert refused.value.facts["field"] == "address"


def test_long_declarations_are_set_smaller_and_endless_ones_refused(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    long = ["本单位保证所填内容与提交的材料真实完整，愿意承担由此产生的一切责任。"] * 12
    pdf = press.form("unit_application", unit | {"declaration": long}, [""])
    assert "".join(long) in text_of(pdf)
    with pytest.raises(ValueTooLong):
        press.form("unit_application", unit | {"declaration": long * 5}, [""])


def test_a_part_that_would_run_into_the_next_is_refused(press: Press, person: dict[str, Any]) -> None:
    services = [{"code": f"s{number}", "name": f"第{number}种业务名称"} for number in range(40)]
    with pytest.raises(PageOverflow):
        press.form("personal_application", person | {"services": services}, [""])


def test_hostile_values_are_inert(press: Press, unit: dict[str, Any], text_of: Callable[..., str]) -> None:
    attack = "<script>alert(1)</script>{{7*7}}{%raw%}"
    data = unit | {
        "unit_name": attack,
        "legal_name": "张\u202e三\u2066\x00\x1b[31m\u200f",
        "address": '"><img src="file:///etc/hostname"><style>*{display:none}</style>',
        "agent_name": "عمر حسن",
        "scheme_name": "</style><b>",
    }
    text = text_of(press.form("unit_application", data, [""]))
    assert attack in text
    assert "张三[31m" in text
    assert '"><imgsrc="file:///etc/hostname">' in text
    assert not {"\u202e", "\u2066", "\u200f", "\x1b"} & set(text)
    html = press.preview("unit_application", data, [""])
    assert "<script" not in html
    assert 'src="file:' not in html


def test_pictures_must_be_small_pngs_or_jpegs(press: Press, unit: dict[str, Any], tmp_path: Path) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'
    for bad in (svg, b"", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "text", {"image": unit["seal"], "width_mm": 900}):
        with pytest.raises(PictureRefused):
            press.form("unit_application", unit | {"seal": bad}, [""])
    with pytest.raises(PictureRefused):
        press.form("unit_application", unit | {"seal": {"path": str(tmp_path / "none.png"), "width_mm": 40}}, [""])


def test_same_data_gives_the_same_bytes(press: Press, unit: dict[str, Any]) -> None:
    first = press.form("unit_application", unit, [""])
    assert press.form("unit_application", unit, [""]) == first
    with Press() as other:
        assert other.form("unit_application", unit, [""]) == first
    assert press.form("unit_application", unit | {"mobile": "13800138001"}, [""]) != first


def test_preview_is_the_same_html_with_its_style(press: Press, unit: dict[str, Any]) -> None:
    html = press.preview("unit_application", unit, COPIES)
    assert html.count('<section class="page">') == 2
    assert "<style>" in html
    assert "http" not in html.replace("http-equiv", "")
    assert "__SANS__" not in html
    assert all(unit[field] in html for field in UNIT_FIELDS)


def test_unknown_papers_missing_texts_and_missing_fonts_are_refused(
    press: Press, unit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownPaper):
        press.form("../../etc/passwd", unit, [""])
    with pytest.raises(TextMissing):
        press.form("unit_application", unit | {"agreements": []}, [""])
    with pytest.raises(ValueError, match="copies"):
        press.form("unit_application", unit, [])
    with Press(sans="No Such Family") as lacking:
        assert lacking.check()["code"] == "fonts_missing"
        with pytest.raises(FontsMissing):
            lacking.form("unit_application", unit, [""])
    assert press.check()["level"] == "fine"
    assert fonts.installed()[0] == ""
    assert fonts.installed(("No Such Font",))[0] == "fonts_missing"
    monkeypatch.setattr(fonts, "SUBSETTER", "libnot-there.so.0")
    assert fonts.installed()[0] == "harfbuzz_subset_missing"


def test_one_of_two_codes_is_marked_as_required(press: Press, unit: dict[str, Any]) -> None:
    fields = [
        {"name": name, "label": name, "required": True, "either": "unit_code" if name.endswith("code") else ""}
        for name in ("unit_name", "org_code", "unit_code")
    ]
    fields[2]["name"] = "uscc"
    fields[2]["either"] = "unit_code"
    marked = press.preview("unit_application", unit | {"fields": fields}, [""])
    assert '<b class="star">*</b>统一社会信用代码' in marked
    assert '<b class="star">*</b>单位组织机构代码' not in marked
    neither = press.preview("unit_application", unit | {"fields": fields, "uscc": ""}, [""])
    assert '<b class="star">*</b>单位组织机构代码' in neither


def test_every_accepted_text_stands_in_the_foot(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    text = text_of(press.form("unit_application", unit, [""]))
    assert "已接受《申请责任书》版本2026-11（示范文本）SHA-256" + "ab" * 32 in text
    assert f"《声明》1{('cd' * 32)[:12]}…" in text
    alone = unit | {"agreements": unit["agreements"][1:], "declaration": ["属实。"]}
    assert "已接受《声明》版本1（示范文本）SHA-256" + "cd" * 32 in text_of(press.form("unit_application", alone, [""]))


def test_who_signs_for_another_does_not_sign_in_his_place(press: Press, person: dict[str, Any]) -> None:
    pictures = [press.preview("personal_application", person | {"agent": agent}, [""]) for agent in (False, True)]
    sides = [[("left:58.0mm" in html), ("left:138.0mm" in html)] for html in pictures]
    assert sides == [[True, False], [False, True]], "the applicant's line, or the agent's"


def test_other_applicants_of_the_order_stand_in_the_remark(
    press: Press, person: dict[str, Any], text_of: Callable[..., str]
) -> None:
    field = {"name": "more_applicants", "label": "一同办理的其他申请人", "type": "applicants"}
    names = ("name", "id_number", "mobile", "remark")
    data = person | {
        "fields": [*({"name": name, "label": name} for name in names), field],
        "more_applicants": "罗假设 430702199512129994",
    }
    text = text_of(press.form("personal_application", data, [""]))
    assert "一同办理的其他申请人：罗假设430702199512129994" in text


def test_the_box_says_why_it_stays_empty(press: Press, unit: dict[str, Any], text_of: Callable[..., str]) -> None:
    text = text_of(press.form("unit_application", unit | {"capture_note": "本次业务不采集。"}, [""]))
    assert "本次业务不采集。" in text
    assert "请盖在下方框内" not in text
