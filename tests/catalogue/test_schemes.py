"""The five schemes say what their documents say: services, fields, materials, copies, levels of review, places."""

from datetime import datetime

import pytest

from kiosk.catalogue import Catalogue, Kind, Material, met
from kiosk.catalogue.models import BEIJING
from kiosk.documents.layouts import layout
from kiosk.orders.numbers import CHECKS

WORDS = {
    "yiyang": ["新办", "延期", "更新", "补办", "废除"],
    "realestate": ["开通", "延期", "更新", "补办", "重发", "解锁", "冻结", "解冻", "废除"],
    "housing": ["开通", "延期", "更新", "补办", "重发", "解锁", "冻结", "解冻", "废除"],
    "szca": ["证书新办", "证书补办", "证书变更", "证书解锁", "证书更新", "证书查询"],
    "shared": ["新办", "更新", "解锁", "补办", "信息变更", "订单查询"],
}


def materials(catalogue: Catalogue, scheme: str, service: str, kind: Kind) -> dict[str, Material]:
    return {found.code: found for found in catalogue.schemes[scheme].services[service].offers[kind].materials}


def test_schemes_and_their_own_words(catalogue: Catalogue) -> None:
    found = {code: [service.name for service in scheme.services.values()] for code, scheme in catalogue.schemes.items()}
    assert found == WORDS
    assert list(found) == ["yiyang", "realestate", "housing", "szca", "shared"]


def test_kinds(catalogue: Catalogue) -> None:
    for code, scheme in catalogue.schemes.items():
        for service in scheme.services.values():
            assert set(service.offers) == ({Kind.unit} if code == "housing" else set(Kind))


def test_one_unit_certificate_and_three_applicants(catalogue: Catalogue) -> None:
    limited = {code for code, scheme in catalogue.schemes.items() if scheme.one_unit_certificate_per_enterprise}
    assert limited == {"realestate"}
    assert catalogue.schemes["realestate"].services["new"].max_applicants == 3


def test_levels_of_review(catalogue: Catalogue) -> None:
    levels = {code: [level.name for level in s.services["new"].review] for code, s in catalogue.schemes.items()}
    assert levels == {
        "yiyang": [], "realestate": ["审批", "核准"], "housing": ["审批"], "szca": ["审核"], "shared": ["审核"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23T09:00", True),
        ("2026-11-23T11:59", True),
        ("2026-11-23T12:00", False),
        ("2026-11-23T14:00", True),
        ("2026-11-23T17:00", False),
        ("2026-11-22T10:00", False),
    ],
)
def test_hours_of_yiyang(catalogue: Catalogue, moment: str, expected: bool) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=BEIJING)
    assert catalogue.schemes["yiyang"].open_at(at) is expected
    assert catalogue.schemes["szca"].open_at(at) is None


def test_hotlines_and_places_without_private_numbers(catalogue: Catalogue) -> None:
    numbers = {line.number for scheme in catalogue.schemes.values() for line in scheme.hotlines}
    assert numbers == {"400-6682-666", "0737-4112269", "400-112-3838"}
    points = catalogue.schemes["realestate"].service_points
    assert len(points) == 16
    phones = [phone for point in points for phone in point.phone.split("、") if phone]
    assert not any(phone.startswith("1") for phone in phones)


def test_materials_of_a_unit_renewal_at_yiyang(catalogue: Catalogue) -> None:
    found = materials(catalogue, "yiyang", "renew", Kind.unit)
    assert set(found) == {"token", "unit_form", "responsibility", "licence", "legal_id", "agent_id", "letter"}
    assert found["unit_form"].copies == 2
    assert all(found[code].sealed for code in ("licence", "legal_id", "agent_id", "letter"))
    assert found["legal_id"].sides == 2
    personal = materials(catalogue, "yiyang", "renew", Kind.personal)
    assert personal["applicant_id"].copies == 2


def test_materials_of_realestate_and_housing(catalogue: Catalogue) -> None:
    unit = materials(catalogue, "realestate", "new", Kind.unit)
    assert unit["unit_form"].copies == 3
    assert unit["letter"].only_if == "agent"
    assert {"responsibility", "licence", "legal_id", "agent_id", "approval"} <= set(unit)
    housing = materials(catalogue, "housing", "new", Kind.unit)
    assert {"qualification", "safety_permit", "bank_permit", "licence_original", "approval"} <= set(housing)
    copies = catalogue.schemes["housing"].services["new"].offers[Kind.unit].papers[0].copies
    assert copies[2] == "第三联 常德市住房和城乡建设局信息中心留存"


def test_materials_of_the_online_schemes(catalogue: Catalogue) -> None:
    unit = materials(catalogue, "szca", "new", Kind.unit)
    assert all(unit[code].sealed for code in ("unit_form", "licence", "seal_sheet"))
    assert unit["voucher"].only_if == "payment=transfer"
    personal = materials(catalogue, "szca", "new", Kind.personal)
    assert not any(found.sealed for found in personal.values())
    for service in ("new", "replace"):
        assert {"licence", "agent_id", "seal_sheet"} <= set(materials(catalogue, "shared", service, Kind.unit))


def test_fields_of_the_unit_form(catalogue: Catalogue) -> None:
    common = {
        "unit_name", "org_code", "uscc", "unit_type", "unit_type_other", "legal_name", "legal_id", "agent_name",
        "agent_id", "landline", "mobile", "address", "email",
    }  # fmt: skip
    own = {
        "yiyang": {"social_insurance_no"},
        "realestate": {"social_insurance_no", "seal_type", "applicants"},
        "housing": {"ic_registration_no", "seal_type", "project_name"},
    }
    for code, extra in own.items():
        scheme = catalogue.schemes[code]
        form = scheme.forms[scheme.services["new"].offers[Kind.unit].form]
        assert {field.name for field in form.fields} == common | extra
        optional = {field.name for field in form.fields if not field.required}
        assert optional <= {"email", "seal_type", "applicants", "project_name"}
        assert form.field("uscc").either == form.field("org_code").either != ""


def test_fields_of_the_personal_form(catalogue: Catalogue) -> None:
    form = catalogue.schemes["yiyang"].forms["personal"]
    asked = [field.name for field in form.fields if met(field.only_if, {}, agent=False)]
    assert asked == ["name", "id_type", "id_number", "mobile", "email", "address", "seal_type", "remark"]
    with_agent = {field.name for field in form.fields if met(field.only_if, {"id_type": "other"}, agent=True)}
    assert {"id_type_other", "agent_name", "agent_id_type", "agent_id", "agent_mobile", "agent_email"} <= with_agent
    assert "agent_id_type_other" not in with_agent


def test_invoice_fields(catalogue: Catalogue) -> None:
    for code in ("szca", "shared"):
        form = catalogue.schemes[code].forms["unit"]
        assert form.field("invoice_title").locked
        assert form.field("invoice_title").source == ("answers.unit_name",)
        assert not form.field("tax_number").required
        names = {field.name for field in form.fields if met(field.only_if, {"invoice": "no"}, agent=False)}
        assert "invoice" in names
        assert not names & {"invoice_title", "tax_number"}


def test_every_field_can_be_judged_and_stands_on_one_page(catalogue: Catalogue) -> None:
    for scheme in catalogue.schemes.values():
        for form in scheme.forms.values():
            for field in form.fields:
                assert field.type in CHECKS
                met(field.only_if, {}, agent=True)
            assert sum(len(fields) for _, fields in form.groups) == len(form.fields)
            assert max(len(fields) for _, fields in form.groups) <= 5


def test_seal_types(catalogue: Catalogue) -> None:
    seal = catalogue.schemes["realestate"].services["new"].offers[Kind.unit].seal
    assert seal is not None
    assert [option.label for option in seal.types] == ["模板章", "扫描章", "不需要电子签章"]
    assert seal.needed("scanned")
    assert not seal.needed("none")
    at_yiyang = catalogue.schemes["yiyang"].services["new"].offers[Kind.unit].seal
    assert at_yiyang is not None
    assert at_yiyang.needed(None)


def test_agreements(catalogue: Catalogue) -> None:
    scheme = catalogue.schemes["yiyang"]
    duty = scheme.agreements["responsibility"]
    assert len(duty.text) == 15
    assert duty.sample
    assert len(duty.sha256) == 64
    for found in catalogue.schemes.values():
        for service in found.services.values():
            for offer in service.offers.values():
                assert offer.agreements[0] == "privacy"


def test_identity_fits_the_operation(catalogue: Catalogue) -> None:
    for scheme in catalogue.schemes.values():
        for service in scheme.services.values():
            for offer in service.offers.values():
                if service.operation in ("renew", "change"):
                    assert offer.token == "existing"
                    assert "token_pin" in offer.identity
                if service.operation in ("new", "replace"):
                    assert offer.token == "blank"
                if service.operation == "replace":
                    assert "sms" in offer.identity


def test_a_letter_can_be_written_wherever_an_agent_may_come(catalogue: Catalogue) -> None:
    for scheme in catalogue.schemes.values():
        for service in scheme.services.values():
            for kind, offer in service.offers.items():
                if kind is Kind.personal and service.operation != "query":
                    letter = any(paper.form == "authorisation" for paper in offer.papers)
                    assert letter == offer.agent_allowed
                    names = {field.name for field in scheme.forms[offer.form].fields}
                    assert not letter or {"agent_name", "agent_id"} <= names


def test_papers_are_known_to_the_press(catalogue: Catalogue) -> None:
    for scheme in catalogue.schemes.values():
        for service in scheme.services.values():
            for offer in service.offers.values():
                for paper in offer.papers:
                    assert layout(paper.form).code == paper.form
                document = scheme.forms[offer.form].document
                assert document is None or document in {paper.form for paper in offer.papers}


def test_conditions() -> None:
    assert met("", {}, agent=False)
    assert met("agent and id_type=other", {"id_type": "other"}, agent=True)
    assert not met("agent and id_type=other", {"id_type": "id_card"}, agent=True)
    assert met("legal", {}, agent=False)
    with pytest.raises(ValueError, match="unknown condition"):
        met("sometimes", {}, agent=True)
