"""Invented people and companies for demonstrations, the bench and tests. None of them exists.

Their numbers pass the check digits, but can belong to nobody: the sequence numbers 996 to 999 of an ID number are kept
for the centenarians of a place (GB 11643), and nobody here is older than fifty; the companies' bodies are MA000001 and
on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from kiosk.ca.subject import Document, Subject


@dataclass(frozen=True)
class Person:
    """``key`` names the person on the bench and in tests. ``valid_to`` None: 长期."""

    key: str
    name: str
    sex: str
    number: str
    address: str
    issuer: str
    mobile: str
    nation: str = "汉"
    valid_from: date = date(2019, 6, 1)
    valid_to: date | None = date(2039, 6, 1)

    @property
    def birth(self) -> date:
        """Characters 7 to 14 of the number."""
        return date(int(self.number[6:10]), int(self.number[10:12]), int(self.number[12:14]))

    def subject(self) -> Subject:
        """Who a personal certificate is made out to."""
        return Subject(name=self.name, number=self.number, document=Document.ID_CARD)

    def card(self) -> dict[str, Any]:
        """The ID card, in the words of the reader simulator's ``lay`` verb."""
        return {
            "kind": "resident",
            "name": self.name,
            "sex": self.sex,
            "nation": self.nation,
            "birth": self.birth.isoformat(),
            "address": self.address,
            "number": self.number,
            "issuer": self.issuer,
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
        }


@dataclass(frozen=True)
class Company:
    """A unit with a legal representative and the agent who does its errands. ``uscc``: 统一社会信用代码 (GB 32100)."""

    key: str
    name: str
    uscc: str
    legal: Person
    agent: Person
    address: str
    phone: str
    social_number: str
    email: str

    @property
    def organisation_code(self) -> str:
        """组织机构代码: characters 9 to 17 of the credit code (GB 32100, 4.4; GB 11714)."""
        return f"{self.uscc[8:16]}-{self.uscc[16]}"

    def subject(self) -> Subject:
        """Whom a unit certificate is made out to."""
        return Subject(name=self.name, number=self.uscc, document=Document.USCC)


_CHANGSHA, _CHANGDE = "长沙市公安局芙蓉分局", "常德市公安局武陵分局"

ZHOU = Person("zhou", "周示范", "男", "43010219850303999X", "长沙市芙蓉区示范路1号", _CHANGSHA, "13900000001")
LIN = Person("lin", "林样例", "女", "430102199005059984", "长沙市芙蓉区样例街2号", _CHANGSHA, "13900000002")
HE = Person("he", "何演示", "男", "430702199209099999", "常德市武陵区演示路3号", _CHANGDE, "13900000003")
PENG = Person("peng", "彭模拟", "女", "430102198306069989", "长沙市芙蓉区模拟巷4号", _CHANGSHA, "13900000004")
ZENG = Person(
    "zeng", "曾虚构", "男", "430702198808089990", "常德市武陵区虚构里5号", _CHANGDE, "13900000005", valid_to=None
)
TANG = Person("tang", "唐体验", "女", "430102199512129983", "长沙市芙蓉区体验路6号", _CHANGSHA, "13900000006")
WANG = Person("wang", "王䶮", "女", "430102199209099988", "长沙市芙蓉区罕用字弄7号", _CHANGSHA, "13900000007", "土家")
LUO = Person("luo", "罗假设", "男", "430702199512129994", "常德市武陵区假设街8号", _CHANGDE, "13900000008")
DENG = Person("deng", "邓他人", "女", "43010219880808998X", "长沙市芙蓉区他人路9号", _CHANGSHA, "13900000009")

PERSONS: tuple[Person, ...] = (ZHOU, LIN, HE, PENG, ZENG, TANG, WANG, LUO, DENG)


def _company(key: str, name: str, uscc: str, legal: Person, agent: Person, house: int) -> Company:
    return Company(
        key=key,
        name=name,
        uscc=uscc,
        legal=legal,
        agent=agent,
        address=f"益阳市赫山区虚构大道{house}号",
        phone=f"0737-600000{house}",
        social_number=f"4309000000{house:02d}",
        email=f"{key}@example.com",
    )


COMPANY_A = _company("a", "益阳示范建设有限公司", "91430900MA0000015W", ZHOU, LIN, 1)
COMPANY_B = _company("b", "益阳样例工程有限公司", "91430900MA0000023P", ZHOU, HE, 2)
COMPANY_C = _company("c", "益阳演示建材有限公司", "91430900MA0000031J", PENG, LIN, 3)
COMPANY_D = _company("d", "益阳模拟装饰有限公司", "91430900MA000004XA", PENG, HE, 4)
COMPANY_OTHER = _company("other", "常德虚构置业有限公司", "91430700MA00000580", ZENG, LUO, 5)
COMPANY_NEW = _company("new", "益阳新办体验有限公司", "91430900MA00000665", TANG, WANG, 6)

COMPANIES: tuple[Company, ...] = (COMPANY_A, COMPANY_B, COMPANY_C, COMPANY_D, COMPANY_OTHER, COMPANY_NEW)


def person(key: str) -> Person:
    """The person called ``key``; KeyError if nobody is."""
    return {item.key: item for item in PERSONS}[key]


def company(key: str) -> Company:
    """The company called ``key``; KeyError if none is."""
    return {item.key: item for item in COMPANIES}[key]
