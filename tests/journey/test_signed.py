"""What the writing pad sends is hostile until it has been taken apart."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from kiosk.views.journey import signed

PAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 600 200"'
    ' width="600" height="200"><path d="M 76.000,99.000 C 76.000,97.500 80.250,90.125 90.500,88.000"'
    ' stroke-width="3.125" stroke="black" fill="none" stroke-linecap="round"></path>'
    '<circle r="1.5" cx="30" cy="40" fill="black"></circle></svg>'
)


def test_strokes_and_dots_are_kept() -> None:
    kept = signed.strokes(PAD)
    assert kept is not None
    root = ET.fromstring(kept)  # our own text
    assert [child.tag.rpartition("}")[2] for child in root] == ["path", "circle"]
    assert root[0].get("d") == "M 76.000,99.000 C 76.000,97.500 80.250,90.125 90.500,88.000"
    assert signed.strokes(kept.decode()) is not None


def test_nothing_else_gets_through() -> None:
    evil = PAD.replace("</svg>", '<script>alert(1)</script><image href="file:///etc/passwd"/></svg>')
    evil = evil.replace('stroke="black"', 'onload="x()" stroke="black"')
    kept = signed.strokes(evil)
    assert kept is not None
    assert not any(word in kept for word in (b"script", b"image", b"onload", b"href", b"file"))
    for nothing in ("", "<svg></svg>", PAD.replace("M 76", "url(#a)"[:3]), "x" * 500_000, '<svg viewBox="0 0 1 1">'):
        assert signed.strokes(nothing) is None or b"url" not in (signed.strokes(nothing) or b"")
    assert signed.strokes("x" * 500_000) is None


@pytest.mark.timeout(30)
@pytest.mark.parametrize("run", ["1", " 1", "-", ".", "1."])
def test_a_long_line_of_numbers_ends(run: str) -> None:
    assert signed.strokes('<svg viewBox="0 0 600 200"><path d="M' + run * 100_000 + "x") is None


def test_pictures_are_png_and_small() -> None:
    assert signed.picture("") is None
    assert signed.picture("data:image/png;base64,AAAA") is None
    assert signed.picture("data:image/svg+xml;base64,AAAA") is None
    assert signed.picture("data:image/png;base64,iVBORw0KGgo=") == b"\x89PNG\r\n\x1a\n"
    assert signed.picture("data:image/png;base64," + "iVBORw0KGgo" + "A" * 800_000) is None
