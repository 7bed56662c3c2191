"""What papers cost: a two-copy application form and a receipt, against floors measured in the same run.

``python -m bench.bench_documents [--rounds N] [--peer]`` prints one JSON line. Everything is warm and taken in turns.
Floor of the form: the same words as bare paragraphs on two pages by the same WeasyPrint with the same fonts (what
layout, checks, pictures and codes add is the rest). Floor of the receipt: its QR code and the PNG encoding of a raster
of its size alone. ``--peer``: Chromium prints the preview of the same form, process start included, as a kiosk would
call it.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from weasyprint import HTML

from kiosk.documents import fonts
from kiosk.documents.pictures import qr_png
from kiosk.documents.press import Press

COPIES = ["第一联 湖南CA留存", "第二联 用户留存"]
GOALS = {"form_ms": 600, "receipt_ms": 20}
SERVICES = (("new", "新办"), ("renew", "延期"), ("update", "更新"), ("replace", "补办"), ("revoke", "废除"))
FORM: dict[str, Any] = {
    "scheme_name": "益阳市公共资源交易中心CA窗口",
    "order_number": "YY01-20261121-000123",
    "kiosk": "YY01",
    "hotline": "400-6682-666",
    "services": [{"code": code, "name": name} for code, name in SERVICES],
    "service": "renew",
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
    "declaration": ["本单位委托经办人办理业务，所填内容全部属实，愿意承担相应的法律责任。"],
    "date": "2026-11-21",
}
RECEIPT: dict[str, Any] = {
    "hall": "益阳市民中心",
    "kiosk": "YY01",
    "order_number": "YY01-20261121-000123",
    "items": [{"name": "单位证书延期1年", "amount": 20000}],
    "total": 20000,
    "channel": "微信支付",
    "transaction_id": "4200001234202611211234567890",
    "paid_at": "2026-11-21 10:18:09",
    "certificates": [{"serial": "5F3A9C0011223344", "token": "HN20250001234", "not_after": "2027-12-01"}],
    "hotline": "400-6682-666",
    "query": "YY01-20261121-000123",
    "time": "2026-11-21 10:20",
}


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def bare(press: Press) -> Callable[[], object]:
    """The form's words as paragraphs, and nothing else."""
    words = re.sub(r"<[^>]+>", "\n", press.preview("unit_application", FORM, [""]).split("<body>")[1])
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in html.unescape(words).splitlines() if line.strip())
    style = f"<style>body{{font:9pt {fonts.SERIF}}}p{{margin:0}}b{{font-family:{fonts.SANS}}}</style>"
    name = FORM["unit_name"]
    page = f"<section style='break-after:page'><h1>{name}</h1><b>{name}</b>{paragraphs}</section>"
    source = f"<html lang=zh-Hans>{style}{page}{page}</html>"
    return lambda: HTML(string=source).write_pdf()


def raster(png: bytes) -> Callable[[], object]:
    """The QR code and a picture of the receipt's size, encoded."""
    with Image.open(io.BytesIO(png)) as image:
        size = image.size

    def work() -> None:
        qr_png(RECEIPT["query"], scale=6, border=4)
        Image.new("1", size, 1).save(io.BytesIO(), "PNG", compress_level=3)

    return work


def chromium(press: Press, folder: Path) -> Callable[[], object]:
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed")
    page = folder / "form.html"
    page.write_text(press.preview("unit_application", FORM, COPIES), "utf-8")
    call = [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
            "--no-pdf-header-footer", f"--print-to-pdf={folder / 'form.pdf'}", page.as_uri()]  # fmt: skip
    return lambda: subprocess.run(call, check=True, capture_output=True, timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peer", action="store_true")
    chosen = parser.parse_args()
    with Press() as press, tempfile.TemporaryDirectory(prefix="bench-documents-") as folder:
        cold = milliseconds(lambda: press.form("unit_application", FORM, COPIES))
        works: dict[str, Callable[[], object]] = {
            "form": lambda: press.form("unit_application", FORM, COPIES),
            "form_floor": bare(press),
            "receipt": lambda: press.receipt(RECEIPT),
            "receipt_floor": raster(press.receipt(RECEIPT)),
        }
        if chosen.peer:
            works["peer"] = chromium(press, Path(folder))
        for work in works.values():
            work()
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(chosen.rounds):
            for name, work in works.items():
                taken[name].append(milliseconds(work))
        median = {name: statistics.median(times) for name, times in taken.items()}
        result = {f"{name}_ms": round(value, 1) for name, value in median.items()} | {
            "form_cold_ms": round(cold),
            "form_ratio": round(median["form"] / median["form_floor"], 2),
            "receipt_ratio": round(median["receipt"] / median["receipt_floor"], 2),
            "form_bytes": len(press.form("unit_application", FORM, COPIES)),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "goals": GOALS,
        }
        if chosen.peer:
            result["peer_ratio"] = round(median["form"] / median["peer"], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
