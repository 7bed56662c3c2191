"""Made-up licences and ID cards as a scanner or a hand-held camera sees them, with what stands on them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import segno
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging import stamps
from bench.imaging.words import PX_MM, person, pick, some_font, unit_name
from kiosk.imaging.fields import credit_code_valid, id_number_valid

Pixels = NDArray[np.uint8]
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_STREETS = ["麓谷大道", "芙蓉中路二段", "迎宾东路", "万家丽北路", "桃花仑西路", "朝阳街道金山社区", "高新区东部产业园"]
_TOWNS = [
    "湖南省长沙市岳麓区",
    "湖南省益阳市赫山区",
    "湖南省常德市武陵区",
    "湖南省岳阳市岳阳楼区",
    "湖南省株洲市天元区",
]


@dataclass
class Paper:
    """A picture and the fields that stand on it."""

    data: bytes
    kind: str
    truth: dict[str, str] = field(default_factory=dict)


def code(rng: np.random.Generator) -> str:
    """A credit code with a right check digit (GB 32100)."""
    body = "91430" + "".join(str(d) for d in rng.integers(0, 10, 3))
    body += "MA" + "".join(_CODE[int(k)] for k in rng.integers(0, len(_CODE), 7))
    return next(body + last for last in _CODE if credit_code_valid(body + last))


def number(rng: np.random.Generator) -> str:
    """An ID number with a right check digit (GB 11643)."""
    body = f"4301{rng.integers(2, 25):02d}{rng.integers(1955, 2004)}{rng.integers(1, 13):02d}{rng.integers(1, 28):02d}"
    body += f"{rng.integers(0, 1000):03d}"
    return next(body + last for last in "0123456789X" if id_number_valid(body + last))


def _text(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, font: Any, ink: tuple[int, int, int]) -> None:
    draw.text((x * PX_MM, y * PX_MM), text, font=font, fill=ink)


def _ground(rng: np.random.Generator, wide: float, high: float) -> Image.Image:
    """Cream paper with fine waves and an ornamental border."""
    w, h = round(wide * PX_MM), round(high * PX_MM)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    waves = np.sin(xx / rng.uniform(9, 16) + 3 * np.sin(yy / rng.uniform(60, 120))) * rng.uniform(2, 7)
    tint = np.array([250, 247, 238], np.float32) - rng.uniform(0, [6, 8, 22])
    page = np.clip(tint + waves[..., None] * np.array([0.6, 0.8, 1.0]), 0, 255).astype(np.uint8)
    for at, thick in ((8, 1.2), (10.5, 0.35)):
        corner = (round(at * PX_MM), round(at * PX_MM)), (w - round(at * PX_MM), h - round(at * PX_MM))
        cv2.rectangle(page, *corner, (150, 110, 50), max(1, round(thick * PX_MM)))
    return Image.fromarray(page)


def _address(rng: np.random.Generator) -> str:
    house = f"{rng.integers(1, 999)}号{rng.integers(1, 30)}栋{rng.integers(101, 2900)}室"
    return f"{pick(rng, _TOWNS)}{pick(rng, _STREETS)}{house}"


def licence(rng: np.random.Generator, lying: bool) -> tuple[Pixels, dict[str, str]]:
    """A business licence: lying (two columns, long values wrapped) or upright; with the register's QR or without."""
    truth = {"credit_code": code(rng), "name": unit_name(rng)}
    truth |= {"legal_representative": person(rng), "address": _address(rng)}
    wide, high = (297.0, 210.0) if lying else (210.0, 297.0)
    page = _ground(rng, wide, high)
    draw = ImageDraw.Draw(page)
    ink = (28, 26, 24)
    _text(draw, wide / 2 - 38, 30, "营 业 执 照", some_font(rng, "print", 15 * PX_MM), ink)
    small, body = some_font(rng, "print", 4.0 * PX_MM), some_font(rng, "print", rng.uniform(3.7, 4.4) * PX_MM)
    _text(draw, 24, 48, "统一社会信用代码", small, ink)
    _text(draw, 24, 54, truth["credit_code"], some_font(rng, "print", 4.6 * PX_MM), ink)
    if rng.random() < 0.5:
        out = io.BytesIO()
        address = f"https://www.gsxt.gov.cn/index.html?uniscid={truth['credit_code']}"
        segno.make(address).save(out, kind="png", scale=6)
        page.paste(Image.open(out).convert("RGB").resize((330, 330)), (page.width - 600, round(30 * PX_MM)))
    left = [
        ("名        称", truth["name"]), ("类        型", "有限责任公司（自然人投资或控股）"),
        ("法定代表人", truth["legal_representative"]), ("经 营 范 围", "建筑工程施工；工程咨询；建筑材料销售"),
    ]  # fmt: skip
    right = [
        ("注 册 资 本", "壹仟万元整"), ("成 立 日 期", "2015年06月18日"), ("住        所", truth["address"]),
    ]  # fmt: skip
    _column(draw, 26, 82, left, body, ink, 120 if lying else 165, 15)
    _column(draw, 162 if lying else 26, 82 if lying else 148, right, body, ink, 262 if lying else 165, 15)
    _text(draw, wide - 110, high - 48, "登记机关", body, ink)
    _stamp(rng, page, wide - 62, high - 42, "益阳市市场监督管理局")
    if rng.random() < 0.6:
        _stamp(rng, page, wide * 0.3, high - 40, truth["name"])
    return np.asarray(page).copy(), truth


def _column(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    rows: list[tuple[str, str]],
    font: Any,
    ink: Any,
    until: float,
    step: float,
) -> None:
    """Labels with their values; a value that is too long goes on in the next line."""
    for label, value in rows:
        _text(draw, x, y, label, font, (90, 60, 40))
        room, line = (until - x - 28) * PX_MM, ""
        for letter in value:
            if font.getlength(line + letter) > room:
                _text(draw, x + 28, y, line, font, ink)
                y, line = y + 6.5, ""
            line += letter
        _text(draw, x + 28, y, line, font, ink)
        y += step


def _stamp(rng: np.random.Generator, page: Image.Image, x: float, y: float, name: str) -> None:
    cover = stamps.inked(rng, stamps.round_seal(rng, 40, name), rng.uniform(0.05, 0.25), 0)
    pixels = np.asarray(page).copy()
    left, top = round(x * PX_MM - cover.shape[1] / 2), round(y * PX_MM - cover.shape[0] / 2)
    part = pixels[top : top + cover.shape[0], left : left + cover.shape[1]]
    ink = np.array([0.88, 0.2, 0.2], np.float32)
    shade = cover[: part.shape[0], : part.shape[1], None]
    part[:] = np.clip(part * (1 - shade * (1 - ink)), 0, 255).astype(np.uint8)
    page.paste(Image.fromarray(pixels))


def id_copy(rng: np.random.Generator, back: bool) -> tuple[Pixels, dict[str, str]]:
    """A copy of an ID card on A4, sealed by the unit."""
    page = Image.new("RGB", (round(210 * PX_MM), round(297 * PX_MM)), (251, 251, 249))
    draw = ImageDraw.Draw(page)
    grey = (40, 40, 40)
    x, y = rng.uniform(40, 80), rng.uniform(40, 90)
    box = [v * PX_MM for v in (x, y, x + 85.6, y + 54)]
    shade = int(rng.integers(205, 245))
    draw.rounded_rectangle(box, 3.2 * PX_MM, outline=(110, 110, 110), width=3, fill=(shade, shade, shade))
    small = some_font(rng, "print", 2.9 * PX_MM)
    if back:
        begins, years = int(rng.integers(2008, 2026)), int(pick(rng, [10, 20]))
        day = f"{rng.integers(1, 13):02d}.{rng.integers(1, 28):02d}"
        dash = day.replace(".", "-")
        truth = {
            "valid_from": f"{begins}-{dash}",
            "valid_to": f"{begins + years}-{dash}",
        }
        _text(draw, x + 34, y + 8, "中华人民共和国", some_font(rng, "print", 4.4 * PX_MM), grey)
        _text(draw, x + 34, y + 17, "居民身份证", some_font(rng, "print", 6 * PX_MM), grey)
        _text(draw, x + 16, y + 37, "签发机关　长沙市公安局岳麓分局", small, grey)
        _text(draw, x + 16, y + 45, f"有效期限　{begins}.{day}-{begins + years}.{day}", small, grey)
    else:
        truth = {"name": person(rng), "number": number(rng)}
        born = truth["number"]
        birthday = f"{born[6:10]}年{int(born[10:12])}月{int(born[12:14])}日"
        rows = [
            f"姓名　{truth['name']}", "性别　男　民族　汉", f"出生　{birthday}",
            f"住址　{pick(rng, _TOWNS)}{pick(rng, _STREETS)}",
        ]  # fmt: skip
        for k, row in enumerate(rows):
            _text(draw, x + 6, y + 5.5 + 8 * k, row, small, grey)
        _text(draw, x + 6, y + 45, f"公民身份号码　{truth['number']}", some_font(rng, "print", 3.2 * PX_MM), grey)
        draw.rectangle([v * PX_MM for v in (x + 60, y + 6, x + 81, y + 34)], fill=(170, 170, 170))
    _text(draw, 30, 160, "与原件一致，仅用于办理数字证书", some_font(rng, "hand", 5 * PX_MM), (30, 30, 60))
    _stamp(rng, page, 140, 190, unit_name(rng))
    return np.asarray(page).copy(), truth


def scanned(rng: np.random.Generator, page: Pixels) -> bytes:
    """On the glass at 300 dpi: a little askew, some upside down; a lying page lies on its side."""
    if page.shape[1] > page.shape[0]:
        page = np.ascontiguousarray(np.rot90(page, int(pick(rng, [1, 3]))))
    elif rng.random() < 0.15:
        page = np.ascontiguousarray(np.rot90(page, 2))
    h, w = page.shape[:2]
    tilt = cv2.getRotationMatrix2D((w / 2, h / 2), float(np.clip(rng.normal(0, 0.8), -3, 3)), 1)
    seen = cv2.warpAffine(page, tilt, (w, h), borderValue=(246, 246, 246))
    seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 1.0))
    return _encoded(rng, seen, rng.uniform(1, 4), 300)


def photographed(rng: np.random.Generator, page: Pixels) -> bytes:
    """From a hand: perspective, uneven light, a spot of glare, a desk around it."""
    h, w = page.shape[:2]
    size = (4160, 3120) if w > h else (3120, 4160)
    scale = min(size[0] / w, size[1] / h) * rng.uniform(0.82, 0.94)
    base = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) * scale / 2
    quad = base * (1 - np.abs(rng.normal(0, 0.03, (4, 2))).clip(0, 0.1)) + np.array(size) / 2
    move = cv2.getPerspectiveTransform(np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), quad.astype(np.float32))
    desk = np.full((size[1], size[0], 3), rng.integers(30, 110, 3), np.uint8)
    cv2.warpPerspective(page, move, size, desk, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    light = 1 - 0.2 * cv2.resize(np.abs(stamps.noise(rng, (52, 39), 30)), size)
    x, y = rng.uniform(0.2, 0.8, 2) * size
    yy, xx = np.ogrid[0 : size[1], 0 : size[0]]
    glare = np.exp(-(((xx - x) ** 2 + (yy - y) ** 2) / (2 * (rng.uniform(0.04, 0.09) * size[0]) ** 2))) * rng.uniform(
        0, 90
    )
    seen = np.clip(desk * light[..., None] + glare[..., None], 0, 255).astype(np.uint8)
    return _encoded(rng, cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.5, 1.3)), rng.uniform(1.5, 5), None)


def _encoded(rng: np.random.Generator, picture: Pixels, sigma: float, dpi: int | None) -> bytes:
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    grain = np.empty(picture.shape, np.int16)
    cv2.randn(grain, 0, sigma)
    out = io.BytesIO()
    facts = {"dpi": (dpi, dpi)} if dpi else {}
    noisy = cv2.add(picture, grain, dtype=cv2.CV_8U)
    Image.fromarray(noisy).save(out, "JPEG", quality=int(rng.integers(75, 95)), **facts)
    return out.getvalue()


def make(seed: int, index: int, kind: str, photo: bool) -> Paper:
    """Paper number ``index`` of a seed; ``kind``: licence, id_front or id_back."""
    rng = np.random.default_rng([seed, index, ["licence", "id_front", "id_back"].index(kind), photo])
    page, truth = licence(rng, rng.random() < 0.6) if kind == "licence" else id_copy(rng, kind == "id_back")
    return Paper((photographed if photo else scanned)(rng, page), kind, truth)
