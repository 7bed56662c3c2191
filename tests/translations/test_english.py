"""Nothing on an English page stays Chinese by oversight."""

import string

import pytest

from kiosk.translations import texts


def chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    return {message.id: message.string for message in texts.read() if message.id}


@pytest.mark.parametrize("source", ["written", "named"])
def test_every_text_has_its_english(english: dict[str, str], source: str) -> None:
    wanted = set(getattr(texts, source)())
    assert len(wanted) > 40
    assert {text for text in wanted if not english.get(text)} == set()


def test_file_holds_nothing_unused(english: dict[str, str]) -> None:
    assert set(english) - texts.written() - set(texts.named()) == set()


def test_english_has_no_chinese(english: dict[str, str]) -> None:
    assert {text: said for text, said in english.items() if chinese(said) and text != "中文"} == {}


def test_placeholders_are_the_same(english: dict[str, str]) -> None:
    class Seen(dict[str, str]):
        def __missing__(self, key: str) -> str:
            self[key] = "1"
            return "1"

    for text, said in english.items():
        if "%(" in text:
            first, second = Seen(), Seen()
            _ = text % first, said % second
            assert first.keys() == second.keys(), text


def test_format_of_messages_is_percent_style(english: dict[str, str]) -> None:
    for text in english:
        fields = [name for _, name, _, _ in string.Formatter().parse(text.replace("{}", "")) if name]
        assert not fields, text
