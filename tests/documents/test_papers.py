"""The other papers: what stands on them, on how many pages, and that a catalogue's own form needs no layout of its
own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest

from kiosk.documents.errors import PageOverflow, TextMissing
from kiosk.documents.press import Press

LEVELS = [
    {"name": "审批", "who": "益阳市不动产登记中心"},
    {"name": "核准", "who": "益阳市不动产登记中心", "decision": "同意"},
]
DECLARATION = [f"声明第{number}条，资料发生变化的，在三天内提交变更后的资料。" for number in range(1, 5)]


def _pages(pdf: bytes) -> int:
    return len(pypdfium2.PdfDocument(pdf))


def _lacking(text: str, wanted: list[str]) -> list[str]:
    return [piece for piece in wanted if "".join(piece.split()) not in text]


def test_responsibility_carries_every_article_its_version_and_the_sample_mark(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    pdf = press.form("responsibility", unit, ["湖南CA留存"])
    articles = unit["agreements"][0]["text"]
    assert _lacking(text_of(pdf), [*articles, "示范文本", "2026-11", "ab" * 32, unit["unit_name"], "受理日期"]) == []
    unit["agreements"][0] |= {"sample": False, "text": [text * 9 for text in articles]}
    longer = press.form("responsibility", unit, ["一", "二"])
    assert _pages(longer) % 2 == 0
    assert _pages(longer) > 2
    assert "示范文本" not in text_of(longer)
    with pytest.raises(TextMissing):
        press.form("responsibility", unit | {"agreements": []}, [""])


def test_authorisation_counts_what_is_delegated(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    text = text_of(press.form("authorisation", unit | {"counts": {"renew": 2, "freeze": 3}}, [""]))
    wanted = [
        unit["unit_name"],
        unit["uscc"],
        unit["agent_name"],
        unit["agent_id"],
        unit["legal_id"],
        "湖南CA",
        "不得转委托",
    ]
    assert _lacking(text, wanted) == []
    assert "签章延期2" in text
    assert "签章延期1" in text_of(press.form("authorisation", unit, [""]))


@pytest.mark.parametrize("levels", [1, 2])
def test_approval_has_its_levels_and_applicants(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str], levels: int
) -> None:
    people = [{"name": "张䶮", "number": "430181196703240514"}, {"name": "李𠮷", "number": "430903199001011234"}]
    data = (
        unit | {"levels": LEVELS[:levels], "declaration": DECLARATION} | ({"applicants": people} if levels == 2 else {})
    )
    pdf = press.form("approval", data, [""])
    text = text_of(pdf)
    assert _pages(pdf) == 1
    assert text.count("个人证书申请人") == (3 if levels == 2 else 0)
    assert ("核准意见" in text) == (levels == 2)
    assert _lacking(text, [*DECLARATION, "审批意见", unit["unit_name"], unit["legal_id"], unit["address"]]) == []


def test_applicants_may_come_as_one_text(press: Press, unit: dict[str, Any], text_of: Callable[..., str]) -> None:
    data = unit | {"levels": LEVELS, "applicants": "张䶮 430181196703240514；李𠮷，430903199001011234"}
    text = text_of(press.form("approval", data, [""]))
    assert "张䶮身份证号码430181196703240514" in text
    assert "李𠮷身份证号码430903199001011234" in text


def test_a_form_without_layout_is_set_from_the_catalogue_alone(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    def field(name: str, label: str, group: str, kind: str = "text", **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "group_title": group, "type": kind, "required": True, **more}

    options = [{"code": "yes", "label": "开具"}, {"code": "no", "label": "不开具"}]
    fields = [
        field("unit_name", "机构名称", "单位信息", "org_name"),
        field("address", "单位地址", "单位信息", "address"),
        field("legal_name", "法人姓名", "法人信息"),
        field("legal_id", "法人身份证号码", "法人信息"),
        field("invoice", "电子发票", "发票信息", "choice", options=options),
        field("invoice_title", "发票抬头", "发票信息", "org_name", only_if="invoice=yes"),
    ]
    data = unit | {"fields": fields, "title": "电子招投标数字证书申请表", "invoice": "no", "years": 1, "amount": 35000}
    pdf = press.form("szca_application", data, ["用户留存"])
    text = text_of(pdf)
    assert _pages(pdf) == 1
    assert (
        _lacking(text, ["电子招投标数字证书申请表", "机构名称", unit["unit_name"], "350.00元", "1年", "单位信息"]) == []
    )
    assert "发票抬头" not in text
    many = [field(f"extra_{number}", f"第{number}项", "其他信息", "address") for number in range(50)]
    with pytest.raises(PageOverflow):
        press.form("certificate_application", data | {"fields": many}, [""])
    with pytest.raises(TextMissing):
        press.form("certificate_application", data | {"fields": []}, [""])


def test_review_notice_names_the_material_and_what_to_do(
    press: Press, unit: dict[str, Any], text_of: Callable[..., str]
) -> None:
    reason = {"material": "法定代表人身份证复印件", "reason": "没有加盖公章", "remedy": "盖章后重新扫描"}
    rejected = text_of(press.form("review_notice", unit | {"result": "rejected", "reasons": [reason]}, [""]))
    assert _lacking(rejected, [*reason.values(), "审核未通过", unit["unit_name"]]) == []
    assert "审核通过" in text_of(press.form("review_notice", unit | {"result": "approved"}, [""]))


def test_capture_sheets_name_their_owner(
    press: Press, unit: dict[str, Any], person: dict[str, Any], text_of: Callable[..., str]
) -> None:
    seal = text_of(press.form("seal_sheet", unit | {"seal_type": "scanned"}, ["湖南CA留存"]))
    assert _lacking(seal, [unit["unit_name"], unit["uscc"], "扫描章", "100mm"]) == []
    signature = text_of(press.form("signature_sheet", person, [""]))
    assert _lacking(signature, [person["name"], person["id_number"], "扫描手写签名"]) == []


@pytest.mark.parametrize(
    ("code", "name", "ticked"), [("renew", "证书更新", "更新"), ("new", "开通", "新办"), ("freeze", "冻结", "冻结")]
)
def test_a_letter_ticks_the_schemes_own_word(
    press: Press, unit: dict[str, Any], code: str, name: str, ticked: str
) -> None:
    data = unit | {"service": code, "service_name": name, "services": [{"code": code, "name": name}]}
    html = press.preview("authorisation", data, [""])
    assert [
        line.partition("电子签章")[2].partition("<")[0] for line in html.splitlines() if "choice ticked" in line
    ] == [ticked]
