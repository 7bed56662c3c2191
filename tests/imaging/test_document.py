"""Documents: sharp, whole, the right kind, sealed. Fields read from lines of text."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import segno
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import stamps
from bench.imaging.words import some_font
from kiosk.hardware.child import Child
from kiosk.imaging import fields, ring
from kiosk.imaging.fields import Line
from kiosk.imaging.inspector import Inspector
from kiosk.imaging.verdict import Fault, PictureRefused

Pixels = NDArray[np.uint8]


def jpeg(pixels: Pixels, dpi: int | None = 150) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=88, **({"dpi": (dpi, dpi)} if dpi else {}))
    return out.getvalue()


def letter(seal: bool = False, qr: str = "") -> Pixels:
    """An A4 page of text at 150 dpi, with a red seal or a QR if wanted."""
    rng = np.random.default_rng(4)
    image = Image.new("RGB", (1240, 1754), (250, 249, 246))
    draw = ImageDraw.Draw(image)
    font = some_font(rng, "print", 26)
    for row in range(24):
        draw.text(
            (120, 150 + row * 56), "本单位授权上述人员办理数字证书及电子签章相关事宜。", font=font, fill=(30, 30, 30)
        )
    if qr:
        code = io.BytesIO()
        segno.make(qr).save(code, kind="png", scale=4)
        image.paste(Image.open(code).convert("RGB"), (1000, 60))
    page = np.array(image)
    if seal:
        cover = stamps.inked(rng, stamps.round_seal(rng, 42, "湖南明远建设有限公司"), 0.05, 0)
        cover = cv2.resize(cover, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., None]
        part = page[1300 : 1300 + cover.shape[0], 700 : 700 + cover.shape[1]]
        part[:] = part * (1 - cover * (1 - np.array([0.85, 0.15, 0.2])))
    return page


@pytest.mark.parametrize(
    ("pixels", "kind", "sealed", "faults"),
    [
        (letter(seal=True), "letter", True, ()),
        (letter(), "letter", True, (Fault.SEAL_MISSING,)),
        (letter(), "letter", False, ()),
        (letter(qr="KIOSK1:unit_application:A1:1"), "form", False, ()),
        (letter(), "form", False, (Fault.WRONG_KIND,)),
        (letter(qr="KIOSK1:unit_application:A1:1"), "licence", False, (Fault.WRONG_KIND,)),
        (np.full((1754, 1240, 3), 248, np.uint8), "letter", False, (Fault.EMPTY,)),
        (cv2.GaussianBlur(letter(), (0, 0), 4), "letter", False, (Fault.BLURRED,)),
        (letter()[:300, :500], "letter", False, (Fault.TOO_SMALL,)),
        ((letter() * 0.2).astype(np.uint8), "letter", False, (Fault.TOO_DARK,)),
    ],
)
def test_faults(pixels: Pixels, kind: str, sealed: bool, faults: tuple[Fault, ...]) -> None:
    verdict = Inspector().document(jpeg(np.ascontiguousarray(pixels)), kind, sealed)
    assert verdict.faults == faults
    assert verdict.ok is not bool(faults)


def test_a_photo_without_all_corners_is_not_whole() -> None:
    assert Fault.CORNERS_MISSING in Inspector().document(jpeg(letter()[200:1400, 100:1100], None), "letter").faults


def test_corners_of_a_photo_are_found_and_the_page_straightened() -> None:
    desk = np.full((2000, 1500, 3), (90, 70, 50), np.uint8)
    corners = np.array([[180, 160], [1330, 210], [1290, 1830], [210, 1790]], np.float32)
    page = letter()
    edge = np.array([[0, 0], [1240, 0], [1240, 1754], [0, 1754]], np.float32)
    move = cv2.getPerspectiveTransform(edge, corners)
    cv2.warpPerspective(page, move, (1500, 2000), desk, borderMode=cv2.BORDER_TRANSPARENT)
    verdict = Inspector().document(jpeg(cv2.GaussianBlur(desk, (0, 0), 0.7), None), "letter")
    assert verdict.ok
    assert np.abs(np.array(verdict.corners_px) - corners).max() < 2.5


def test_a_child_with_little_memory_serves_and_refuses() -> None:
    with Child("inspector", "kiosk.imaging.inspector:Inspector", {}, memory_mb=1500) as child:
        assert child.call("document", deadline=30, picture=jpeg(letter()), kind="letter", sealed=False).ok
        with pytest.raises(PictureRefused, match="not_a_picture"):
            child.call("normalise", deadline=30, picture=b"hello, this is no picture")
        assert child.call("normalise", deadline=30, picture=jpeg(letter()))[:2] == b"\xff\xd8"


def row(text: str, top: float, left: float = 100, score: float = 0.99) -> Line:
    return Line(text, score, left, top, left + 22 * len(text), top + 24)


def test_licence_fields() -> None:
    lines = [
        row("统一社会信用代码", 40), row("91430100MA4L16JQ9B", 70),
        row("名称", 150), row("湖南明远建设有限公司", 152, 260),
        row("类型 有限责任公司", 200), row("法定代表人 李明", 250), row("住所", 300),
        row("湖南省长沙市岳麓区麓谷大道", 301, 260), row("662号", 332, 262), row("登记机关", 420),
    ]  # fmt: skip
    told = fields.licence(lines)
    assert told["name"] == "湖南明远建设有限公司"
    assert told["legal_representative"] == "李明"
    assert told["address"] == "湖南省长沙市岳麓区麓谷大道662号"
    assert told["credit_code"] in ("", "91430100MA4L16JQ9B")


def test_labels_printed_wide_apart() -> None:
    lines = [
        row("名", 150), row("称", 151, 180), row("湖南明远建设有限公司", 152, 260),
        row("住", 300), row("所湖南省长沙市岳麓区麓谷大道", 301, 180), row("662号", 332, 262), row("登记机关", 420),
    ]  # fmt: skip
    told = fields.licence(lines)
    assert told["name"] == "湖南明远建设有限公司"
    assert told["address"] == "湖南省长沙市岳麓区麓谷大道662号"


def test_half_an_address_is_none() -> None:
    lines = [row("住所", 300), row("湖南省长沙市岳麓区麓谷大道", 301, 260), row("662号", 332, 262, score=0.4)]
    assert fields.licence(lines)["address"] == ""


def test_what_is_not_sure_stays_empty() -> None:
    assert fields.licence([row("名称 湖南明远", 10, score=0.5)])["name"] == ""
    assert fields.id_front([row("公民身份号码 430181196703240513", 10)])["number"] == ""


def test_check_digits_decide() -> None:
    assert fields.id_number_valid("11010519491231002X")
    assert not fields.id_number_valid("110105194912310021")
    assert fields.credit_code_valid("91350100M000100Y43")
    assert not fields.credit_code_valid("91350100M000100Y44")


def test_validity_of_an_id_card() -> None:
    assert fields.id_back([row("有效期限 2019.01.31-2039.01.31", 5)]) == {
        "valid_from": "2019-01-31",
        "valid_to": "2039-01-31",
    }
    assert fields.id_back([row("2019.01.31-长期", 5)])["valid_to"] == "长期"
    assert fields.id_back([row("2019.02.31-2039.01.31", 5)])["valid_from"] == ""


@pytest.mark.parametrize(
    ("read", "same"),
    [
        ("湖南明远建设有限公司", True),
        ("有限公司湖南明远建设", True),
        ("4301湖南明远建设有限公司", True),
        ("湖南明达建设有限公司", False),
        ("", False),
    ],
)
def test_names_on_a_ring(read: str, same: bool) -> None:
    assert ring.same_name(read, "湖南明远建设有限公司") is same
