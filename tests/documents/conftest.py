"""Samples of papers' data, a press, and eyes for what it makes: text by pdftotext, pages by pypdfium2."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw

from kiosk.documents.press import Press

COPIES = ["第一联 湖南CA留存", "第二联 用户留存"]
SERVICES = [("new", "新办"), ("renew", "延期"), ("update", "更新"), ("revoke", "废除"), ("replace", "补办")]
DPI = 200


def png(draw: Callable[[ImageDraw.ImageDraw], None], size: tuple[int, int]) -> bytes:
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    draw(ImageDraw.Draw(image))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


SEAL = png(lambda pen: pen.ellipse((6, 6, 474, 474), outline=(200, 20, 30, 255), width=16), (480, 480))
SIGNATURE = png(
    lambda pen: pen.line([(20, 150), (200, 40), (380, 150), (560, 60)], fill=(10, 10, 60, 255), width=9), (600, 200)
)


@pytest.fixture(scope="session")
def press() -> Iterator[Press]:
    with Press() as made:
        yield made


def make_common() -> dict[str, Any]:
    agreements = [
        {"code": "responsibility", "title": "申请责任书", "version": "2026-11", "sha256": "ab" * 32, "sample": True,
         "text": [f"第{number}条　证书只用于在网络上表明身份，请妥善保管介质和口令。" for number in range(1, 16)]},
        {"code": "declaration_unit", "title": "声明", "version": "1", "sha256": "cd" * 32, "sample": True,
         "text": ["所填内容全部属实。", "愿意承担相应责任。"]},
    ]  # fmt: skip
    return {
        "scheme_name": "益阳市公共资源交易中心CA窗口",
        "ca_name": "湖南CA",
        "order_number": "YY01-20261121-000123",
        "kiosk": "YY01",
        "hotline": "400-6682-666",
        "services": [{"code": code, "name": name} for code, name in SERVICES],
        "service": "renew",
        "service_name": "延期",
        "date": "2026-11-21",
        "agreements": agreements,
        "signature": SIGNATURE,
    }


def make_unit() -> dict[str, Any]:
    return make_common() | {
        "kind": "unit",
        "unit_name": "湖南䶮㛃𬭼𠮷堃建设有限公司",
        "uscc": "91430900MA4L2B3C5X",
        "social_insurance_no": "430900123456",
        "unit_type": "enterprise",
        "legal_name": "张䶮",
        "legal_id": "430181196703240514",
        "agent_name": "李𠮷",
        "agent_id": "430903199001011234",
        "landline": "0737-4112269",
        "mobile": "13800138000",
        "address": "湖南省益阳市赫山区迎宾东路355号",
        "email": "office@example.cn",
        "seal": SEAL,
        "seal_mm": 41.5,
    }


def make_person() -> dict[str, Any]:
    return make_common() | {
        "kind": "personal",
        "service": "new",
        "name": "欧阳䶮",
        "id_type": "id_card",
        "id_number": "430903199001011234",
        "mobile": "13900139000",
        "email": "ouyang@example.cn",
        "address": "湖南省益阳市赫山区金山路街道3栋2单元1501室",
        "agent_name": "李堃",
        "agent_id_type": "passport",
        "agent_id": "E12345678",
        "agent_mobile": "13700137000",
        "agent_email": "li@example.cn",
        "agent_address": "湖南省长沙市岳麓区",
        "seal_type": "scanned",
        "remark": "加急",
        "agent": True,
        "seal": {"image": SIGNATURE, "width_mm": 60},
    }


@pytest.fixture
def common() -> dict[str, Any]:
    return make_common()


@pytest.fixture
def unit() -> dict[str, Any]:
    return make_unit()


@pytest.fixture
def person() -> dict[str, Any]:
    return make_person()


@pytest.fixture(scope="session")
def two_copies(press: Press) -> bytes:
    """A form of two pages."""
    return press.form("unit_application", make_unit(), COPIES)


@pytest.fixture(scope="session")
def blank_sheet(press: Press) -> Callable[[str, str], bytes]:
    """The second copy's sheet (code, kind of capture) with nothing in its capture box, made once."""
    made: dict[str, bytes] = {}

    def make(code: str, kind: str) -> bytes:
        if code not in made:
            data = (make_unit() if kind == "seal" else make_person()) | {"seal": None}
            made[code] = press.form(code, data, COPIES)
        return made[code]

    return make


@pytest.fixture
def receipt_data() -> dict[str, Any]:
    return {
        "hall": "益阳市民中心",
        "kiosk": "YY01",
        "order_number": "YY01-20261121-000123",
        "service_name": "单位证书延期 1 年",
        "customer": "湖南䶮㛃𬭼𠮷堃建设有限公司",
        "items": [{"name": "单位证书延期1年", "amount": 20000}],
        "total": 20000,
        "channel": "微信支付",
        "payment_number": "YY0120261121000123P1",
        "transaction_id": "4200001234202611211234567890",
        "paid_at": "2026-11-21 10:18:09",
        "certificates": [
            {"serial": "5F3A9C0011223344556677889900AABB", "token": "HN20250001234", "not_after": "2027-12-01"},
        ],
        "hotline": "400-6682-666",
        "query": "YY01-20261121-000123",
        "time": "2026-11-21 10:20",
    }  # fmt: skip


@pytest.fixture
def text_of(tmp_path: Path) -> Callable[..., str]:
    """The text of a PDF (or of one of its pages, from 1) as pdftotext reads it, without any white space."""

    def read(pdf: bytes, page: int | None = None) -> str:
        path = tmp_path / "read.pdf"
        path.write_bytes(pdf)
        pages = ["-f", str(page), "-l", str(page)] if page else []
        out = subprocess.run(["pdftotext", "-raw", *pages, str(path), "-"], capture_output=True, check=True).stdout
        return "".join(out.decode().split())

    return read


@pytest.fixture
def picture_of() -> Callable[..., np.ndarray]:
    """One page (from 0) as a grey array at 200 dpi."""

    def draw(pdf: bytes, page: int = 0) -> np.ndarray:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return np.array(document[page].render(scale=DPI / 72, grayscale=True).to_pil())
        finally:
            document.close()

    return draw
