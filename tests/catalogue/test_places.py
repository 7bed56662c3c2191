"""The address picker's places."""

import pytest

from kiosk.catalogue.places import children, full_name, provinces


def test_provinces_own_first() -> None:
    assert provinces()[0].name == "湖南省"
    assert len(provinces()) == 34


def test_hunan_is_complete() -> None:
    cities = children("43")
    assert len(cities) == 14
    assert sum(len(children(city.code)) for city in cities) == 122


def test_codes_nest_and_occur_once() -> None:
    codes = [county.code for city in children("43") for county in children(city.code)]
    assert len(set(codes)) == len(codes)
    for city in children("43"):
        assert all(county.code.startswith(city.code) for county in children(city.code))


def test_full_name() -> None:
    assert full_name("430903") == "湖南省益阳市赫山区"
    assert full_name("44") == "广东省"
    with pytest.raises(KeyError):
        full_name("999999")


def test_nothing_below_a_county_or_elsewhere() -> None:
    assert children("430903") == children("44") == children("") == ()
