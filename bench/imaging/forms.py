"""Blank forms as print coverage at 300 dpi: the unit and personal application forms, sampling sheets, unknown forms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.imaging.words import PX_MM, pick, some_font, unit_name

PAGE = (210.0, 297.0)
Rect = tuple[float, float, float, float]

HINTS = [
    "印章类型为扫描章的请在以下空白处加盖公章用于采集，请保证其清晰完整，切勿贴边、压字、压线。",
    "请在以下空白处加盖公章（清晰）",
    "请在下框内加盖单位公章，印章应清晰、完整，不得贴边、压字、压线",
]
SIGN_HINTS = [
    "请申请人在框内签名（清晰、完整）",
    "请用黑色签字笔在下方空白处签名，字迹勿超出边框。",
    "请申请人本人在以下空白处签名用于采集，该签名仅用于办理“电子签章”相关事宜，切勿贴边、压字、压线。",
    "请在以下空白处签名或加盖个人印章，请保证其清晰完整",
]
FIELDS = [
    ["*单位名称"],
    ["*单位组织机构代码", "*社保编号"],
    ["*统一社会信用代码"],
    ["*单位类型"],
    ["*法定代表人", "*身份证号码"],
    ["*经办人姓名", "*身份证号码"],
    ["*固定电话", "*移动电话"],
    ["*通讯地址", "电子邮件"],
]
PERSON_FIELDS = [["*姓名", "*证件类型"], ["*证件号码"], ["*手机号码", "电子邮箱"], ["联系详细地址"]]
KINDS = "□企业 □机关 □事业单位法人 □民间组织 □工会 □其他"


@dataclass
class Form:
    """A drawn form: ``cover`` of print, the capture ``box`` (inner, mm), boxes of text and rules inside it, mm."""

    cover: NDArray[np.uint8]
    box: Rect
    texts: list[Rect] = field(default_factory=list)
    rules: list[Rect] = field(default_factory=list)
    stamp_places: list[tuple[float, float]] = field(default_factory=list)
    blanks: list[Rect] = field(default_factory=list)


class Pen:
    """Draws in millimetres on a page's print layer."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.image = Image.new("L", (round(PAGE[0] * PX_MM), round(PAGE[1] * PX_MM)), 0)
        self.draw = ImageDraw.Draw(self.image)
        self.rule = float(rng.uniform(0.18, 0.5))
        self.face = int(rng.integers(1000))

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float | None = None) -> None:
        w = max(2, round((width or self.rule) * PX_MM))
        a, b, c, d = (v * PX_MM for v in (x0, y0, x1, y1))
        if abs(x1 - x0) >= abs(y1 - y0):
            self.draw.rectangle((a - w / 2, b - w / 2, c + w / 2, b + w / 2 - 1), fill=255)
        else:
            self.draw.rectangle((a - w / 2, b - w / 2, a + w / 2 - 1, d + w / 2), fill=255)

    def box(self, x0: float, y0: float, x1: float, y1: float, width: float | None = None) -> None:
        self.line(x0, y0, x1, y0, width)
        self.line(x0, y1, x1, y1, width)
        self.line(x0, y0, x0, y1, width)
        self.line(x1, y0, x1, y1, width)

    def text(self, x: float, y: float, words: str, size: float = 3.7, room: float | None = None) -> Rect:
        """Words from (x, y), broken into lines no wider than ``room`` mm; returns the box they cover."""
        font = some_font(np.random.default_rng(self.face), "print", size * PX_MM)
        lines, line = [], ""
        for char in words:
            if room is not None and line and font.getlength(line + char) > room * PX_MM:
                lines.append(line)
                line = ""
            line += char
        lines.append(line)
        box = [1e9, 1e9, 0.0, 0.0]
        for k, row in enumerate(lines):
            at = (x * PX_MM, (y + k * size * 1.35) * PX_MM)
            self.draw.text(at, row, font=font, fill=255)
            seen = self.draw.textbbox(at, row, font=font)
            box = [min(box[0], seen[0]), min(box[1], seen[1]), max(box[2], seen[2]), max(box[3], seen[3])]
        return (box[0] / PX_MM, box[1] / PX_MM, box[2] / PX_MM, box[3] / PX_MM)

    def done(self) -> NDArray[np.uint8]:
        return np.asarray(self.image)


def _rows(pen: Pen, rng: np.random.Generator, left: float, right: float, top: float, fields: list[list[str]]) -> Form:
    """Ruled rows of labels; the rest of each cell is listed as blank. ``box`` is the last row's bottom edge."""
    form = Form(np.zeros((1, 1), np.uint8), (0, 0, 0, 0))
    size = float(rng.uniform(3.2, 4.0))
    height = float(rng.uniform(7, 10))
    y = top
    for row in fields:
        width = (right - left) / len(row)
        for k, label in enumerate(row):
            x = left + k * width
            split = min(32.0, width * 0.45)
            pen.box(x, y, x + width, y + height)
            pen.text(x + 1.2, y + (height - size) / 2 - 0.6, label, size)
            pen.line(x + split, y, x + split, y + height)
            if "类型" in label:
                pen.text(x + split + 1, y + (height - size) / 2 - 0.4, KINDS[: int(width / 5)], size * 0.85)
            else:
                form.blanks.append((x + split + 1, y + 1, x + width - 1, y + height - 1))
        y += height
    form.box = (left, y, right, y)
    return form


def unit_form(rng: np.random.Generator, need: float) -> Form:
    """The unit application form; ``need`` is the least height of its capture box in mm."""
    pen = Pen(rng)
    left, right = float(rng.uniform(15, 22)), 210 - float(rng.uniform(15, 22))
    top = float(rng.uniform(14, 20))
    pen.text(105 - 40, top, "单位数字证书及电子签章业务申请表", 5.2)
    pen.text(80, top + 9, str(pick(rng, ["第一联 湖南CA留存", "第二联 用户留存"])), 3.6)
    pen.text(left, top + 15, "在填写申请表之前，请仔细阅读以下注意事项：", 3.4)
    fields = FIELDS[int(rng.integers(0, 3)) :]
    form = _rows(pen, rng, left, right, top + float(rng.uniform(22, 32)), fields)
    y = form.box[1]
    split = left + float(rng.uniform(28, 52))
    height = max(need, float(rng.uniform(58, 78)))
    hint = str(pick(rng, HINTS))
    separate = rng.random() < 0.5
    head = float(rng.uniform(11, 16)) if separate else 0.0
    pen.box(left, y, right, y + head + height)
    pen.line(split, y, split, y + head + height)
    if separate:
        pen.line(left if rng.random() < 0.5 else split, y + head, right, y + head)
    pen.text(left + 1, y + 2, "申请业务类型", 3.5, split - left - 2)
    for k, word in enumerate(["□ 开通", "□ 冻结", "□ 解冻", "□ 废除", "□ 重发", "□ 更新", "□ 延期"]):
        pen.text(left + 2, y + head + 9 + k * 6.2, word, 3.5)
    said = pen.text(split + 1.5, y + 1.5, hint, float(rng.uniform(3.0, 3.7)), right - split - 3)
    form.texts = [said]
    form.box = (split, y + head, right, y + head + height)
    below = y + head + height + 4
    pen.text(left, below, "用户声明：我单位在此郑重声明：保证表内所填内容完全属实。", 3.4, right - left)
    pen.text(left, below + 13, "经办人（签名）", 3.6)
    pen.text(120, below + 13, "受理人（签名）", 3.6)
    pen.text(left, below + 21, "申请单位（盖章）", 3.6)
    pen.text(120, below + 21, "证书受理点（盖章）", 3.6)
    pen.text(left + 8, below + 31, "年     月     日", 3.6)
    form.stamp_places = [(left + 28, min(272, below + 26)), (150, min(272, below + 26))]
    form.cover = pen.done()
    return form


def sheet(rng: np.random.Generator, need: float, personal: bool) -> Form:
    """A sampling sheet: a title, a few fields and one free-standing box, its hint above, inside or below."""
    pen = Pen(rng)
    pen.text(70, 22, "个人签章采样表" if personal else str(pick(rng, ["数字证书印章采集表", "印章采样表"])), 6.0)
    form = _rows(pen, rng, 25, 185, 38, [["名称"], ["证件号码", "联系电话"]][: int(rng.integers(1, 3))])
    width = float(rng.uniform(80, 150)) if personal else max(need + 8, float(rng.uniform(66, 110)))
    height = float(rng.uniform(34, 60)) if personal else max(need, float(rng.uniform(60, 90)))
    left = (210 - width) / 2 + float(rng.uniform(-12, 12))
    top = form.box[1] + float(rng.uniform(18, 50))
    pen.box(left, top, left + width, top + height, pen.rule * float(rng.uniform(1, 2)))
    hint = str(pick(rng, SIGN_HINTS if personal else HINTS))
    where = rng.random()
    if where < 0.4:
        pen.text(left, top - 10.5, hint, 3.4, width)
    elif where < 0.8:
        form.texts = [pen.text(left + 2, top + 2, hint, 3.3, width - 4)]
    else:
        pen.text(left, top + height + 3, hint, 3.4, width)
    low = top + height + 20
    pen.text(30, low, "说明：1. 请使用红色印泥。 2. 请勿折叠。 3. 本表仅用于制作电子签章。", 3.5, 150)
    if not personal:
        pen.text(115, low + 18, "申请单位（盖章）", 3.7)
        form.stamp_places = [(150, min(270, low + 24))]
    form.box = (left, top, left + width, top + height)
    if personal and height > 54 and rng.random() < 0.35:
        form.texts.append(_signing_line(pen, rng, form.box))
    form.cover = pen.done()
    return form


def _signing_line(pen: Pen, rng: np.random.Generator, box: Rect) -> Rect:
    """A line of print near the bottom of the box, with a rule to write the date on."""
    y = box[3] - float(rng.uniform(6, 8))
    words = str(pick(rng, ["日期：", "签名日期：", "备注：", "本人签名："]))
    seen = pen.text(box[0] + 3, y, words, float(rng.uniform(2.8, 3.6)))
    end = seen[2] + float(rng.uniform(20, 45))
    if rng.random() < 0.6:
        pen.line(seen[2] + 1, seen[3] + 0.4, min(end, box[2] - 4), seen[3] + 0.4, 0.25)
    return (seen[0], seen[1], max(seen[2], end), seen[3] + 0.6)


def personal_form(rng: np.random.Generator) -> Form:
    """The personal application form with its wide box for a signature."""
    pen = Pen(rng)
    left, right = float(rng.uniform(14, 24)), 210 - float(rng.uniform(14, 24))
    top = float(rng.uniform(15, 24))
    pen.text(65, top, "个人数字证书及电子签章业务申请表", 5.2)
    fields = PERSON_FIELDS + (PERSON_FIELDS if rng.random() < 0.6 else [])
    form = _rows(pen, rng, left, right, top + 18, [*fields, ["*电子签章类型"]])
    y = form.box[1]
    if rng.random() < 0.4:
        pen.box(left, y, right, y + 8)
        pen.text(left + 60, y + 2, "个人签名收集", 3.8)
        y += 8
    label = float(rng.uniform(20, 34)) if rng.random() < 0.3 else 0.0
    separate = rng.random() < 0.6
    head = float(rng.uniform(12, 15)) if separate else 0.0
    height = float(rng.uniform(32, 52)) + (0 if separate else 10)
    pen.box(left, y, right, y + head + height)
    if label:
        pen.line(left + label, y, left + label, y + head + height)
        pen.text(left + 1.2, y + head + 6, str(pick(rng, ["签名采集", "个人签名收集", "申请人签章"])), 3.6, label - 2)
    if separate:
        pen.line(left + label, y + head, right, y + head)
    hint = str(pick(rng, SIGN_HINTS))
    form.texts = [pen.text(left + label + 1.5, y + 1.8, hint, 3.4 if label < 1 else 3.1, right - left - label - 3)]
    form.box = (left + label, y + head, right, y + head + height)
    if height > 54 and rng.random() < 0.35:
        form.texts.append(_signing_line(pen, rng, form.box))
    below = y + head + height + 5
    pen.text(left, below, "申请人声明：本人为申请数字证书及电子签章而提供的资料完全真实。", 3.4, right - left)
    pen.text(left, below + 14, "申请人签名（盖章）：", 3.6)
    pen.text(120, below + 22, "申请日期：   年   月   日", 3.6)
    form.stamp_places = [(left + 55, below + 16)]
    form.cover = pen.done()
    return form


def unknown_form(rng: np.random.Generator, need: float) -> Form:
    """A letter of some other office with a ruled box somewhere in it."""
    pen = Pen(rng)
    y = 24.0
    pen.text(70, y, str(pick(rng, ["印鉴备案表", "企业信息登记表", "印模卡"])), 6.0)
    y += 14
    for _ in range(int(rng.integers(2, 6))):
        text = f"{unit_name(rng)}根据有关规定提交下列材料，并对其真实性负责，请予以办理。"
        seen = pen.text(25, y, text, 3.8, 160)
        y = seen[3] + 3
    width, height = max(need + 5, float(rng.uniform(60, 100))), max(need, float(rng.uniform(58, 80)))
    left = float(rng.uniform(22, 188 - width))
    top = y + float(rng.uniform(6, 20))
    pen.box(left, top, left + width, top + height)
    if rng.random() < 0.5:
        pen.text(left, top - 6, "印模：", 3.8)
    y = top + height + 8
    pen.text(25, y, "以上印模经核对无误。特此证明。", 3.8, 160)
    pen.text(120, y + 15, "单位（盖章）", 3.8)
    form = Form(pen.done(), (left, top, left + width, top + height))
    form.stamp_places = [(150, min(268, y + 22))]
    return form
