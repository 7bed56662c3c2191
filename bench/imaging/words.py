"""Fonts and words of the synthetic forms. Every name is made up from parts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

PX_MM = 300 / 25.4
_ROOT = Path("/usr/share/fonts")
_PRINT = [
    ("opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("opentype/noto/NotoSerifCJK-Regular.ttc", 2),
    ("opentype/noto/NotoSansCJK-Bold.ttc", 2),
    ("truetype/wqy/wqy-microhei.ttc", 0),
    ("truetype/wqy/wqy-zenhei.ttc", 0),
    ("truetype/arphic-gbsn00lp/gbsn00lp.ttf", 0),
    ("truetype/arphic-gkai00mp/gkai00mp.ttf", 0),
]
_SEAL = [
    ("opentype/noto/NotoSerifCJK-Bold.ttc", 2),
    ("opentype/noto/NotoSerifCJK-Regular.ttc", 2),
    ("truetype/arphic-gbsn00lp/gbsn00lp.ttf", 0),
    ("opentype/noto/NotoSansCJK-Regular.ttc", 2),
]
_HAND = [
    ("truetype/arphic-gkai00mp/gkai00mp.ttf", 0),
    ("truetype/lxgw-wenkai/LXGWWenKai-Light.ttf", 0),
    ("truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf", 0),
    ("truetype/arphic/ukai.ttc", 0),
    ("truetype/smiley-sans/SmileySans-Oblique.ttf", 0),
]
FAMILIES = {"print": _PRINT, "seal": _SEAL, "hand": _HAND}

_CITY = ["长沙", "益阳", "常德", "岳阳", "株洲", "湘潭", "衡阳", "郴州", "邵阳", "怀化", "湖南", "张家界", "深圳市"]
_CORE = [
    "明远",
    "鸿泰",
    "中信达",
    "博雅",
    "天成",
    "金鼎",
    "绿源",
    "宏图",
    "星河",
    "致和",
    "恒信",
    "长风",
    "立新",
    "瑞丰",
    "九鼎",
    "开元",
    "云帆",
    "建安",
    "东方红",
    "湘江",
]
_TRADE = ["建设", "建筑工程", "房地产开发", "科技", "市政工程", "工程咨询", "招标代理", "信息技术", "贸易", "路桥"]
_KIND = ["有限公司", "有限责任公司", "股份有限公司", "集团有限公司"]
_SURNAME = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
_GIVEN = "伟芳娜敏静强磊洋艳勇军杰娟涛明超秀霞平刚桂英文华建国志新海波晓"


def pick(rng: np.random.Generator, items: object) -> object:
    """One of a sequence."""
    return items[int(rng.integers(len(items)))]  # type: ignore[index,arg-type]


def unit_name(rng: np.random.Generator) -> str:
    return "".join(str(pick(rng, part)) for part in (_CITY, _CORE, _TRADE, _KIND))


def person(rng: np.random.Generator) -> str:
    count = 1 if rng.random() < 0.3 else 2
    return str(pick(rng, _SURNAME)) + "".join(str(pick(rng, _GIVEN)) for _ in range(count))


@cache
def installed(family: str) -> list[tuple[str, int]]:
    """The fonts of a family that this machine has."""
    found = [(str(_ROOT / path), index) for path, index in FAMILIES[family] if (_ROOT / path).exists()]
    if not found:
        raise SystemExit("install fonts-noto-cjk to draw the synthetic pages")
    return found


@cache
def font(path: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=index)


def some_font(rng: np.random.Generator, family: str, size: float) -> ImageFont.FreeTypeFont:
    path, index = pick(rng, installed(family))  # type: ignore[misc]
    return font(path, index, max(6, round(size)))
