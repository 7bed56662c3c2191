"""The press: a paper's code and its data in, a PDF (PDF/A-2b), HTML or a receipt's PNG out.

Runs in its own process (`kiosk.documents.press:Press`), because WeasyPrint takes 160 MB and half a second; all
arguments and results are plain dicts and bytes. The HTML of the preview is the HTML of the PDF. Nothing is fetched:
pictures are data: URIs made here.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from types import TracebackType
from typing import Any, Self

import jinja2
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from kiosk.documents import composition, fonts, receipt
from kiosk.documents.errors import FontsMissing, PageOverflow
from kiosk.documents.layouts import layout
from kiosk.documents.sheet import Sheet
from kiosk.documents.text import SIZES_PT, as_moment, clean, size_class

MAX_COPIES = 9
WARM_UP = {"order_number": "0", "unit_name": "预热", "declaration": ["预热"]}

logging.getLogger("weasyprint").setLevel(logging.ERROR)


class Press:
    """Makes papers. Methods are safe to call from one thread at a time.

    `sans`, `serif`: families of the values and of the printed text; they must be installed (FontsMissing at the first
    paper).
    """

    def __init__(self, sans: str = fonts.SANS, serif: str = fonts.SERIF, warm: bool = False) -> None:
        self._families = (sans, serif)
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("kiosk.documents", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["clean"] = clean
        self._environment.globals.update(composition.HELPERS)
        self._style = _stylesheet(sans, serif)
        self._fonts = FontConfiguration()
        self._css = CSS(string=self._style, font_config=self._fonts)
        self._fetcher = URLFetcher(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)
        self._receipts = receipt.ReceiptPress(serif=serif, sans=sans)
        self._checked = False
        if warm:
            self.form("unit_application", WARM_UP, [""])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open; there for the sake of the process that runs it."""

    # --- papers ------------------------------------------------------------------------------------------------------
    def form(self, code: str, data: Mapping[str, Any], copies: Sequence[str] = ("",)) -> bytes:
        """A paper as PDF/A-2b, one copy after the other, each with its name (第一联 …) in its head.

        Keys of `data`, all optional unless said:
        - `capture_note`: what stands above the capture box instead of the request to stamp or sign there;
        - the form's fields by their catalogue names (text); `fields`: the FormSpec's fields as dicts (name, label,
        required, options [{code, label}], group_title, type, only_if), else the layout's own;
        - `title`, `scheme_name`, `ca_name`, `kiosk`, `order_number`, `hotline`, `kind`, `years`, `amount` (fen);
        - `services` [{code, name, ticked}] or `service` (code); `notes` [texts];
        - `agreements` [{code, title, version, sha256, sample, text: [paragraphs]}]: "responsibility" stands in the
        foot and is the text of that paper, the first "declaration…" is what the signer declares (or `declaration`
        [texts]);
        - `date`, `accepted_on` (date, datetime or ISO text), `printed_at`;
        - pictures as bytes or {image | path, width_mm, height_mm}: `seal` (captured for the electronic seal, into the
          capture box; `seal_mm` its width), `signature` (on the line of a unit's agent or the applicant),
          `agent_signature`, `legal_signature`, `unit_seal`; `agent` True: somebody else signs for the applicant;
        - authorisation: `counts` {code: number}, `operation`, `principal`…; approval: `levels` [{name, who, decision,
        note, by, on}], `applicants` [{name, number}]; review_notice: `result` approved|rejected, `reasons` [{material,
        reason, remedy}], `next` [texts], `office`, `customer`, `service_name`, `reviewed_on`.
        The same data gives the same bytes. Raises members of DocumentError.
        """
        self._assert_fonts()
        html = self._html(code, data, copies)
        document = HTML(string=html, url_fetcher=self._fetcher, base_url=None).render(
            stylesheets=[self._css], font_config=self._fonts, pdf_variant="pdf/a-2b"
        )
        for page in document.pages:
            _assert_ends(code, page.anchors)
            page.anchors.clear()
        pages = layout(code).pages
        if pages is not None and len(document.pages) != pages * len(copies):
            raise PageOverflow(paper=code, pages=len(document.pages))
        identifier = hashlib.sha256(html.encode()).digest()[:16].hex().encode()
        with warnings.catch_warnings():
            # WeasyPrint 70 leaves its own colour profile's file to the collector
            warnings.filterwarnings("ignore", message="unclosed file.*sRGB2014", category=ResourceWarning)
            pdf = document.write_pdf(pdf_variant="pdf/a-2b", pdf_identifier=identifier)
        assert isinstance(pdf, bytes)
        return pdf

    def preview(self, code: str, data: Mapping[str, Any], copies: Sequence[str] = ("",)) -> str:
        """The paper's HTML, complete with its style sheet in one <style> and its pictures as data: URIs; no scripts,
        no links.
        """
        head = f"<style>{self._style}</style></head>"
        return self._html(code, data, copies).replace("</head>", head, 1)

    def receipt(self, data: Mapping[str, Any]) -> bytes:
        """A receipt as PNG, 576 px wide (72 mm at 8 dots a mm); keys: see `receipt.ReceiptPress.draw`."""
        return self._receipts.draw(data)

    def refund_slip(self, data: Mapping[str, Any]) -> bytes:
        """A refund slip as PNG; keys: see `receipt.ReceiptPress.refund`."""
        return self._receipts.refund(data)

    def failure_slip(self, data: Mapping[str, Any]) -> bytes:
        """A slip for an unfinished business as PNG; keys: see `receipt.ReceiptPress.failure`."""
        return self._receipts.failure(data)

    def check(self) -> dict[str, str]:
        """{"level": "fine" | "failed", "code", "detail"}: the fonts, and the library without which a page takes twenty
        seconds.
        """
        return fonts.check(self._families)

    # --- inside ------------------------------------------------------------------------------------------------------
    def _html(self, code: str, data: Mapping[str, Any], copies: Sequence[str]) -> str:
        if not 1 <= len(copies) <= MAX_COPIES:
            raise ValueError(f"1 to {MAX_COPIES} copies")
        paper = layout(code)
        sheet = Sheet(paper, data)
        template = self._environment.get_template(paper.template)
        moment = as_moment(data.get("printed_at") or data.get("date"))
        return template.render(
            sheet=sheet, data=data, copies=[clean(copy) for copy in copies], created=_utc(moment) if moment else ""
        )

    def _assert_fonts(self) -> None:
        if self._checked:
            return
        missing = fonts.missing(self._families)
        if missing:
            raise FontsMissing(families=missing)
        self._checked = True


def _assert_ends(code: str, anchors: Mapping[str, tuple[float, ...]]) -> None:
    """PageOverflow when a part of a page came to stand lower than it may ("end-copy-part-limit" in mm, see
    _parts.html).
    """
    for name, place in anchors.items():
        if name.startswith("end-") and place[1] / 96 * 25.4 > float(name.rsplit("-", 1)[1]) + 0.1:
            raise PageOverflow(paper=code, part=name)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stylesheet(sans: str, serif: str) -> str:
    """paper.css with the families and the value sizes put in. Built by replacement: a template engine would escape the
    quotes.
    """
    for family in (sans, serif):
        if not all(char.isalnum() or char in " -" for char in family):
            raise ValueError("a font family has letters, digits, spaces and hyphens only")
    css = (resources.files("kiosk.documents") / "templates" / "paper.css").read_text("utf-8")
    sizes = "\n".join(f".{size_class(size)} {{ font-size: {size}pt; }}" for size in SIZES_PT)
    return css.replace("__SANS__", f'"{sans}"').replace("__SERIF__", f'"{serif}"') + sizes
