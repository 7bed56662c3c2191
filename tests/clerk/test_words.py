"""Nothing on a time line is shown by its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import kiosk
from kiosk.views.clerk import texts

KIND = re.compile(r"[a-z_]+\.[a-z_]+")


def journalled() -> Iterator[tuple[str, str]]:
    """(kind, file) of every event the program writes under a name of its own."""
    for path in Path(str(kiosk.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in ("log", "append"):
                yield from ((kind, path.name) for kind in named(node.args[1:3]))


def named(values: list[ast.expr]) -> Iterator[str]:
    for one in (part for value in values for part in ast.walk(value)):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and KIND.fullmatch(one.value):
            yield one.value


def test_every_event_has_a_name() -> None:
    found = dict(journalled())
    assert len(found) > 60
    assert {kind: file for kind, file in found.items() if kind not in texts.EVENTS} == {}
