"""Every service of every scheme, walked over HTTP and judged from outside (`tests/outside.py`).

`make test` walks each operation once, at one kiosk whose operator has copied a scheme and set prices of his own;
`make test-long` walks every cell of the catalogue's table, and once more those that only an operator's price opens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk import catalogue
from kiosk.catalogue import loader
from kiosk.walk import Customer, Stuck
from kiosk.walk_all import WISHES, Cell, cells, walk_cells
from kiosk.walk_persona import NEW_PIN
from tests.outside import Outside
from tests.running import Running

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("services"), pytest.mark.timeout(400)]
CHEAP_NEW, CHANGE = 20100, 1234  # fen: prices of this operator alone
ALL_CELLS = 3000  # seconds for a whole table on a loaded machine


def operator(folder: Path) -> Path:
    """A hand-edited folder: changes on the shared platform have a price, and `yiyang` was copied to a scheme `own`."""
    shipped = loader.SHIPPED / "schemes"
    shared = (shipped / "shared.toml").read_text("utf-8")
    head = "[services.change.personal]\n"
    assert head in shared
    (folder / "shared.toml").write_text(shared.replace(head, f"{head}fees = [{{ amount = {CHANGE} }}]\n"), "utf-8")
    own = (shipped / "yiyang.toml").read_text("utf-8").replace('code = "yiyang"', 'code = "own"')
    assert "amount = 20000" in own
    own = own.replace('name = "益阳市公共资源交易中心CA窗口"', 'name = "第六个办理方案"')
    (folder / "own.toml").write_text(own.replace("amount = 20000", f"amount = {CHEAP_NEW}"), "utf-8")
    return folder


@pytest.fixture(scope="module")
def kiosk(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One kiosk for the handful of cells."""
    folder = operator(tmp_path_factory.mktemp("operator"))
    with Running(tmp_path_factory.mktemp("kiosk") / "home", prepared_home, catalogue_folder=str(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def somebody(kiosk: Running) -> Iterator[Customer]:
    """The same person all along; the clerk he may need is a command in the same home."""
    with Customer(kiosk.base, kiosk.supervisor.environ) as customer:
        yield customer


@pytest.fixture
def customer(somebody: Customer) -> Iterator[Customer]:
    yield somebody
    somebody.leave()


@pytest.fixture(scope="module")
def outside(kiosk: Running, tmp_path_factory: pytest.TempPathFactory) -> Outside:
    return Outside(kiosk, tmp_path_factory.mktemp("outside"))


def walked(customer: Customer, outside: Outside, scheme: str, service: str, who: str, token: str = "") -> Any:
    """A personal case to its end, and nothing wrong with what it left behind."""
    report = customer.walk(scheme, service, "personal", 1, token, who)
    assert report["outcome"] == "done", str({**report, "steps": []})
    assert outside.judge(report, customer.checked) == []
    return report


def refused(customer: Customer, service: str, who: str, match: str, token: str = "") -> None:
    customer.start("realestate", service, "personal", token, who)
    with pytest.raises(Stuck, match=match):
        customer.go_on()
    customer.leave()


def test_a_sixth_scheme_with_a_fee_of_its_own_and_the_query(customer: Customer, outside: Outside) -> None:
    """A copied and edited file is all it takes: the first page lists it, and its case is as good as the others."""
    assert "第六个办理方案" in customer.web.get("/?scheme=own").text
    report = walked(customer, outside, "own", "new", "wang")  # 王䶮: a rare character on every paper
    assert report["amount"] == CHEAP_NEW
    seal = outside.seal(report, customer.pins[customer.persona["token"]])
    assert (seal.name, seal.kind, seal.size_mm) == (customer.persona["name"], 2, (18, 18)), "drawn from the name"
    customer.leave()
    assert customer.walk("szca", "query", "personal", 1, "", "wang")["outcome"] == "done"
    assert any("新办" in title and "已办完" in title for title in customer.page.articles)
    assert ("金额", f"{CHEAP_NEW / 100:.2f} 元 · 已付") in customer.page.rows
    assert ("UKey 密码", "由使用人在本机自己设置，不另行发送。") in customer.page.rows


def test_a_renewal_supersedes(customer: Customer, outside: Outside) -> None:
    """Told first what becomes of files encrypted to the old key; nothing begins before that is confirmed."""
    customer.start("yiyang", "renew", "personal", "personal-a", "tang")
    customer.go_on(until="notes")
    assert "延期前请先打开用旧证书加密的文件" in customer.text
    customer.post(customer.page.action, {})
    assert (customer.path, "请先看完并勾选确认" in customer.text) == ("/o/notes", True)
    customer.leave()
    assert walked(customer, outside, "yiyang", "renew", "tang", "personal-a")["amount"] == 10000


def test_a_change_that_the_operator_priced(customer: Customer, outside: Outside) -> None:
    report = walked(customer, outside, "shared", "change", "tang", "personal-a")
    assert report["amount"] == CHANGE
    assert report["papers"]["certificate_application"] == "kept", "made, and not printed"


def test_the_life_of_one_certificate(kiosk: Running, customer: Customer, outside: Outside) -> None:
    """Frozen, released, lost; its follower, on a UKey from the stock, unlocked, written again, revoked for ever."""

    def walk(service: str, scheme: str = "realestate", token: str = "") -> Any:
        report = walked(customer, outside, scheme, service, "deng", token)
        customer.leave()
        return report

    frozen = walk("freeze")
    refused(customer, "freeze", "deng", "没有可以办理本业务的证书")
    assert walk("unfreeze")["certificates"][0]["supersedes"] == frozen["certificates"][0]["supersedes"]
    refused(customer, "unlock", "tang", "UKey 不是本人的", "personal-other")
    walk("replace", "yiyang")
    last_two = kiosk.rows(
        "SELECT kind FROM effect WHERE kind IN ('write.certificate', 'ca.confirm') ORDER BY id DESC LIMIT 2"
    )
    assert last_two == [("ca.confirm",), ("write.certificate",)], "the old one ends after the new one is proven"
    stock = customer.persona["token"]
    assert stock.startswith(("blank", "stock"))
    assert walk("unlock", token=stock)["certificate"] is None
    assert customer.pins[stock] == NEW_PIN
    walk("reissue", token=stock)  # proves the new PIN on the old key
    customer.start("realestate", "revoke", "personal", who="deng")
    customer.go_on(until="check")
    assert "again" in customer.page.choices
    customer.post(customer.page.action, {})
    assert "废除后不能恢复" in " ".join(customer.page.warnings)
    assert customer.path == "/o/check", "asked twice"
    customer.leave()
    walk("revoke")
    refused(customer, "unfreeze", "deng", "没有可以办理本业务的证书")
    assert all("87654321" not in body for (body,) in kiosk.rows("SELECT body FROM event")), "no authorisation code"


# -- every cell ----------------------------------------------------------------------------------------------------


def every(home: Path, template: Path, folder: Path, wanted: list[Cell], **settings: str) -> dict[str, list[str]]:
    """Walk these cells at a kiosk of their own; what is wrong, by cell."""
    wrong: dict[str, list[str]] = {}
    with (
        Running(home, template, **settings) as running,
        Customer(running.base, running.supervisor.environ) as customer,
    ):
        judges = Outside(running, folder)
        for report in walk_cells(customer, wanted):
            cell = "/".join((report["scheme"], report["service"], report["kind"]))
            if report["outcome"] == "stuck":
                wrong[cell] = [json.dumps(report, ensure_ascii=False)]
            elif report["service"] == "query":
                wrong[cell] = [] if customer.page.articles else ["nothing found"]
            elif report["outcome"] == "done":
                cause = WISHES.get(report["scheme"], {}).get(f"{report['service']}_cause", "")
                wrong[cell] = judges.judge(report, customer.checked, cause)
    return {cell: said for cell, said in wrong.items() if said}


@pytest.mark.long
@pytest.mark.timeout(ALL_CELLS)
def test_every_cell_of_the_table(prepared_home: Path, tmp_path: Path) -> None:
    (tmp_path / "judges").mkdir()
    assert every(tmp_path / "home", prepared_home, tmp_path / "judges", cells()) == {}


def priced_everywhere(folder: Path) -> None:
    """An operator's folder in which every cell has a price, each with a payment by WeChat."""
    for code, scheme in catalogue.load().schemes.items():
        text = (loader.SHIPPED / "schemes" / f"{code}.toml").read_text("utf-8")
        for service in scheme.services.values():
            for kind, offer in service.offers.items():
                if not offer.priced:
                    text = with_price(text, f"services.{service.code}.{kind}", service.operation in ("new", "renew"))
        (folder / f"{code}.toml").write_text(text, "utf-8")


def with_price(text: str, table: str, by_year: bool) -> str:
    """The scheme's file with `fees` in that table, which is added where it is not there yet."""
    years = "years = 1, " if by_year else ""
    line = f'fees = [{{ {years}amount = 11100 }}]\npayments = ["wechat"]\n'
    head = f"\n[{table}]\n"
    if head not in text:
        return f"{text}{head}{line}"
    before, after = text.split(head)
    own, bracket, rest = after.partition("\n[")
    own = re.sub(r"^(fees|payments) = .*\n", "", own + "\n", flags=re.MULTILINE)
    return f"{before}{head}{line}{own}{bracket}{rest}"


@pytest.mark.long
@pytest.mark.timeout(ALL_CELLS)
@pytest.mark.parametrize("schemes", [("yiyang", "realestate"), ("housing", "szca"), ("shared",)], ids="-".join)
def test_what_only_an_operators_price_opens(prepared_home: Path, tmp_path: Path, schemes: tuple[str, ...]) -> None:
    folder, judges = tmp_path / "operator", tmp_path / "judges"
    folder.mkdir()
    judges.mkdir()
    priced_everywhere(folder)
    opened = [(a, b, c, True) for a, b, c, priced in cells() if not priced and a in schemes]
    assert opened
    assert all(priced for *_, priced in cells(folder))
    home = tmp_path / "home"
    assert every(home, prepared_home, judges, opened, catalogue_folder=str(folder)) == {}
