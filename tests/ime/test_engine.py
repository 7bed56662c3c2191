"""The engine types what users of the hall type, in few taps and without delay."""

from pathlib import Path

import pytest

from kiosk.ime.build import DictionaryMissing, index_path, plain
from kiosk.ime.engine import Candidate, Engine, clean
from kiosk.ime.syllables import divide
from tests.ime.typist import taps

UNITS = [
    "湖南省数字认证服务中心有限公司",
    "益阳市公共资源交易中心",
    "常德市住房和城乡建设局信息中心",
    "深圳市电子商务安全证书管理有限公司",
    "益阳市不动产登记中心",
]
NAMES = ["王俊轩", "李嫒", "张喆", "陶堃", "龚䶮", "李㛃", "欧阳婧琪", "覃子涵", "佘诗曼", "翟梓睿", "瞿颖", "单雄信"]
NAMES += ["仇晓燕", "尹秀珍", "谌贻琴", "粟裕民", "阳琰珺", "符翎"]
ADDRESSES = [
    "益阳市迎宾东路355号",
    "常德市朗州路市民之家7号窗口",
    "长沙市芙蓉区湘域国际中心1104",
    "岳阳市开发区民兴路与狮子山南路交叉口西50米",
    "郴州市苏仙区郴县路郴投大厦4楼",
    "邵阳市双清区邵阳大道行政中心附楼",
    "娄底市娄星区勤政街36号政务大厅4楼",
    "衡阳市蒸湘区322国道",
    "张家界市永定区子午路220号",
    "永州市冷水滩区永州大道与迎宾路交叉口东北角三楼B区大厅",
]


@pytest.mark.parametrize("text", UNITS + NAMES + ADDRESSES)
def test_everything_of_the_hall_can_be_typed(engine: Engine, text: str) -> None:
    needed = taps(engine, text)
    assert needed is not None
    assert needed <= 7 * len(text)


@pytest.mark.parametrize(("text", "most"), [(UNITS[0], 24), (NAMES[0], 14), (ADDRESSES[0], 22)])
def test_few_taps_are_enough(engine: Engine, text: str, most: int) -> None:
    needed = taps(engine, text)
    assert needed is not None
    assert needed <= most


def test_whole_phrase_is_put_together(engine: Engine) -> None:
    letters = "hunanshengshuzirenzhengfuwuzhongxinyouxiangongsi"
    assert engine.candidates(letters)[0] == Candidate(UNITS[0], len(letters))


@pytest.mark.parametrize(
    ("letters", "text", "consumed", "within"),
    [
        ("hns", "湖南省", 3, 1),
        ("yxgs", "有限公司", 4, 1),
        ("fwzx", "服务中心", 4, 1),
        ("zhongx", "中心", 6, 3),
        ("xi'an", "西安", 5, 1),
        ("xian", "西安", 4, 9),
        ("lvse", "绿色", 4, 1),
        ("nv", "女", 2, 1),
        ("wang", "王", 4, 1),
        ("shanxishengx", "陕西省", 11, 9),
    ],
)
def test_candidate(engine: Engine, letters: str, text: str, consumed: int, within: int) -> None:
    assert Candidate(text, consumed) in engine.candidates(letters)[:within]


def test_pages_follow_without_overlap(engine: Engine) -> None:
    pages = [engine.candidates("shi", page=number) for number in range(4)]
    texts = [candidate.text for page in pages for candidate in page]
    assert len(texts) == len(set(texts)) == 36
    assert engine.candidates("shi", page=1000) == []


@pytest.mark.parametrize("letters", ["", "'", "''", "i", "uuu", "123", "号", "ni号hao", "a" * 5000, "<b>", "\x00"])
def test_odd_input_is_harmless(engine: Engine, letters: str) -> None:
    for candidate in engine.candidates(letters):
        assert candidate.text
        assert 0 < candidate.consumed <= len(clean(letters))


def test_reading_is_shown_divided(engine: Engine) -> None:
    assert engine.reading("hunansheng") == "hu'nan'sheng"
    assert engine.reading("yxgs") == "y'x'g's"


def test_typing_leaves_no_trace(engine: Engine, tmp_path: Path) -> None:
    before = engine.candidates("wangjun")
    for _ in range(50):
        engine.candidates("wangjunxuan")
    assert engine.candidates("wangjun") == before


def test_places_are_learnt_from_the_caller(tmp_path: Path) -> None:
    with_place = Engine(index_path(tmp_path, ["谢林港镇"]))
    assert with_place.candidates("xlgz")[0].text == "谢林港镇"


def test_index_is_built_once_and_anew_for_other_places(tmp_path: Path) -> None:
    first = index_path(tmp_path)
    stamp = first.stat().st_mtime_ns
    assert index_path(tmp_path).stat().st_mtime_ns == stamp
    other = index_path(tmp_path, ["谢林港镇"])
    assert other != first
    assert list(tmp_path.glob("pinyin-*.idx")) == [other]


def test_missing_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(DictionaryMissing, match="rime-data-pinyin-simp") as caught:
        index_path(tmp_path, dictionary=tmp_path / "none.yaml")
    assert caught.value.path == tmp_path / "none.yaml"


def test_division_prefers_full_syllables() -> None:
    assert [unit.letters for unit in divide("xian")[0]] == ["xian"]
    assert [unit.letters for unit in divide("xi'an")[0]] == ["xi", "an"]
    assert [unit.letters for unit in divide("shsw")[0]] == ["sh", "s", "w"]


def test_tone_marks_are_stripped() -> None:
    assert [plain(reading) for reading in ("lǜ", "kūn", "nǚ", "zhǎng")] == ["lv", "kun", "nv", "zhang"]
