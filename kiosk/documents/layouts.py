"""The papers the press knows: title, template, and what their form has where the caller passes no `fields`.

The order of the fields follows the forms of the platforms; which of them a scheme asks for comes from its catalogue
(`fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.documents.errors import UnknownPaper

Pairs = tuple[tuple[str, str], ...]

UNIT_TYPES: Pairs = (
    ("enterprise", "企业"), ("government", "机关"), ("institution", "事业单位法人"), ("ngo", "民间组织"),
    ("union", "工会"), ("other", "其他"),
)  # fmt: skip
ID_TYPES: Pairs = (("id_card", "身份证"), ("passport", "护照"), ("officer", "军官证"), ("other", "其他"))
UNIT_SEALS: Pairs = (("template", "模板章"), ("scanned", "扫描章"), ("none", "不需要电子签章"))
PERSONAL_SEALS: Pairs = (("template", "模板方章"), ("scanned", "扫描手写签名"), ("none", "不需要电子签章"))

_UNIT = (
    "unit_name", "org_code", "social_insurance_no", "uscc", "unit_type", "unit_type_other", "legal_name", "legal_id",
    "agent_name", "agent_id", "landline", "mobile", "address", "email",
)  # fmt: skip
_PERSON = (
    "name", "id_type", "id_type_other", "id_number", "mobile", "email", "address",
    "agent_name", "agent_id_type", "agent_id_type_other", "agent_id", "agent_mobile",
    "agent_email", "agent_address", "seal_type", "remark",
)  # fmt: skip
_APPROVAL = (
    "unit_name", "uscc", "org_code", "unit_type", "unit_type_other", "legal_name", "legal_id", "agent_name",
    "agent_id", "landline", "mobile", "address",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """One paper.

    `fields`: what its form has where the caller does not say; `rows`: further fields it has a place for; `required` and
    `options`: where the caller passes no `fields`; `pages`: pages of one copy, None = as many as its text needs.
    """

    code: str
    title: str
    fields: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    options: Mapping[str, Pairs] = field(default_factory=dict)
    pages: int | None = 1

    @property
    def template(self) -> str:
        return f"{self.code}.html"


_ALL = (
    Layout(
        "unit_application",
        "单位数字证书及电子签章业务申请表",
        fields=_UNIT,
        rows=("project_name", "seal_type", "ic_registration_no"),
        required=frozenset(_UNIT) - {"org_code", "social_insurance_no", "unit_type_other", "email"},
        options={"unit_type": UNIT_TYPES, "seal_type": UNIT_SEALS},
    ),
    Layout(
        "personal_application",
        "个人数字证书及电子签章业务申请表",
        fields=_PERSON,
        required=frozenset({"name", "id_type", "id_number", "mobile", "seal_type"}),
        options={"id_type": ID_TYPES, "agent_id_type": ID_TYPES, "seal_type": PERSONAL_SEALS},
    ),
    Layout("responsibility", "数字证书及电子签章申请责任书", pages=None),
    Layout("authorisation", "授权委托书"),
    Layout(
        "approval",
        "CA 证书申请审批表",
        fields=_APPROVAL,
        rows=("applicants",),
        options={"unit_type": UNIT_TYPES},
    ),
    Layout("seal_sheet", "数字证书印章采集表", fields=("unit_name", "uscc"), options={"seal_type": UNIT_SEALS}),
    Layout("signature_sheet", "个人签章采样表", fields=("name",), options={"seal_type": PERSONAL_SEALS}),
    Layout("certificate_application", "数字证书申请表", options={"id_type": ID_TYPES, "unit_type": UNIT_TYPES}),
    Layout("review_notice", "审核结果通知"),
)

LAYOUTS: dict[str, Layout] = {found.code: found for found in _ALL}
ALIASES = {"shared_application": "certificate_application", "szca_application": "certificate_application"}


def layout(code: str) -> Layout:
    """The layout of a paper's code; UnknownPaper if there is none."""
    try:
        return LAYOUTS[ALIASES.get(code, code)]
    except KeyError:
        raise UnknownPaper(paper=code) from None
