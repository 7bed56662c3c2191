"""What an operator writes into his catalogue is offered at once: a price, a service for nothing, a sixth scheme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.catalogue import loader
from kiosk.walk import Customer
from tests.running import Running
from tests.services.conftest import Reasons, ended

pytestmark = [pytest.mark.xdist_group("services-operator"), pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def kiosk(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A kiosk whose operator has priced changes on the shared platform and copied a scheme for a hall of his own."""
    folder = tmp_path_factory.mktemp("operator")
    shipped = loader.SHIPPED / "schemes"
    shared = (shipped / "shared.toml").read_text("utf-8")
    header = "[services.change.personal]\n"
    priced = shared.replace(header, f"{header}fees = [{{ amount = 1234 }}]\n")
    assert priced != shared
    (folder / "shared.toml").write_text(priced, "utf-8")
    own = (shipped / "yiyang.toml").read_text("utf-8").replace('code = "yiyang"', 'code = "own"')
    (folder / "own.toml").write_text(own.replace("amount = 20000", "amount = 20100"), "utf-8")
    home = tmp_path_factory.mktemp("kiosk") / "home"
    with Running(home, prepared_home, catalogue_folder=str(folder)) as running:
        yield running


def test_a_priced_change_makes_a_new_certificate_and_seal(customer: Customer, crl: Reasons) -> None:
    report = customer.walk("shared", "change", "personal", 1, "personal-a", "tang")
    assert report["outcome"] == "done", report.get("error")
    assert report["amount"] == 1234
    assert crl()[ended(report)] == "Superseded"
    assert report["papers"]["certificate_application"] == "kept", "made, and not printed"


def test_a_sixth_scheme_is_served(customer: Customer) -> None:
    report = customer.walk("own", "new", "personal", 1, "", "luo")
    assert report["outcome"] == "done", report.get("error")
    assert report["amount"] == 20100
