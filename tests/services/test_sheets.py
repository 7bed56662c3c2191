"""A sheet the kiosk prints, stamped by hand, and scanned again: found by its marks and measured true."""

from __future__ import annotations

import base64
import io
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from kiosk.documents.geometry import GEOMETRIES, SheetGeometry
from kiosk.simulators.pages import seal
from kiosk.walk import Customer
from tests.running import Running, eventually

pytestmark = [pytest.mark.xdist_group("services-sheets"), pytest.mark.timeout(400)]
DPI = 300


def printed(kiosk: Running) -> list[Path]:
    return sorted((kiosk.settings.home / "sim" / "a4_printer" / "printed").glob("*.pdf"))


def stamped(pdf: Path, folder: Path) -> str:
    """The sheet with a seal of 42 mm in the middle of its box, as a scanner would be given it."""
    subprocess.run(["pdftoppm", "-r", str(DPI), "-png", "-singlefile", pdf, folder / "sheet"], check=True, timeout=60)
    page = Image.open(folder / "sheet.png").convert("RGB")
    stamp, geometry = seal("常德虚构置业有限公司", 42.0), GEOMETRIES["seal_sheet"]
    assert isinstance(geometry, SheetGeometry)
    box, dots = geometry.capture, DPI / 25.4
    x, y = (box.left + box.width / 2) * dots, (box.top + box.height / 2) * dots
    page.paste(stamp, (round(x - stamp.width / 2), round(y - stamp.height / 2)), stamp)
    out = io.BytesIO()
    page.rotate(0.4, Image.Resampling.BICUBIC, fillcolor="white").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_printed_stamped_scanned_measured(kiosk: Running, customer: Customer, tmp_path: Path) -> None:
    customer.start("szca", "new", "unit", who="other")
    customer.go_on(until="form-agent")
    fields = customer.page.fields | {
        "agent_name": "别人",
        "agent_mobile": "13911112222",
        "agent_email": "a@example.com",
    }
    customer.post(customer.page.action, fields)
    customer.get("/o/form-agent")
    assert customer.page.fields["agent_name"] == "罗假设", "read from the card: locked"
    customer.go_on(until="form-invoice")
    invoice = {"invoice": "yes", "invoice_title": "别的公司", "tax_number": ""}
    customer.post(customer.page.action, invoice)
    customer.get("/o/form-invoice")
    assert customer.page.fields["invoice_title"] == "常德虚构置业有限公司", "the title is the unit's"
    customer.go_on(until="material-seal_sheet")
    before = len(printed(kiosk))
    assert ("action", "print") in customer.page.buttons
    customer.post(customer.page.action, {"action": "print"})
    customer.settled("material-seal_sheet")
    (sheet,) = printed(kiosk)[before:]
    text = subprocess.run(["pdftotext", sheet, "-"], capture_output=True, text=True, check=True).stdout
    assert "数字证书印章采集表" in text
    assert "常德虚构置业有限公司" in text
    assert "表格已打印" in " ".join(customer.page.warnings)

    customer.hand("scanner", "lay", image=stamped(sheet, tmp_path))
    customer.post(customer.page.action, {"action": "scan"})
    customer.settled("material-seal_sheet")
    assert ("action", "keep") in customer.page.buttons, customer.page.warnings
    ((facts,),) = kiosk.rows("SELECT facts FROM material WHERE code = 'seal_sheet' ORDER BY id DESC LIMIT 1")
    assert '"diameter_mm": 4' in facts or '"diameter_mm":4' in facts
    measured = float(facts.partition("diameter_mm")[2].strip('": ').partition("}")[0].partition(",")[0])
    assert measured == pytest.approx(42.0, abs=0.4)


def test_without_paper_it_is_said_and_becomes_a_task(kiosk: Running, customer: Customer) -> None:
    customer.start("szca", "new", "unit", who="other")
    customer.go_on(until="material-seal_sheet")
    before = len(printed(kiosk))
    customer.hand("a4_printer", "out")
    try:
        customer.post(customer.page.action, {"action": "print"})
        eventually(lambda: "打印机缺纸" in customer.read("/o/material-seal_sheet").text, 60)
    finally:
        customer.hand("a4_printer", "ok")
    customer.settled("material-seal_sheet")
    assert len(printed(kiosk)) == before + 1, "one press of the button, one sheet"
