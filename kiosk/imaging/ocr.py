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

from kiosk.imaging import fields, ring, seals, textlines
from kiosk.imaging.document import straightened
from kiosk.imaging.fields import Line
from kiosk.imaging.frame import scan_dpi
from kiosk.imaging.pictures import Pixels, decode
from kiosk.imaging.sheet import find_sheet
from kiosk.imaging.textlines import Box
from kiosk.imaging.verdict import Label

SIDE = 2000  # pixels of the longer side of a page as it is read
SEARCHED = 1056  # and as lines are looked for
SURE_NAME = 0.9  # confidence from which a seal's other name is held against it
LOOKS = ((ring.OUTER, 0.0), (ring.OUTER, 0.2), (0.93, 0.1), (0.9, 0.0))
"""How a ring is unrolled (outer edge, share of the gap before the words) until the name expected is read."""


@dataclass(frozen=True)
class SealName:
    """The words read from a seal's ring, the recogniser's confidence (0..1), whether they are the name expected, and
    whether they were read so surely that a difference may be held against the seal.
    """

    text: str
    score: float
    same: bool
    sure: bool = False


class Reader:
    """Reads pictures with the models shipped in the recogniser's wheel. Calls may raise PictureRefused."""

    def __init__(self, threads: int = 1) -> None:
        cv2.setNumThreads(threads)
        engine = "EngineConfig.onnxruntime."
        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "Rec.rec_batch_num": 1,
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

    def ready(self) -> bool:
        """True once the models can be used."""
        return True

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
        """All lines of text, top to bottom, of the page turned upright."""
        page = _page(picture)
        factor = min(1.0, SEARCHED / max(page.shape[:2]))
        size = (max(1, round(page.shape[1] * factor)), max(1, round(page.shape[0] * factor)))
        small = page if factor == 1.0 else cv2.resize(page, size, interpolation=cv2.INTER_AREA)
        answer: Any = self._engine(small, use_det=True, use_cls=False, use_rec=False)
        if answer.boxes is None or len(answer.boxes) == 0:
            return []
        boxes = textlines.boxes_of(np.asarray(answer.boxes) / factor)
        page, boxes = self._upright(page, boxes)
        lines = [self._line(page, box) for box in boxes]
        return sorted((line for line in lines if line.text), key=lambda line: (line.middle, line.left))

    def _upright(self, page: Pixels, boxes: list[Box]) -> tuple[Pixels, list[Box]]:
        if textlines.sideways(boxes):
            page, boxes = textlines.turned_left(page, boxes)
        over = upright = 0.0
        for box in textlines.voters(boxes):
            crop = textlines.cropped(page, box)
            answer: Any = self._engine(crop, use_det=False, use_cls=True, use_rec=False)
            for label, score in answer.cls_res or ():
                over, upright = (over + score, upright) if "180" in label else (over, upright + score)
        return textlines.turned_over(page, boxes) if over > upright else (page, boxes)

    def _line(self, page: Pixels, box: Box) -> Line:
        text, score = self._words(textlines.cropped(page, box))
        low, high = box.corners.min(axis=0), box.corners.max(axis=0)
        return Line(text, score, float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    def _words(self, line: Pixels) -> tuple[str, float]:
        """Text and confidence of one line."""
        answer: Any = self._engine(line, use_det=False, use_cls=False, use_rec=True)
        return (str(answer.txts[0]), float(answer.scores[0])) if answer.txts else ("", 0.0)

    def seal_name(self, picture: bytes, name: str, dpi: float | None = None) -> SealName:
        """Read the ring of the seal in a form's capture box and compare it with the unit's ``name``."""
        verdict = seals.check(picture, "unit", dpi, cut=True, mark=False)
        if verdict.seal_png is None or Label.NOT_ROUND in verdict.defects:
            return SealName("", 0.0, False)
        return self.ring_name(verdict.seal_png, name)

    def ring_name(self, seal_png: bytes, name: str) -> SealName:
        """The same from a cut-out that a verdict holds."""
        best = SealName("", 0.0, False)
        for outer, early in LOOKS:
            flat = ring.strip(seal_png, outer=outer, early=early)
            if flat is None:
                break
            text, score = self._words(flat)
            if ring.same_name(text, name):
                return SealName(text, score, True, True)
            if score > best.score:
                best = SealName(text, score, False, score >= SURE_NAME and ring.another_name(text, name))
        return best


def _page(picture: bytes) -> Pixels:
    """The page or card straightened where its corners are seen, its longer side at most SIDE pixels, BGR."""
    seen = decode(picture)
    rgb = seen.rgb
    corners = find_sheet(seen) if scan_dpi(seen, None) is None else None
    if corners is not None:
        rgb = straightened(rgb, corners, SIDE)
    factor = SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    page: Pixels = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
    return page
