"""Reading text: licence, ID card, the ring of a seal. Loads some hundred megabytes; serve it from a child of its own
that exits when idle (factory ``kiosk.imaging.ocr:Reader``). Everything read is a proposal for the person to confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import zxingcpp
from rapidocr import RapidOCR

from kiosk.imaging import fields, ring, seals
from kiosk.imaging.document import straightened
from kiosk.imaging.fields import Line
from kiosk.imaging.frame import scan_dpi
from kiosk.imaging.pictures import Pixels, decode
from kiosk.imaging.sheet import find_sheet
from kiosk.imaging.verdict import Label

SIDE = 1280


@dataclass(frozen=True)
class SealName:
    """The words read from a seal's ring, the recogniser's confidence, and whether they are the name expected."""

    text: str
    score: float
    same: bool


class Reader:
    """Reads pictures with the models shipped in the recogniser's wheel. Calls may raise PictureRefused."""

    def __init__(self, threads: int = 1) -> None:
        cv2.setNumThreads(threads)
        engine = "EngineConfig.onnxruntime."
        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                f"{engine}intra_op_num_threads": threads,
                f"{engine}inter_op_num_threads": 1,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held beyond the process."""

    def licence(self, picture: bytes) -> dict[str, str]:
        """name, credit_code, legal_representative, address of a business licence; unsure fields are empty."""
        rgb = decode(picture).rgb
        found = zxingcpp.read_barcodes(rgb, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
        return fields.licence(self.lines(picture), tuple(code.text[:500] for code in found[:8]))

    def id_front(self, picture: bytes) -> dict[str, str]:
        """name and number of an ID card's portrait side; unsure fields are empty."""
        return fields.id_front(self.lines(picture))

    def id_back(self, picture: bytes) -> dict[str, str]:
        """valid_from and valid_to of an ID card's other side; unsure fields are empty."""
        return fields.id_back(self.lines(picture))

    def lines(self, picture: bytes) -> list[Line]:
        """All lines of text, top to bottom."""
        answer: Any = self._engine(_page(picture))
        if answer.txts is None:
            return []
        found = []
        for text, score, box in zip(answer.txts, answer.scores, answer.boxes, strict=True):
            corners = np.asarray(box)
            low, high = corners.min(axis=0), corners.max(axis=0)
            found.append(Line(str(text), float(score), float(low[0]), float(low[1]), float(high[0]), float(high[1])))
        return sorted(found, key=lambda line: (line.middle, line.left))

    def seal_name(self, picture: bytes, name: str, dpi: float | None = None) -> SealName:
        """Read the ring of the seal in a form's capture box and compare it with the unit's ``name``."""
        verdict = seals.check(picture, "unit", dpi, cut=True, mark=False)
        if verdict.seal_png is None or Label.NOT_ROUND in verdict.defects:
            return SealName("", 0.0, False)
        return self.ring_name(verdict.seal_png, name)

    def ring_name(self, seal_png: bytes, name: str) -> SealName:
        """The same from a cut-out that a verdict holds."""
        best = SealName("", 0.0, False)
        flat = ring.strip(seal_png)
        if flat is None:
            return best
        answer: Any = self._engine(flat, use_det=False, use_cls=False, use_rec=True)
        if answer.txts:
            text, score = str(answer.txts[0]), float(answer.scores[0])
            best = SealName(text, score, ring.same_name(text, name))
        return best


def _page(picture: bytes) -> Pixels:
    """The page or card straightened where its corners are seen, its longer side at most SIDE pixels, BGR."""
    seen = decode(picture)
    rgb = seen.rgb
    corners = find_sheet(rgb) if scan_dpi(seen, None) is None else None
    if corners is not None:
        rgb = straightened(rgb, corners, SIDE)
    factor = SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    page: Pixels = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
    return page
