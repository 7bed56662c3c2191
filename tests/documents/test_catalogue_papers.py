"""The shipped catalogue's own forms, with the longest values their fields allow: every paper keeps to its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2
import pytest

from kiosk.catalogue import load
from kiosk.documents.geometry import GEOMETRIES
from kiosk.documents.press import Press

LONGEST = {
    "org_name": "湖南省䶮㛃建设工程有限责任公司" * 4 + "分公司十二",
    "name": "阿卜杜拉·穆罕默德·买买提·依明江·吐尔逊",
    "address": "湖南省益阳市赫山区迎宾东路355号" * 5 + "市民之家三楼东厅一号自助终端旁边的窗口",
    "uscc": "91430900MA4L2B3C5X",
    "org_code": "MA4L2B3C-5",
    "id_number": "430903199001011234",
    "id_document": "430903199001011234",
    "mobile": "13800138000",
    "phone": "0737-4112269-80012",
    "email": "a" * 40 + "@" + "b" * 55 + ".cn",
    "applicants": "张䶮 430181196703240514；李𠮷 430903199001011234；王堃 430903199001011235",
    "yes_no": "yes",
}


def _cases() -> Iterator[Any]:
    """Of each scheme and document, the form with the most fields."""
    for scheme in load().schemes.values():
        largest: dict[str, tuple[int, Any]] = {}
        for service in scheme.services.values():
            for kind, offer in service.offers.items():
                form = scheme.forms[offer.form]
                for paper in offer.papers:
                    if (
                        paper.form.endswith(("_application", "approval"))
                        and len(form.fields) > largest.get(paper.form, (0, None))[0]
                    ):
                        largest[paper.form] = (len(form.fields), (scheme, service, kind, offer, form, paper))
        for code, (_, case) in largest.items():
            yield pytest.param(*case, id=f"{scheme.code}-{code}")


@pytest.mark.parametrize(("scheme", "service", "kind", "offer", "form", "paper"), list(_cases()))
def test_longest_answers_stay_on_the_page(
    press: Press,
    common: dict[str, Any],
    text_of: Callable[..., str],
    scheme: Any,
    service: Any,
    kind: Any,
    offer: Any,
    form: Any,
    paper: Any,
) -> None:
    answers = {
        field.name: field.options[-1].code if field.options else LONGEST.get(field.type, "其他内容十二个字左右吧")
        for field in form.fields
    }
    data = common | answers | {
        "fields": form.model_dump()["fields"],
        "title": form.title,
        "kind": kind.value,
        "service": service.code,
        "services": [{"code": each.code, "name": each.name} for each in scheme.services.values()],
        "agreements": [
            agreement.model_dump() | {"sha256": agreement.sha256}
            for agreement in (scheme.agreements[code] for code in offer.agreements)
        ],
        "levels": [{"name": level.name, "who": level.who} for level in service.review],
        "years": 5,
        "amount": 120000,
    }  # fmt: skip
    pdf = press.form(paper.form, data, paper.copies[:1])
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    text = text_of(pdf, 1)
    shown = [name for name, value in answers.items() if "".join(value.split()) in text]
    wanted = {"unit_name", "name", "legal_name", "legal_id", "id_number", "mobile", "email", "address"} & set(answers)
    if paper.form == "approval":
        wanted -= {"email"}
    assert wanted <= set(shown)
    if paper.form in GEOMETRIES:
        assert _in_capture(document[0], paper.form) == ""


def _in_capture(page: Any, code: str) -> str:
    """Text inside the capture box; there must be none."""
    box, points = GEOMETRIES[code].capture, 72 / 25.4
    bottom, top = page.get_height() - box.bottom * points, page.get_height() - box.top * points
    return "".join(page.get_textpage().get_text_bounded(box.left * points, bottom, box.right * points, top).split())
