"""An operator's folder: edited copies work without a change of code; a wrong file is refused: file, key, reason."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.catalogue import Catalogue, CatalogueError, Kind, load
from kiosk.catalogue.cli import catalogue as command


def edited(schemes: Path, folder: Path, name: str, *changes: tuple[str, str], to: str = "") -> Path:
    """A copy of a shipped scheme file with some of its text changed."""
    text = (schemes / f"{name}.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / f"{to or name}.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_new_fee(catalogue: Catalogue, schemes: Path, folder: Path) -> None:
    edited(schemes, folder, "yiyang", ("{ years = 1, amount = 20000 }, { years = 3, amount = 60000 }",
                                       "{ years = 1, amount = 25000 }, { years = 2, amount = 45000 }"))  # fmt: skip
    found = load(folder)
    offer = found.schemes["yiyang"].services["renew"].offers[Kind.unit]
    assert offer.price(1) == 25000
    assert offer.price(2) == 45000
    assert offer.price(3) is None
    assert found.version != catalogue.version
    assert found.schemes["realestate"] == catalogue.schemes["realestate"]


def test_a_sixth_scheme_copied_from_yiyang(catalogue: Catalogue, schemes: Path, folder: Path) -> None:
    edited(
        schemes, folder, "yiyang", ('code = "yiyang"', 'code = "loudi"'), ("order = 10", "order = 60"),
        ('name = "益阳市公共资源交易中心CA窗口"', 'name = "娄底市公共资源交易中心CA窗口"'), to="loudi",
    )  # fmt: skip
    found = load(folder)
    assert list(found.schemes) == [*catalogue.schemes, "loudi"]
    assert found.schemes["loudi"].name.startswith("娄底")
    assert found.schemes["loudi"].services == catalogue.schemes["yiyang"].services


def test_the_operator_prices_a_scheme_without_fees(schemes: Path, folder: Path) -> None:
    edited(
        schemes,
        folder,
        "housing",
        ("[services.new.unit]", "[services.new.unit]\nfees = [{ years = 1, amount = 38000 }]"),
    )
    services = load(folder).schemes["housing"].services
    assert services["new"].offers[Kind.unit].price(1) == 38000
    others = [service for code, service in services.items() if code != "new"]
    assert not any(service.offers[Kind.unit].priced for service in others), "whatever is written like it"


@pytest.mark.parametrize(
    ("service", "fee", "said"),
    [("new", "{ amount = 38000 }", "须写明年限"), ("replace", "{ years = 1, amount = 100 }", "不分年限")],
)
def test_a_price_fits_its_operation(schemes: Path, folder: Path, service: str, fee: str, said: str) -> None:
    head = f"[services.{service}.unit]"
    edited(schemes, folder, "housing", (head, f"{head}\nfees = [{fee}]"))
    with pytest.raises(CatalogueError, match=said):
        load(folder)


def test_the_official_text_of_an_agreement(catalogue: Catalogue, folder: Path) -> None:
    (folder / "agreements").mkdir()
    text = '+++\ntitle = "责任书"\nversion = "2027-01"\nsample = false\n+++\n第一条\n\n第二条\n'
    (folder / "agreements" / "responsibility.md").write_text(text, "utf-8")
    agreement = load(folder).schemes["yiyang"].agreements["responsibility"]
    assert (agreement.version, agreement.sample, agreement.text) == ("2027-01", False, ("第一条", "第二条"))
    assert agreement.sha256 != catalogue.schemes["yiyang"].agreements["responsibility"].sha256


def test_version_does_not_depend_on_comments(catalogue: Catalogue, schemes: Path, folder: Path) -> None:
    path = edited(schemes, folder, "shared")
    path.write_text("# another comment\n\n" + path.read_text("utf-8"), "utf-8")
    assert load(folder).version == catalogue.version


WRONG = {
    "unknown_key": (("hours_text =", "hours_txt ="), "hours_txt", "不认识"),
    "misspelt_operation": (('operation = "renew"', 'operation = "renewal"'), "services.renew.operation", "renew"),
    "fee_in_yuan": (("amount = 40000 }", "amount = 400.0 }"), "services.new.offers.unit.fees.0.amount", "整数"),
    "negative_fee": (("amount = 40000 }", "amount = -1 }"), "services.new.offers.unit.fees.0.amount", "greater"),
    "zero_fee": (("amount = 40000 }", "amount = 0 }"), "services.new.offers.unit.fees.0", "free = true"),
    "free_and_fee": (("fees = [{ years = 1, amount = 40000 }", "free = true\nfees = [{ years = 1, amount = 40000 }"),
                     "services.new.offers.unit", "只能选一"),
    "term_twice": (("{ years = 3, amount = 80000 }", "{ years = 1, amount = 80000 }"),
                   "services.new.offers.unit", "年限"),
    "unknown_material": (('"responsibility", "licence"', '"responsibility", "license"'), "materials", "license"),
    "unknown_form": (('form = "unit_replace"', 'form = "unit_new"'), "", "没有这个表单"),
    "unknown_agreement": (('"declaration_personal"]', '"declaration_nobody"]'), "agreements", "declaration_nobody"),
    "unknown_field": (('"mobile", "landline"', '"mobile", "fax"'), "forms.unit.pages", "fax"),
    "hours_reversed": (("opens = 09:00:00, closes = 12:00:00", "opens = 13:00:00, closes = 12:00:00"),
                       "hours.0", "早于"),
    "like_circle": (('like = "renew"', 'like = "update"'), "services.update.unit.like", "圈"),
    "wrong_code": (('code = "yiyang"', 'code = "yy"'), "code", "文件名"),
    "not_toml": (("order = 10", "order = = 10"), "", "TOML"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused(schemes: Path, folder: Path, case: str) -> None:
    change, key, reason = WRONG[case]
    edited(schemes, folder, "yiyang", change)
    with pytest.raises(CatalogueError) as caught:
        load(folder)
    assert caught.value.file == "yiyang.toml"
    assert key in caught.value.key
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("yiyang.toml", lambda path: path.write_bytes(b"\xff\xfe\x00"), "UTF-8"),
        ("yiyang.toml", lambda path: path.write_bytes(b"#" * 600_000), "太大"),
        ("yiyang.toml", lambda path: path.write_text("code = 'yiyang'\nservices = 3\n"), "应为表"),
        ("yiyang.toml", lambda path: path.write_text("code = 'yiyang'\nservices = {}\n"), "缺少"),
        ("library.toml", lambda path: path.write_text("[colours]\n"), "不认识"),
    ],
)
def test_hostile_files(folder: Path, name: str, write: Callable[[Path], object], reason: str) -> None:
    write(folder / name)
    with pytest.raises(CatalogueError, match=reason) as caught:
        load(folder)
    assert caught.value.file == name


def test_agreement_without_front_matter(folder: Path) -> None:
    (folder / "agreements").mkdir()
    (folder / "agreements" / "privacy.md").write_text("同意\n", "utf-8")
    with pytest.raises(CatalogueError) as caught:
        load(folder)
    assert caught.value.file == "privacy.md"


def test_no_such_folder(folder: Path) -> None:
    with pytest.raises(CatalogueError, match="文件夹"):
        load(folder / "nowhere")


def test_check_and_table_commands(schemes: Path, folder: Path) -> None:
    run = CliRunner().invoke
    assert run(command, ["check"]).exit_code == 0
    table = run(command, ["table"])
    assert table.exit_code == 0
    lines = table.output.splitlines()
    assert len(lines) == 1 + sum(len(s.offers) for scheme in load().schemes.values() for s in scheme.services.values())
    assert "1年 400 / 3年 800 / 5年 1200" in table.output
    assert "未定价" in table.output
    edited(schemes, folder, "yiyang", ("hours_text =", "hours_txt ="))
    refused = run(command, ["check", str(folder)])
    assert refused.exit_code != 0
    assert "yiyang.toml: hours_txt" in refused.output


def test_show_command() -> None:
    run = CliRunner().invoke
    shown = run(command, ["show", "yiyang"])
    assert shown.exit_code == 0
    assert "周一至周五" in shown.output
    assert run(command, ["show", "nowhere"]).exit_code != 0
