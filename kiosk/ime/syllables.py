"""Mandarin syllables in letters (汉语拼音方案, no tones, ü written v) and how a run of letters divides into them."""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
a ai an ang ao e ei en eng er o ou
ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu
pa pai pan pang pao pei pen peng pi pian piao pie pin ping po pou pu
ma mai man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu
fa fan fang fei fen feng fo fou fu
da dai dan dang dao de dei den deng di dia dian diao die ding diu dong dou du duan dui dun duo
ta tai tan tang tao te teng ti tian tiao tie ting tong tou tu tuan tui tun tuo
na nai nan nang nao ne nei nen neng ni nian niang niao nie nin ning niu nong nou nu nuan nuo nun nv nve
la lai lan lang lao le lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve
ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui gun guo
ka kai kan kang kao ke kei ken keng kong kou ku kua kuai kuan kuang kui kun kuo
ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo
ji jia jian jiang jiao jie jin jing jiong jiu ju juan jue jun
qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun
xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue xun
zha zhai zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo
cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo
sha shai shan shang shao she shei shen sheng shi shou shu shua shuai shuan shuang shui shun shuo
ran rang rao re ren reng ri rong rou ru rua ruan rui run ruo
za zai zan zang zao ze zei zen zeng zi zong zou zu zuan zui zun zuo
ca cai can cang cao ce cen ceng ci cong cou cu cuan cui cun cuo
sa sai san sang sao se sen seng si song sou su suan sui sun suo
ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun
wa wai wan wang wei wen weng wo wu
"""
SYLLABLES: frozenset[str] = frozenset(_TABLE.split())
INITIALS: frozenset[str] = frozenset(s[0] for s in SYLLABLES) | {"zh", "ch", "sh"}
_PREFIXES: frozenset[str] = frozenset(s[:n] for s in SYLLABLES for n in range(1, len(s)))
_LONGEST = 6

FULL, INITIAL, BEGUN = 0, 1, 2
_COST = {FULL: 1.0, INITIAL: 1.7, BEGUN: 1.2}


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands for one character: a full syllable, an initial alone, or a begun syllable at the end."""

    letters: str
    kind: int
    end: int
    """Offset in the input behind this unit, apostrophes included."""

    def fits(self, syllable: str) -> bool:
        return syllable == self.letters if self.kind == FULL else syllable.startswith(self.letters)


Path = tuple[Unit, ...]


def cost(path: Path) -> float:
    """How unlikely a reading is: fewer and fuller units are likelier."""
    return sum(_COST[unit.kind] for unit in path)


def divide(text: str, most: int = 4) -> list[Path]:
    """Return up to ``most`` ways to read ``text`` (letters a–z, apostrophes between syllables), the likeliest first."""
    ways: list[list[tuple[float, Path]]] = [[] for _ in range(len(text) + 1)]
    ways[0] = [(0.0, ())]
    for start in range(len(text)):
        if not ways[start]:
            continue
        ways[start] = sorted(ways[start], key=lambda way: way[0])[:most]
        if text[start] == "'":
            ways[start + 1].extend((so_far, _stretch(path, start + 1)) for so_far, path in ways[start])
            continue
        for unit in _units(text, start):
            ways[unit.end].extend((so_far + _COST[unit.kind], (*path, unit)) for so_far, path in ways[start])
    return [path for _, path in sorted(ways[-1], key=lambda way: way[0])[:most] if path]


def _stretch(path: Path, end: int) -> Path:
    return (*path[:-1], Unit(path[-1].letters, path[-1].kind, end)) if path else path


def _units(text: str, start: int) -> list[Unit]:
    found: list[Unit] = []
    for end in range(start + 1, min(start + _LONGEST, len(text)) + 1):
        letters = text[start:end]
        if letters in SYLLABLES:
            found.append(Unit(letters, FULL, end))
        if letters in INITIALS and letters not in SYLLABLES:
            found.append(Unit(letters, INITIAL, end))
        elif end == len(text) and letters in _PREFIXES:
            found.append(Unit(letters, BEGUN, end))
    return found
