"""What the press refuses. The room knows codes and facts; the sentences for users live in the views.

DocumentError
├── UnknownPaper(paper)            there is no layout of that code
├── ValueTooLong(field, length)    a value does not fit its cell even in the smallest size
├── PictureRefused(picture)        a seal or signature is not a small PNG/JPEG, or its size in mm is impossible
├── PageOverflow(paper, pages)     more pages than copies: the layout is wrong, nothing was made
├── TextMissing(key)               a text the paper cannot do without was not passed in
├── FontsMissing(families)         a font the papers need is not installed
└── SealingFailed                  the PDF could not be signed
"""

from __future__ import annotations

from typing import Any


class DocumentError(Exception):
    """Base. `code` is stable snake_case, `facts` are keyword facts; both survive a pipe between processes."""

    code = "document_failed"

    def __init__(self, code: str | None = None, **facts: Any) -> None:
        self.code = code or type(self).code
        self.facts = facts
        super().__init__(self.code, facts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.facts)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.facts.items())])


def _rebuild(kind: type[DocumentError], code: str, facts: dict[str, Any]) -> DocumentError:
    return kind(code, **facts)


class UnknownPaper(DocumentError):
    code = "unknown_paper"


class ValueTooLong(DocumentError):
    code = "value_too_long"


class PictureRefused(DocumentError):
    code = "picture_refused"


class PageOverflow(DocumentError):
    code = "page_overflow"


class TextMissing(DocumentError):
    code = "text_missing"


class FontsMissing(DocumentError):
    code = "fonts_missing"


class SealingFailed(DocumentError):
    code = "sealing_failed"
