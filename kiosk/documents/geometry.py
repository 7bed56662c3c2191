"""Where things stand on the printed sheets, in millimetres from the upper left corner of an A4 page.

A sheet that is signed or sealed by hand and laid on the scanner again carries four solid black squares near its
corners and a QR code. From the four squares' centres the scan is rectified (homography, scale included); the QR,
always at the upper right, tells which sheet of which order it is and which way is up; then `capture` is found without
looking for it and a seal's diameter is measured.

The numbers are part of the sheet: `VERSION` goes up when one of them changes, and stands in the QR.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.documents.errors import UnknownPaper

VERSION = 1
PAGE_WIDTH = 210.0
PAGE_HEIGHT = 297.0


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, width, height in mm."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


@dataclass(frozen=True)
class PageGeometry:
    """What every one-page paper carries.

    `marks`: centres (x, y) of the corner squares, clockwise from the upper left; `mark`: side of a square; `qr`: the QR
    code without its quiet zone.
    """

    qr: Box = Box(171.0, 15.0, 19.0, 19.0)
    marks: tuple[tuple[float, float], ...] = ((10.0, 10.0), (200.0, 10.0), (200.0, 287.0), (10.0, 287.0))
    mark: float = 6.0
    page: tuple[float, float] = (PAGE_WIDTH, PAGE_HEIGHT)


@dataclass(frozen=True)
class SheetGeometry(PageGeometry):
    """The exact places of a sheet on which a seal or signature is captured.

    `kind`: what belongs into the box, "seal" or "signature". `capture`: the ruled box, measured between the centre
    lines of its rules; `rule`: their thickness. `ruler`: both ends of a printed 100 mm line for checking a scanner, or
    None.
    """

    kind: str = "seal"
    capture: Box = Box(66.0, 150.0, 124.0, 58.0)
    rule: float = 0.35
    ruler: tuple[tuple[float, float], tuple[float, float]] | None = None


PLAIN = PageGeometry()
GEOMETRIES: dict[str, SheetGeometry] = {
    "unit_application": SheetGeometry(kind="seal", capture=Box(66.0, 150.0, 124.0, 58.0)),
    "personal_application": SheetGeometry(kind="signature", capture=Box(20.0, 172.0, 170.0, 38.0)),
    "seal_sheet": SheetGeometry(
        kind="seal", capture=Box(65.0, 102.0, 80.0, 80.0), ruler=((55.0, 196.0), (155.0, 196.0))
    ),
    "signature_sheet": SheetGeometry(
        kind="signature", capture=Box(50.0, 108.0, 110.0, 50.0), ruler=((55.0, 172.0), (155.0, 172.0))
    ),
}

_QR_TEXT = re.compile(r"KIOSK([0-9]+):([a-z_]{1,40}):([A-Za-z0-9-]{1,40}):([1-9])\Z")


@dataclass(frozen=True)
class SheetCode:
    """What the QR of a sheet says."""

    version: int
    paper: str
    order_number: str
    copy: int


def qr_text(paper: str, order_number: str, copy: int) -> str:
    """Text of the QR on the `copy`-th copy (1 …) of a paper; holds no personal data."""
    return f"KIOSK{VERSION}:{paper}:{order_number}:{copy}"


def parse_qr(text: str) -> SheetCode | None:
    """The reverse of `qr_text`; None for any other text (a scanned page may carry somebody else's QR)."""
    found = _QR_TEXT.match(text)
    if found is None:
        return None
    return SheetCode(int(found[1]), found[2], found[3], int(found[4]))


def geometry(paper: str) -> SheetGeometry:
    """The geometry of a sheet that is scanned again; UnknownPaper for a paper without capture box."""
    try:
        return GEOMETRIES[paper]
    except KeyError:
        raise UnknownPaper(paper=paper) from None
