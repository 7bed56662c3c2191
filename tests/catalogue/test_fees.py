"""The fees are those of the documents, in fen; what they do not price cannot be paid for."""

import pytest

from kiosk.catalogue import Catalogue, Kind, Operation

HUNAN = {
    (Operation.new, Kind.unit): {1: 40000, 3: 80000, 5: 120000},
    (Operation.new, Kind.personal): {1: 20000, 3: 40000, 5: 60000},
    (Operation.renew, Kind.unit): {1: 20000, 3: 60000, 5: 100000},
    (Operation.renew, Kind.personal): {1: 10000, 3: 30000, 5: 50000},
    (Operation.replace, Kind.unit): {None: 10000},
    (Operation.replace, Kind.personal): {None: 10000},
}


@pytest.mark.parametrize("scheme", ["yiyang", "realestate"])
@pytest.mark.parametrize(("service", "kind"), HUNAN)
def test_hunan_table(catalogue: Catalogue, scheme: str, service: Operation, kind: Kind) -> None:
    offer = catalogue.schemes[scheme].services[str(service)].offers[kind]
    assert {fee.years: fee.amount for fee in offer.fees} == HUNAN[service, kind]
    assert all(offer.price(years) == amount for years, amount in HUNAN[service, kind].items())
    assert offer.payments == ("wechat", "alipay", "pos")


def test_shenzhen_unit_one_year_is_the_only_price(catalogue: Catalogue) -> None:
    scheme = catalogue.schemes["szca"]
    offer = scheme.services["new"].offers[Kind.unit]
    row = offer.fee(1)
    assert row is not None
    assert (row.amount, [amount for _, amount in row.parts]) == (35000, [20000, 10000, 5000])
    assert offer.terms == (1, 2, 3, 4, 5)
    assert [offer.price(years) for years in (2, 3, 4, 5)] == [None] * 4
    priced = [
        (service.code, kind)
        for service in scheme.services.values()
        for kind, found in service.offers.items()
        if found.priced and not found.free
    ]
    assert priced == [("new", Kind.unit)]


@pytest.mark.parametrize("scheme", ["housing", "shared"])
def test_documents_without_fees_price_nothing(catalogue: Catalogue, scheme: str) -> None:
    for service in catalogue.schemes[scheme].services.values():
        for offer in service.offers.values():
            assert offer.free == (service.operation == Operation.query)
            assert offer.priced == offer.free
            assert offer.price(1) in (None, 0)
            assert offer.fee_note


def test_free_is_said_with_a_note_and_never_by_accident(catalogue: Catalogue) -> None:
    for scheme in catalogue.schemes.values():
        for service in scheme.services.values():
            for offer in service.offers.values():
                assert not offer.free or offer.fee_note
                assert not (offer.free and service.operation in (Operation.new, Operation.renew, Operation.replace))
                assert offer.price(99) == (0 if offer.free else None)


def test_update_is_not_in_the_fee_table(catalogue: Catalogue) -> None:
    for scheme in ("yiyang", "realestate"):
        assert not any(offer.priced for offer in catalogue.schemes[scheme].services["update"].offers.values())
