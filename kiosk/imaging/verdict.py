"""What the imaging room says about a picture: labels, verdicts, and the one error it raises.

All values are plain data that survive a pipe. Lengths are millimetres on the paper, points are pixels of the picture
as given (after its EXIF rotation was applied), ``[x, y]`` from the top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Label(StrEnum):
    """Why a seal or signature cannot be taken. No label at all means: accepted.

    The rule of the application forms: 清晰完整，切勿贴边、压字、压线.
    """

    NONE = "none"
    TOUCH_BORDER = "touch_border"
    OVER_TEXT = "over_text"
    OVER_LINE = "over_line"
    FAINT = "faint"
    INCOMPLETE = "incomplete"
    BLURRED = "blurred"
    SMEARED = "smeared"
    CROPPED = "cropped"
    TWO_SEALS = "two_seals"
    NOT_RED = "not_red"
    NOT_ROUND = "not_round"


class Fault(StrEnum):
    """Why a document's picture cannot be taken."""

    EMPTY = "empty"
    BLURRED = "blurred"
    CORNERS_MISSING = "corners_missing"
    WRONG_KIND = "wrong_kind"
    SEAL_MISSING = "seal_missing"
    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    GLARE = "glare"


#: What the person reads for each label: what is wrong, then what to do.
SENTENCES: dict[str, str] = {
    Label.NONE: "采集框内没有看到印章或签名。请在空白框正中盖章（签名）后重新扫描。",
    Label.TOUCH_BORDER: "印章（签名）贴到了采集框的边线。请在空白框正中重新盖章（签名）。",
    Label.OVER_TEXT: "印章（签名）压在了文字上。请换一张申请表，盖（签）在空白处。",
    Label.OVER_LINE: "印章（签名）压在了线条上。请换一张申请表，避开线条盖章（签名）。",
    Label.FAINT: "印迹太淡。请蘸足印泥（换一支笔）后重新盖章（签名）。",
    Label.INCOMPLETE: "印章（签名）不完整。请垫平纸张、均匀用力，重新盖章（签名）。",
    Label.BLURRED: "图像模糊。请把纸张压平、放稳后重新扫描。",
    Label.SMEARED: "印迹有重影或被抹花。请换一处空白，一次盖（签）成，晾干后再扫描。",
    Label.CROPPED: "印章（签名）有一部分在画面之外。请把纸张完整放到扫描面板上。",
    Label.TWO_SEALS: "采集框内有不止一个印章。请换一张申请表，只盖一个章。",
    Label.NOT_RED: "单位公章应为红色，复印件不能采集。请用红色印泥在原件上盖章。",
    Label.NOT_ROUND: "单位公章应为圆形。请盖单位圆形公章，不要用方章或椭圆章。",
}

FAULT_SENTENCES: dict[str, str] = {
    Fault.EMPTY: "没有看到材料。请把材料有字的一面朝下放在扫描面板上。",
    Fault.BLURRED: "材料不够清晰。请压平、放稳后重新扫描。",
    Fault.CORNERS_MISSING: "材料没有放全。请让四个角都在扫描面板之内。",
    Fault.WRONG_KIND: "这不像所要求的材料。请核对材料名称后重新扫描。",
    Fault.SEAL_MISSING: "复印件上没有看到红色公章。请加盖单位公章后重新扫描。",
    Fault.TOO_SMALL: "图像太小，看不清文字。请用不低于 200 dpi 重新扫描。",
    Fault.TOO_DARK: "图像太暗。请在光线充足处重新拍摄。",
    Fault.GLARE: "材料上有反光。请换个角度重新拍摄。",
}


class PictureRefused(Exception):
    """The bytes are no picture that can be judged.

    Codes: ``empty``, ``not_a_picture``, ``too_many_bytes``, ``too_large``, ``too_small``, ``truncated``,
    ``animated``, ``unsupported``.
    """

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return (_refused, (self.code, self.facts))


def _refused(code: str, facts: dict[str, Any]) -> PictureRefused:
    return PictureRefused(code, **facts)


@dataclass(frozen=True)
class SealVerdict:
    """The verdict on one capture box.

    ``alpha`` is an 8-bit mask (0 paper, 255 solid ink) whose top left pixel lies at ``alpha_origin`` of the picture.
    ``seal_png`` is the cut-out: ink only, transparent, its true size in the PNG's pHYs. ``colour_png`` keeps the
    colours as they were seen. ``marked_png`` shows the box with each fault marked; ``places``: where
    faults that have a place lie (left, top, right, bottom). ``size_mm`` is the cut-out's
    width and height.
    """

    found: bool
    defects: tuple[Label, ...]
    center_px: tuple[float, float] | None = None
    diameter_mm: float | None = None
    alpha: NDArray[np.uint8] | None = None
    alpha_origin: tuple[int, int] = (0, 0)
    seal_png: bytes | None = None
    colour_png: bytes | None = None
    marked_png: bytes | None = None
    places: tuple[tuple[Label, tuple[float, float, float, float]], ...] = ()
    size_mm: tuple[float, float] | None = None
    dpi: float | None = None
    ms: float = 0.0
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """True when the seal or signature can be used as it is."""
        return self.found and not self.defects


@dataclass(frozen=True)
class DocumentVerdict:
    """The verdict on the picture of a document.

    ``corners_px`` are the sheet's corners (top left, top right, bottom right, bottom left) where they were seen;
    ``page_png`` is the straightened page or card; ``qr`` the texts of the QR codes on it.
    """

    ok: bool
    faults: tuple[Fault, ...]
    kind_seen: str | None = None
    corners_px: tuple[tuple[float, float], ...] = ()
    page_jpeg: bytes | None = None
    qr: tuple[str, ...] = ()
    red_seals: int = 0
    ms: float = 0.0
    measures: dict[str, float] = field(default_factory=dict)
