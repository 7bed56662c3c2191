"""What may follow what, and what each cause does to the old certificate and the key."""

from pathlib import Path

import pytest
from cryptography.x509 import ReasonFlags

from kiosk.catalogue import Catalogue, CatalogueError, Operation
from kiosk.catalogue.lifecycle import SHIPPED, State, cause, load_lifecycle, may, shipped

ALLOWED = {
    "new": {"NONE", "EXPIRED", "REVOKED"},
    "renew": {"ACTIVE", "EXPIRED"},
    "change": {"ACTIVE"},
    "replace": {"ACTIVE", "SUSPENDED", "LOST", "DAMAGED"},
    "reissue": {"ACTIVE"},
    "unlock": {"ACTIVE", "SUSPENDED", "EXPIRED"},
    "freeze": {"ACTIVE"},
    "unfreeze": {"SUSPENDED"},
    "revoke": {"ACTIVE", "SUSPENDED", "LOST", "DAMAGED"},
    "query": set(State),
}


@pytest.mark.parametrize("operation", list(Operation))
def test_may(operation: Operation) -> None:
    assert {state for state in State if may(operation, state)} == ALLOWED[operation]


@pytest.mark.parametrize(
    ("code", "reason", "key", "moment"),
    [
        ("lost", "keyCompromise", "new", "after_proof"),
        ("damaged", "superseded", "new", "after_proof"),
        ("renewed", "superseded", "new", "after_proof"),
        ("changed", "superseded", "new", "after_proof"),
        ("frozen", "certificateHold", "none", "at_once"),
        ("unfrozen", "removeFromCRL", "none", "at_once"),
        ("dissolved", "cessationOfOperation", "none", "at_once"),
        ("unpaid", "privilegeWithdrawn", "none", "at_once"),
        ("pin_locked", "", "same", "never"),
    ],
)
def test_causes(code: str, reason: str, key: str, moment: str) -> None:
    row = cause(code)
    assert (row.revocation_reason, row.key_operation, row.moment) == (reason, key, moment)


def test_reasons_are_those_of_x509() -> None:
    known = {flag.name for flag in ReasonFlags} | {""}
    names = {flag.value for flag in ReasonFlags}
    assert known
    assert {row.revocation_reason for row in shipped().causes.values()} - {""} <= names


def test_after() -> None:
    assert shipped().after("freeze", "ACTIVE") == State.SUSPENDED
    assert shipped().after("unlock", "EXPIRED") == State.EXPIRED
    with pytest.raises(ValueError, match="may not follow"):
        shipped().after("renew", "REVOKED")


def test_causes_a_person_may_choose_are_those_of_the_forms(catalogue: Catalogue) -> None:
    for operation, field in (("replace", "replace_cause"), ("revoke", "revoke_cause")):
        named = {row.code for row in shipped().causes_of(operation, by="user")}
        for scheme in catalogue.schemes.values():
            for form in scheme.forms.values():
                for found in form.fields:
                    if found.name == field:
                        assert {option.code for option in found.options} == named


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('may_follow = ["ACTIVE", "EXPIRED"]', 'may_follow = ["ACTIVE", "REVOKED"]'),
        ('causes = ["renewed"]', 'causes = ["bored"]'),
        ('revocation_reason = "keyCompromise"', 'revocation_reason = "keyCompromised"'),
        ("[operations.freeze]", "[operations.chill]"),
        ('moment = "never"', 'moment = "at_once"'),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    path = tmp_path / "lifecycle.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_lifecycle(path)
    assert caught.value.file == "lifecycle.toml"
