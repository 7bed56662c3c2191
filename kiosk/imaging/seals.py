"""From a decoded picture to the verdict on the seal or signature in its capture box."""

from __future__ import annotations

import time

from kiosk.imaging import boxes, company, cutout, handwriting, marks, optics, own_sheet
from kiosk.imaging import family as kinds
from kiosk.imaging.boxes import Cell
from kiosk.imaging.finding import Finding
from kiosk.imaging.frame import WORK, Frame, as_seen, frame
from kiosk.imaging.pictures import decode
from kiosk.imaging.sheet import whole
from kiosk.imaging.verdict import Label, SealVerdict

ORDER = list(Label)


def check(
    picture: bytes, family: str | None, dpi: float | None, cut: bool = True, mark: bool = True, cut_dpi: int = 300
) -> SealVerdict:
    """Judge one picture. ``family``: 'unit', 'personal' or None (seen from the sheet); ``dpi``: of a scan if known.

    Raises PictureRefused if it cannot be read. ``cut`` and ``mark`` ask for the cut-outs (at
    ``cut_dpi``) and the marked picture.
    """
    if family not in ("unit", "personal", None):
        raise ValueError(f"family: {family}")
    began = time.perf_counter()
    sheet = frame(decode(picture), dpi)
    page = boxes.layout(sheet)
    own = boxes.printed(sheet)
    family = family or (own_sheet.BOXES[sheet.paper][0] if own else kinds.family(page))
    cell = own or boxes.target(page, family == "personal")
    for least, space in ((boxes.PALE_RULED, 1), (boxes.RULED, boxes.DASHES)):  # out of focus; dashed
        if cell is None:
            page = boxes.layout(sheet, least, space)
            cell = boxes.target(page, family == "personal")
    if cell is None and family == "personal" and sheet.corners is not None and not whole(sheet.corners, sheet.picture):
        sheet = as_seen(sheet)
        page = boxes.layout(sheet)
        cell = boxes.target(page, personal=True)
    found: Finding | None
    if family == "unit":
        lines: list[tuple[str, float]] = []
        if cell is not None and own is None:
            cell, lines = boxes.split_by_line(page, cell)
        found = company.judge(sheet, page, cell or marks.box_of(sheet), lines)
    else:
        found = handwriting.judge(sheet, page, cell) if cell is not None else None
    if found is None:
        picture_marked = marks.marked(sheet, cell, (105, 148), (0, 0), True, False) if mark else None
        took = (time.perf_counter() - began) * 1000
        return SealVerdict(False, (Label.NONE,), marked_png=picture_marked, dpi=sheet.dpi, ms=took)
    return _verdict(sheet, cell, found, family, began, cut_dpi if cut else 0, mark)


def _verdict(
    sheet: Frame, cell: Cell | None, found: Finding, family: str, began: float, cut_dpi: int, mark: bool
) -> SealVerdict:
    defects = tuple(sorted(found.defects, key=ORDER.index))
    ring = family == "unit" and Label.NOT_ROUND not in found.defects
    pad = 0.8
    half = (found.size[0] / 2 + pad, found.size[1] / 2 + pad)
    region = (found.x - half[0], found.y - half[1], found.x + half[0], found.y + half[1])
    disc = (found.x, found.y, found.radius + 0.25) if ring else None
    seal = family == "unit" or found.measures.get("coloured", 0.0) > 0
    alpha, origin = cutout.in_picture(sheet, region, disc, seal)
    clean = seen = None
    if cut_dpi:
        clean, seen = cutout.cut(sheet, region, disc, cut_dpi, seal and Label.NOT_RED not in found.defects)
    center = optics.moved(sheet.to_picture, [[found.x * WORK, found.y * WORK]])[0]
    told = [spot for spot in found.spots if spot.label in found.defects]
    picture = marks.marked(sheet, cell, (found.x, found.y), found.size, ring, not defects, told) if mark else None
    return SealVerdict(
        found=True,
        defects=defects,
        center_px=(round(float(center[0]), 2), round(float(center[1]), 2)),
        diameter_mm=round(2 * found.radius, 3) if family == "unit" or seal else round(found.size[0], 3),
        alpha=alpha,
        alpha_origin=origin,
        seal_png=clean,
        colour_png=seen,
        marked_png=picture,
        places=tuple((spot.label, _in_picture(sheet, spot.box)) for spot in told),
        size_mm=(round(2 * half[0], 3), round(2 * half[1], 3)),
        dpi=sheet.dpi,
        ms=(time.perf_counter() - began) * 1000,
        measures={key: round(float(value), 4) for key, value in found.measures.items()},
    )


def _in_picture(sheet: Frame, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A rectangle of the frame (mm) as left, top, right, bottom in the picture's pixels."""
    left, top, right, bottom = box
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    seen = optics.moved(sheet.to_picture, [[x * WORK, y * WORK] for x, y in corners])
    low, high = seen.min(axis=0), seen.max(axis=0)
    return (round(float(low[0]), 1), round(float(low[1]), 1), round(float(high[0]), 1), round(float(high[1]), 1))
