"""Fictitious A4 pages at 300 dpi, as they would lie on the glass: licence, ID card copy, letter, permit, form with
a seal.
"""

from __future__ import annotations

import functools
import io
import math
import random
from collections.abc import Sequence

import segno
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kiosk.simulators.people import COMPANIES, PERSONS

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
SERIF = "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc"
DPI = 300
MM = DPI / 25.4
SIZE = (round(210 * MM), round(297 * MM))
RED = (200, 30, 36)
NAMES = {
    "licence": "营业执照复印件（盖章）",
    "id_front": "身份证复印件正面（盖章）",
    "id_back": "身份证复印件反面（盖章）",
    "letter": "授权委托书（盖章）",
    "permit": "资质证书",
    "form": "申请表（盖章）",
    "seal": "印章采集表：清晰的公章",
    "seal_touching": "印章采集表：公章贴边",
    "seal_faint": "印章采集表：公章太淡",
    "signature": "签名采集表：手写签名",
    "blank": "白纸",
}


def _font(size_mm: float, path: str = FONT) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, round(size_mm * MM))


def seal(unit: str, diameter_mm: float = 42.0, strength: float = 1.0) -> Image.Image:
    """A round company seal: ring, star, name along the ring. RGBA, drawn at twice the size and reduced."""
    side = round((diameter_mm + 4) * MM * 2)
    middle, radius = side / 2, diameter_mm * MM
    ink = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(ink)
    draw.ellipse(
        (middle - radius, middle - radius, middle + radius, middle + radius), outline=255, width=round(2.4 * MM)
    )
    points = []
    for corner in range(10):
        reach = radius * (0.33 if corner % 2 == 0 else 0.13)
        angle = math.radians(-90 + 36 * corner)
        points.append((middle + reach * math.cos(angle), middle + reach * math.sin(angle)))
    draw.polygon(points, fill=255)
    name = unit or "湖南示例科技有限公司"
    font = ImageFont.truetype(SERIF, round(min(radius * 0.3, 1.9 * math.pi * radius * 0.74 / (len(name) + 3))))
    for index, letter in enumerate(name):
        share = (index + 0.5) / len(name)
        angle = -220 + 260 * share
        tile = Image.new("L", (round(font.size * 1.3),) * 2, 0)
        ImageDraw.Draw(tile).text((tile.width / 2, tile.height / 2), letter, font=font, fill=255, anchor="mm")
        tile = tile.rotate(-(angle + 90), resample=Image.Resampling.BICUBIC)
        spot = (
            middle + radius * 0.74 * math.cos(math.radians(angle)),
            middle + radius * 0.74 * math.sin(math.radians(angle)),
        )
        ink.paste(255, (round(spot[0] - tile.width / 2), round(spot[1] - tile.height / 2)), tile)
    ink = ink.resize((side // 2, side // 2), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.8))
    ink = ink.point(lambda value: round(value * 0.92 * strength))
    stamp = Image.new("RGBA", ink.size, (*RED, 0))
    stamp.putalpha(ink)
    return stamp


def _page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("RGB", SIZE, (252, 252, 250))
    return page, ImageDraw.Draw(page)


def _put(page: Image.Image, stamp: Image.Image, x_mm: float, y_mm: float) -> None:
    """Stamp centred at (x, y) mm."""
    page.paste(stamp, (round(x_mm * MM - stamp.width / 2), round(y_mm * MM - stamp.height / 2)), stamp)


def _lines(draw: ImageDraw.ImageDraw, title: str, rows: list[str], top: float = 60) -> None:
    draw.text((105 * MM, 38 * MM), title, font=_font(9, SERIF), fill=(20, 20, 20), anchor="mm")
    for index, row in enumerate(rows):
        draw.text((28 * MM, (top + index * 12) * MM), row, font=_font(4.6), fill=(25, 25, 25))


def _licence(unit: str, person: str, number: str) -> Image.Image:
    page, draw = _page()
    draw.rectangle((14 * MM, 14 * MM, 196 * MM, 283 * MM), outline=(60, 60, 60), width=6)
    company = next((one for one in COMPANIES if one.name == unit), None)
    legal = company.legal.name if company else person
    rows = [
        f"统一社会信用代码　{company.uscc if company else number}",
        f"名称　　　{unit}",
        "类型　　　有限责任公司（自然人投资或控股）",
        f"法定代表人　{legal}",
        "注册资本　壹仟万元整",
        "成立日期　2015年06月18日",
        f"住所　　　{company.address if company else '湖南省益阳市赫山区示范路100号'}",
        "经营范围　工程咨询；建筑材料销售；信息技术服务（示例文本）",
    ]
    _lines(draw, "营 业 执 照", rows, 70)
    _put(page, seal(unit), 145, 215)
    return page


def _id_copy(unit: str, person: str, number: str, back: bool) -> Image.Image:
    page, draw = _page()
    left, top = 62, 60
    draw.rounded_rectangle(
        (left * MM, top * MM, (left + 85.6) * MM, (top + 54) * MM),
        3.2 * MM,
        outline=(70, 70, 70),
        width=4,
        fill=(240, 240, 240),
    )
    if back:
        draw.text(
            ((left + 50) * MM, (top + 14) * MM),
            "中华人民共和国",
            font=_font(4.6, SERIF),
            fill=(30, 30, 30),
            anchor="mm",
        )
        draw.text(
            ((left + 50) * MM, (top + 23) * MM), "居民身份证", font=_font(6, SERIF), fill=(30, 30, 30), anchor="mm"
        )
        draw.text(((left + 20) * MM, (top + 38) * MM), "签发机关　示例市公安局", font=_font(3), fill=(30, 30, 30))
        draw.text(
            ((left + 20) * MM, (top + 45) * MM), "有效期限　2018.05.01-2038.05.01", font=_font(3), fill=(30, 30, 30)
        )
    else:
        birth = number[6:14] if len(number) == 18 else "19900101"
        rows = [
            f"姓名　{person}",
            "性别　男　民族　汉",
            f"出生　{birth[:4]}年{birth[4:6]}月{birth[6:]}日",
            "住址　湖南省益阳市赫山区示例路1号",
        ]
        for index, row in enumerate(rows):
            draw.text(((left + 6) * MM, (top + 6 + index * 8) * MM), row, font=_font(3.1), fill=(30, 30, 30))
        draw.text(((left + 6) * MM, (top + 45) * MM), f"公民身份号码　{number}", font=_font(3.3), fill=(30, 30, 30))
        draw.rectangle(
            ((left + 60) * MM, (top + 6) * MM, (left + 81) * MM, (top + 34) * MM),
            fill=(190, 190, 190),
            outline=(90, 90, 90),
        )
    draw.text((28 * MM, 150 * MM), "与原件一致，仅用于办理数字证书", font=_font(4.6), fill=(25, 25, 25))
    _put(page, seal(unit), 140, 190)
    return page


def _letter(unit: str, person: str, number: str) -> Image.Image:
    page, draw = _page()
    rows = [
        f"{unit}　委托　{person}",
        f"（证件号码　{number}）",
        "到受理点办理数字证书延期　1　张。",
        "被委托人不得转委托，本委托仅用于本次业务。",
        "",
        "单位（盖章）：",
        "日期：2026 年 11 月 21 日",
    ]
    _lines(draw, "授 权 委 托 书", rows)
    _put(page, seal(unit), 120, 160)
    return page


def _permit(unit: str, person: str, number: str) -> Image.Image:
    page, draw = _page()
    rows = [
        f"单位名称　{unit}",
        "证书编号　D243000000（示例）",
        "资质等级　建筑工程施工总承包叁级",
        "有效期至　2029年12月31日",
    ]
    _lines(draw, "资 质 证 书", rows, 80)
    _put(page, seal("示例主管部门审批专用章"), 145, 200)
    return page


def _boxed(title: str, order: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page, draw = _page()
    _lines(draw, title, ["请在下面方框的正中盖章或签名，不要碰到边线。"], 56)
    draw.rectangle((60 * MM, 90 * MM, 150 * MM, 160 * MM), outline=(20, 20, 20), width=5)
    draw.text((28 * MM, 190 * MM), "经办人（签名）　　　　　　　　日期", font=_font(4.6), fill=(25, 25, 25))
    if order:
        page.paste(_qr(f"KIOSK1:unit_application:{order}:1", 19), (round(171 * MM), round(15 * MM)))
    return page, draw


def _qr(text: str, side_mm: float) -> Image.Image:
    """The code every sheet printed by a kiosk carries in its head."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="png", scale=8, border=0)
    side = round(side_mm * MM)
    return Image.open(out).convert("RGB").resize((side, side), Image.Resampling.NEAREST)


def _curve(points: Sequence[tuple[float, float]], steps: int = 60) -> list[tuple[float, float]]:
    """A smooth line through the points (Catmull-Rom)."""

    def between(p: float, q: float, r: float, s: float, t: float) -> float:
        return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)

    through = [points[0], *points, points[-1]]
    line = []
    for a, b, c, d in zip(through, through[1:], through[2:], through[3:], strict=False):
        for step in range(steps):
            t = step / steps
            line.append((between(a[0], b[0], c[0], d[0], t), between(a[1], b[1], c[1], d[1], t)))
    return line


def _sealed_box(unit: str, order: str, x: float = 105, y: float = 125, strength: float = 1.0) -> Image.Image:
    page, _ = _boxed("数字证书印章采集表", order)
    _put(page, seal(unit, strength=strength), x, y)
    return page


def _signature(person: str, order: str) -> Image.Image:
    page, draw = _boxed("个人签章采集表", order)
    random.seed(person)

    def pen(points: Sequence[tuple[float, float]]) -> None:
        """One stroke: a hand begins and ends each a little elsewhere, and sets the pen down and lifts it softly."""
        line = [(x * MM, y * MM) for x, y in _curve(points)]
        for at, (x, y) in enumerate(line):
            r = 4.5 * min(1.0, 0.4 + min(at, len(line) - 1 - at) / 40)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=(28, 28, 60))

    for letter in range(max(len(person), 2)):
        x, y = 82 + letter * 18, 122 + random.uniform(-1.5, 1.5)
        for row in (-7, 0, 7):
            rise, left, right = random.uniform(-2, 2), random.uniform(5, 8), random.uniform(5, 8)
            pen([(x - left, y + row), (x - 2, y + row - rise), (x + 3, y + row + rise), (x + right, y + row - 1)])
        pen([(x + random.uniform(-1, 1), y - 10), (x - 1, y), (x - 3, y + random.uniform(9, 12))])
    return page


@functools.cache
def _grain() -> Image.Image:
    """The grain of paper and scanner, one tile over the whole page."""
    tile, page = Image.effect_noise((512, 512), 5).convert("RGB"), Image.new("RGB", SIZE)
    for x in range(0, SIZE[0], tile.width):
        for y in range(0, SIZE[1], tile.height):
            page.paste(tile, (x, y))
    return page


def draw(name: str, unit: str = "", person: str = "", number: str = "", order: str = "") -> bytes:
    """PNG of one page; ``name`` is a key of :data:`NAMES`. ``order``: whose sheet it is; without one it carries no QR.

    A company and a person that are known by their names bring their own numbers.
    """
    unit, person = unit or COMPANIES[0].name, person or PERSONS[0].name
    number = next((one.number for one in PERSONS if one.name == person), number)
    made = {
        "licence": lambda: _licence(unit, person, number),
        "id_front": lambda: _id_copy(unit, person, number, False),
        "id_back": lambda: _id_copy(unit, person, number, True),
        "letter": lambda: _letter(unit, person, number),
        "permit": lambda: _permit(unit, person, number),
        "form": lambda: _sealed_box(unit, order),
        "seal": lambda: _sealed_box(unit, order),
        "seal_touching": lambda: _sealed_box(unit, order, 79, 125),
        "seal_faint": lambda: _sealed_box(unit, order, strength=0.22),
        "signature": lambda: _signature(person, order),
        "blank": lambda: _page()[0],
    }[name]()
    made = Image.blend(made, _grain(), 0.015)
    out = io.BytesIO()
    made.save(out, "PNG", dpi=(DPI, DPI), compress_level=1)
    return out.getvalue()
