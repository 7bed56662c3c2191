"""What the scripted customer sees of a page: its form, buttons, heading and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"input", "img", "br", "meta", "link", "hr", "use"}


@dataclass
class PageForm(HTMLParser):
    """The form called ``step`` (or the first to ``action``) of a page, its heading, warnings and what it sums up."""

    want: str = "step"
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    keyboards: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)  # what a summary says, label and value
    articles: list[str] = field(default_factory=list)  # headings of the cases of a list
    heading: str = ""
    csrf: str = ""
    _inside: bool = False
    _text: str = ""
    _label: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form" and given.get("id") == self.want:
            self._inside, self.action = True, given.get("action", "")
        if given.get("name") == "csrf_token" and not self.csrf:
            self.csrf = given.get("value", "")
        if tag in ("input", "textarea") and self._inside and given.get("name"):
            self._input(given)
        if tag == "button" and given.get("name") and (self._inside or given.get("form") == self.want):
            self.buttons.append((given["name"], given.get("value", "")))
        if tag in ("dt", "dd", "h2"):
            self._text = "" if "summary-change" in given.get("class", "") else tag
        if tag == "h1" or "notice" in given.get("class", "").split() or "field-error" in given.get("class", "").split():
            self._text = "h1" if tag == "h1" else "notice"

    def _input(self, given: dict[str, str]) -> None:
        name = given["name"]
        kind = given.get("type", "text")
        if kind == "radio":
            self.choices.setdefault(name, []).append(given.get("value", ""))
            if "checked" in given:
                self.fields[name] = given.get("value", "")
        elif kind == "checkbox":
            self.choices[name] = [given.get("value", "yes")]
        else:
            self.fields[name] = given.get("value", "")
            self.keyboards[name] = "hidden" if kind == "hidden" else given.get("data-keyboard", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag in ("h1", "h2", "p", "div", "dt", "dd"):
            self._text = ""

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if text and self._text == "h1" and not self.heading:
            self.heading = text
        elif text and self._text == "notice":
            self.warnings.append(text)
        elif text and self._text == "h2":
            self.articles.append(text)
        elif text and self._text == "dt":
            self._label = text
        elif text and self._text == "dd":
            self.rows.append((self._label, text))
