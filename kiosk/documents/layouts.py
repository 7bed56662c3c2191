"""The papers the press knows: title, template, and what their form has where the caller passes no `fields`.

The order of the fields follows the forms of the platforms; which of them a scheme asks for comes from its catalogue (`fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.documents.errors import UnknownPaper

Pairs = tuple[tuple[str, str], ...]

UNIT_TYPES: Pairs = (
    ("enterprise", "企业"), ("government", "机关"), ("institution", "事业单位法人"), ("civil_organisation", "民间组织"),
    ("trade_union", "工会"), ("other", "其他"),
)  # fmt: skip
ID_TYPES: Pairs = (("id_card", "身份证"), ("passport", "护照"), ("officer", "军官证"), ("other", "其他"))
UNIT_SEALS: Pairs = (("template", "模板章"), ("scanned", "扫描章"), ("none", "不需要电子签章"))
PERSONAL_SEALS: Pairs = (("template", "模板方章"), ("scanned", "扫描手写签名"), ("none", "不需要电子签章"))

_UNIT = (
    "unit_name", "org_code", "uscc", "unit_type", "legal_name", "legal_id", "agent_name", "agent_id", "landline", "mobile",
    "address", "email",
)  # fmt: skip
_PERSON = ("name", "id_type", "id_number", "mobile", "email", "address")
_AGENT = ("agent_name", "agent_id_type", "agent_id", "agent_mobile", "agent_email", "agent_address")


@dataclass(frozen=True)
class Layout:
    """One paper. `pages`: pages of one copy; None = as many as its text needs."""

    code: str
    title: str
    template: str
    fields: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    options: Mapping[str, Pairs] = field(default_factory=dict)
    pages: int | None = 1


_UNIT_OPTIONS = {"unit_type": UNIT_TYPES, "seal_type": UNIT_SEALS}
_PERSON_OPTIONS = {"id_type": ID_TYPES, "agent_id_type": ID_TYPES, "seal_type": PERSONAL_SEALS}

LAYOUTS: dict[str, Layout] = {
    layout.code: layout
    for layout in (
        Layout(
            "unit_application", "单位数字证书及电子签章业务申请表", "unit_application.html", _UNIT,
            frozenset(_UNIT) - {"org_code", "email"}, _UNIT_OPTIONS,
        ),
        Layout(
            "personal_application", "个人数字证书及电子签章业务申请表", "personal_application.html", (*_PERSON, *_AGENT, "seal_type"),
            frozenset({"name", "id_type", "id_number", "mobile", "seal_type"}), _PERSON_OPTIONS,
        ),
    )
}  # fmt: skip


def layout(code: str) -> Layout:
    """The layout of a paper's code; UnknownPaper if there is none."""
    try:
        return LAYOUTS[code]
    except KeyError:
        raise UnknownPaper(paper=code) from None
