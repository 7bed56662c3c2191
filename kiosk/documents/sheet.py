"""What a template sees of the data of one paper: cleaned values in fitting sizes, labels, boxes to tick, pictures,
dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kiosk.documents.errors import TextMissing
from kiosk.documents.geometry import GEOMETRIES, PLAIN, Box, PageGeometry, SheetGeometry, qr_text
from kiosk.documents.layouts import Layout
from kiosk.documents.pictures import Picture, picture, png_uri, qr_png
from kiosk.documents.text import as_moment, block_size, chinese_date, clean, size_class, size_for, yuan

MAX_ITEMS = 60
_NUMBERED = re.compile(r"[（(]?[0-9一二三四五六七八九十]{1,3}[、.．）)条]|第")
KINDS = {"unit": "单位证书", "personal": "个人证书"}
SIGNATURE_MM = 60.0
APPLICANT_SIGNS = ("personal_application", "signature_sheet")
"""Papers on which the applicant has a line of his own that nobody signs for him."""
NOTICES = ("declaration", "approval", "privacy")
"""How the codes of those agreements begin that are no contract: what one declares on a paper, what one is told."""
PICTURES = {"seal": 42.0, "signature": 40.0, "agent_signature": 40.0, "legal_signature": 40.0, "unit_seal": 42.0}
"""Pictures a paper can carry, with the width in mm they get where the caller gives bytes only."""


@dataclass(frozen=True)
class Choice:
    """One box to tick."""

    code: str
    label: str
    ticked: bool


class Sheet:
    """The data of one paper (see `press.Press.form` for the keys)."""

    def __init__(self, layout: Layout, data: Mapping[str, Any]) -> None:
        self.layout = layout
        self._data = data
        self._fields: dict[str, Mapping[str, Any]] = {str(field["name"]): field for field in _items(data.get("fields"))}
        self.geometry: PageGeometry = GEOMETRIES.get(layout.code, PLAIN)
        self.pictures: dict[str, Picture] = {}
        for name, width in PICTURES.items():
            if name == "seal" and isinstance(self.geometry, SheetGeometry) and self.geometry.kind == "signature":
                width = SIGNATURE_MM
            if (found := picture(name, _picture_data(data, name, width))) is not None:
                self.pictures[name] = found
        if data.get("agent") is True and "agent_signature" not in self.pictures and "signature" in self.pictures:
            self.pictures["agent_signature"] = self.pictures["signature"]
            if layout.code in APPLICANT_SIGNS:  # it is the agent's, not the applicant's
                del self.pictures["signature"]
        if "seal" in self.pictures and isinstance(self.geometry, SheetGeometry):
            self.pictures["seal"] = self.pictures["seal"].within(self.geometry.capture)

    # --- texts -------------------------------------------------------------------------------------------------------
    def text(self, name: str, default: str = "") -> str:
        """A cleaned value, or the default where there is none."""
        return clean(self._data.get(name)) or default

    def cell(self, name: str, width_mm: float, height_mm: float) -> Markup:
        """A value in the largest size that fits the cell."""
        return self.fitted(self.text(name), width_mm, height_mm, name)

    def fitted(self, value: str, width_mm: float, height_mm: float, name: str = "") -> Markup:
        text = clean(value)
        size = size_class(size_for(text, width_mm, height_mm, name))
        return Markup('<bdi class="v {}">{}</bdi>').format(size, text)

    def has(self, name: str) -> bool:
        """Whether the form has that field: said by `fields`, else by a value, else by the layout."""
        if self._fields:
            return name in self._fields
        return name in self.layout.fields or bool(self.text(name))

    def label(self, name: str, text: str) -> Markup:
        """The printed form's word for a field, with its required mark; none where the other of two is answered."""
        field = self._fields.get(name)
        required = bool(field.get("required")) if field else name in self.layout.required
        if field and field.get("either") and not self.text(name):
            others = (one for one in self._fields.values() if one.get("either") == field["either"])
            required = required and not any(self.text(str(one["name"])) for one in others)
        return (Markup('<b class="star">*</b>') if required else Markup("")) + Markup("{}").format(text)

    def extras(self) -> list[tuple[str, str]]:
        """(label, value) of answered fields for which the printed form has no place of its own."""
        placed = {*self.layout.fields, *self.layout.rows}
        elsewhere = "applicants"  # those of a unit stand on the approval form
        found = [
            (name, clean(field.get("label")))
            for name, field in self._fields.items()
            if name not in placed and name != elsewhere
        ]
        return [(label, self.answer(name)) for name, label in found if self.answer(name)]

    def answer(self, name: str) -> str:
        """The answer in words: the label of the chosen option, 是 or 否, else the value."""
        if self._fields.get(name, {}).get("type") == "yes_no":
            return {"yes": "是", "no": "否"}.get(self.text(name), self.text(name))
        return next((choice.label for choice in self.choices(name) if choice.ticked), self.text(name))

    def remark(self) -> str:
        """The remark, with whatever the form has no place for."""
        return "；".join(filter(None, [*(f"{label}：{value}" for label, value in self.extras()), self.text("remark")]))

    def title(self) -> str:
        """The caller's title stands on application forms only; the other papers have their own."""
        return self.text("title", self.layout.title) if self.layout.code.endswith("_application") else self.layout.title

    def day(self, name: str) -> str:
        return chinese_date(self._data.get(name))

    def moment(self, name: str) -> str:
        """A time as 2026-11-21 10:20:30 (Beijing); "" where there is none."""
        return clean(as_moment(self._data.get(name)))

    def paragraphs(self, name: str) -> list[str]:
        """A list of paragraphs (or one text) passed in by the caller."""
        found = self._data.get(name)
        items = [found] if isinstance(found, str) else _items(found)
        return [text for text in (clean(item) for item in items) if text]

    def block(self, texts: list[str], width_mm: float, height_mm: float, name: str, lead: str = "") -> Markup:
        """Paragraphs in the largest size that fits a block; numbered, or run on after a bold lead."""
        bare = not any(_NUMBERED.match(text) for text in texts)
        shown = [f"{number}、{text}" if bare else text for number, text in enumerate(texts, 1)]
        shown = [lead + "".join(texts)] if lead else shown
        size = size_class(block_size(shown, width_mm, height_mm, name))
        if lead:
            inner = Markup("<p><b>{}</b>{}</p>").format(lead, "".join(texts))
        else:
            inner = Markup("").join(Markup("<p>{}</p>").format(text) for text in shown)
        return Markup('<div class="block {}">{}</div>').format(size, inner)

    # --- boxes, rows, pictures ---------------------------------------------------------------------------------------
    def choices(self, name: str) -> list[Choice]:
        """The options of a field (from `fields`, else from the layout), the chosen one ticked. A value is a code or a
        label.
        """
        field = self._fields.get(name)
        options = _items(field.get("options")) if field else []
        pairs = [(clean(item["code"]), clean(item["label"])) for item in options] or list(
            self.layout.options.get(name, ())
        )
        chosen = self.text(name)
        return [Choice(code, label, bool(chosen) and chosen in (code, label)) for code, label in pairs]

    def chosen(self, name: str, width_mm: float, height_mm: float) -> Markup:
        """The label of the chosen option as a text, for forms that have no boxes there."""
        return self.fitted(self.answer(name), width_mm, height_mm, name)

    def services(self) -> list[Choice]:
        """`services`: [{code, name, ticked}] in the scheme's order; without `ticked`, the one equal to `service`."""
        chosen = self.text("service")
        found = []
        for item in _items(self._data.get("services")):
            code, name = clean(item["code"]), clean(item["name"])
            found.append(Choice(code, name, bool(item.get("ticked", bool(chosen) and chosen in (code, name)))))
        return found

    def kind(self) -> str:
        """The kind of certificate in words."""
        return self.text("kind_label") or KINDS.get(self.text("kind"), "")

    def rows(self, name: str) -> list[dict[str, str]]:
        """A list of dicts with cleaned texts."""
        return [{str(key): clean(value) for key, value in item.items()} for item in _items(self._data.get(name))]

    def money(self, name: str) -> str:
        """Integer fen as yuan with two places; "" where there is none."""
        amount = self._data.get(name)
        return yuan(int(amount)) if isinstance(amount, int) else ""

    def fitting(self, name: str, max_width: float, max_height: float) -> Picture | None:
        """A picture, made smaller where it is larger than the place for it."""
        found = self.pictures.get(name)
        return found.within(Box(0.0, 0.0, max_width, max_height)) if found else None

    def qr(self, copy: int) -> str:
        """data: URI of the sheet's QR."""
        return png_uri(qr_png(qr_text(self.layout.code, self.text("order_number", "0"), copy)))

    def agreements(self) -> list[Mapping[str, Any]]:
        """`agreements` as passed in: [{code, title, version, sha256, sample, text}]."""
        return _items(self._data.get("agreements"))

    def agreement(self) -> Mapping[str, Any]:
        """What the person took upon himself: the statement of responsibility, else the first that is no notice; {} if
        none.

        Its version and hash stand in the foot of every paper.
        """
        others = [
            item for item in self.agreements() if not str(item.get("code", "")).startswith(("declaration", "privacy"))
        ]
        named = (item for item in others if item.get("code") == "responsibility")
        return next(named, others[0] if others else {})

    def accepted(self) -> list[Mapping[str, Any]]:
        """All accepted texts, the one that binds most (see `agreement`) first."""
        first = self.agreement()
        others = [item for item in self.agreements() if item is not first]
        others.sort(key=lambda item: str(item.get("code", "")).startswith("privacy"))
        return ([first] if first else []) + others

    def agreement_text(self) -> list[str]:
        """The paragraphs of the statement of responsibility. TextMissing without them."""
        texts = [clean(item) for item in _items(self.agreement().get("text")) if clean(item)]
        if not texts:
            raise TextMissing(key="agreements.responsibility")
        return texts

    def declaration(self) -> list[str]:
        """What the signer declares on this paper: `declaration`, else the agreement whose code begins like the paper's
        ("approval…"), else "declaration_unit" or "declaration_personal", else any "declaration…".

        A scheme without such a text has the accepted agreements named. TextMissing without any agreement.
        """
        given = self.paragraphs("declaration")
        for begins in (self.layout.code, f"declaration_{self.text('kind')}", "declaration"):
            for item in self.agreements():
                if not given and str(item.get("code", "")).startswith(begins):
                    given = [clean(text) for text in _items(item.get("text"))]
        if given:
            return given
        titles = "".join(f"《{clean(item.get('title'))}》" for item in self.agreements())
        if not titles:
            raise TextMissing(key="declaration")
        return ["以上信息真实、完整，因信息不实产生的责任由申请人承担。", f"已阅读并同意{titles}。"]


def _picture_data(data: Mapping[str, Any], name: str, width_mm: float) -> Mapping[str, Any] | None:
    found = data.get(name)
    if isinstance(found, bytes):
        measured = data.get(f"{name}_mm")
        return {"image": found, "width_mm": float(measured) if measured else width_mm}
    return found if found is None or isinstance(found, Mapping) else {"image": found}


def _items(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > MAX_ITEMS:
        raise ValueError(f"a list of at most {MAX_ITEMS} items is wanted")
    return list(value)
