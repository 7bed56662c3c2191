from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kiosk.hardware.child import Child
from kiosk.hardware.errors import (
    DeviceError,
    DeviceFailed,
    DeviceMissing,
    DeviceTimeout,
    NothingOnGlass,
    ScannerJam,
    ScanTruncated,
)
from kiosk.hardware.health import Level
from kiosk.hardware.scan_checks import is_empty, lost_rows

from .peers import Peer

DPI = 150
SCANNER = "kiosk.hardware.scanner:Scanner"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer("scanner", tmp_path_factory.mktemp("scanner"), "--dpi", str(DPI)) as peer:
        yield peer


@pytest.fixture(scope="module")
def process(peer: Peer) -> Iterator[Child]:
    options = {"device": peer.ready["device"], "config_dir": peer.ready["config_dir"]}
    with Child("scanner", SCANNER, options) as child:
        yield child


@pytest.fixture
def scanner(peer: Peer, process: Child) -> Child:
    peer.post("fault", kind="none")
    peer.post("clear")
    return process


def page(size: tuple[int, int] = (1240, 1754)) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for y in range(100, size[1] - 200, 60):
        draw.line((100, y, size[0] - 100, y + 3), fill=(20, 20, 60), width=4)
    draw.ellipse((size[0] - 500, size[1] - 500, size[0] - 250, size[1] - 250), outline=(200, 20, 30), width=8)
    return picture


def lay(peer: Peer, picture: Image.Image, **more: Any) -> dict[str, Any]:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return peer.post("lay", image=base64.b64encode(out.getvalue()).decode(), **more)


def scan(child: Child, dpi: int = DPI, deadline: float = 20) -> Any:
    return child.call("scan", deadline=deadline, dpi=dpi)


def test_a_page_arrives_dot_for_dot(peer: Peer, scanner: Child) -> None:
    sheet = page()
    assert lay(peer, sheet, dpi=DPI)["lies"]
    result = scan(scanner)
    with Image.open(io.BytesIO(result.png)) as got:
        assert (got.width, got.height) == (result.width, result.height) == (1240, 1754)
        assert got.tobytes() == sheet.tobytes()
        assert got.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
    assert scanner.call("health", deadline=5).level == Level.FINE


def test_a_small_card_anywhere_on_the_glass(peer: Peer, scanner: Child) -> None:
    card = Image.new("RGB", (506, 319), (180, 200, 230))
    lay(peer, card, dpi=DPI, x_mm=50, y_mm=120, angle=7)
    with Image.open(io.BytesIO(scan(scanner).png)) as got:
        assert got.getpixel((10, 10)) == (250, 250, 248)
        assert got.getpixel((round(95 / 25.4 * DPI), round(150 / 25.4 * DPI))) == (180, 200, 230)


def test_an_empty_glass(peer: Peer, scanner: Child) -> None:
    with pytest.raises(NothingOnGlass):
        scan(scanner)
    lay(peer, page())
    assert scan(scanner).width == 1240
    peer.post("clear")
    with pytest.raises(NothingOnGlass):
        scan(scanner)


def test_an_almost_empty_page_is_a_page(peer: Peer, scanner: Child) -> None:
    faint = Image.new("RGB", (1240, 1754), (252, 252, 250))
    ImageDraw.Draw(faint).line([(700, 1500), (760, 1470), (800, 1510), (880, 1480)], fill=(170, 170, 190), width=3)
    lay(peer, faint, dpi=DPI)
    assert scan(scanner).png


@pytest.mark.parametrize("kind", ["truncate", "grey"])
def test_a_page_without_its_end_is_refused(peer: Peer, scanner: Child, kind: str) -> None:
    lay(peer, page(), dpi=DPI)
    peer.post("fault", kind=kind)
    with pytest.raises(ScanTruncated) as caught:
        scan(scanner)
    assert caught.value.rows == pytest.approx(1754 / 2 if kind == "truncate" else 1754 * 5 / 8, abs=20)
    assert caught.value.expected == 1754
    peer.post("fault", kind="none")
    assert scan(scanner).height == 1754


def test_a_scanner_that_never_answers_costs_its_process(peer: Peer, scanner: Child) -> None:
    lay(peer, page(), dpi=DPI)
    scan(scanner)
    peer.post("fault", kind="hang")
    begin = time.monotonic()
    with pytest.raises(DeviceTimeout):
        scan(scanner, deadline=0.5)
    assert time.monotonic() - begin < 3
    peer.post("fault", kind="none")
    assert scan(scanner).height == 1754


def test_pulled_out_and_put_back(peer: Peer, scanner: Child) -> None:
    lay(peer, page(), dpi=DPI)
    peer.post("fault", kind="unplug")
    with pytest.raises(DeviceError):
        scan(scanner)
    peer.post("fault", kind="none")
    assert scan(scanner).height == 1754


def test_a_resolution_the_glass_cannot_have_is_refused(peer: Peer, scanner: Child) -> None:
    lay(peer, page(), dpi=DPI)
    with pytest.raises(DeviceFailed) as caught:
        scan(scanner, dpi=75)
    assert caught.value.code == "scan_size_implausible"
    with pytest.raises(DeviceFailed) as caught:
        scan(scanner, dpi=77)
    assert caught.value.code == "resolution_not_offered"


@pytest.mark.parametrize(
    ("setting", "kind", "code"),
    [
        ("status-jammed=1", ScannerJam, "scanner_jam"),
        ("status-nodocs=1", NothingOnGlass, "feeder_empty"),
        ("status-coveropen=1", DeviceFailed, "scanner_cover_open"),
        ("status-ioerror=1", DeviceFailed, "scanner_io_error"),
        ("no-such=1", DeviceFailed, "scanner_setting_unknown"),
        ("status-jammed=yes", DeviceFailed, "scanner_setting_refused"),
    ],
)
def test_what_the_backend_reports(peer: Peer, setting: str, kind: type[DeviceError], code: str) -> None:
    peer.post("fault", kind="none")
    options = {"device": f"{peer.ready['device']}&{setting}", "config_dir": peer.ready["config_dir"]}
    with Child("scanner", SCANNER, options) as child, pytest.raises(kind) as caught:
        scan(child)
    assert caught.value.code == code


def test_no_scanner_at_all(peer: Peer) -> None:
    with Child("scanner", SCANNER, {"device": "none:0", "config_dir": peer.ready["config_dir"]}) as child:
        with pytest.raises(DeviceMissing):
            scan(child)
        assert child.call("health", deadline=5).level == Level.FAILED


def test_the_glass_refuses_what_is_no_picture(peer: Peer) -> None:
    assert peer.post("lay", image="AAAA")["status"] == 400
    assert peer.post("lay", file="../../etc/passwd")["status"] == 400
    assert peer.post("lay")["status"] == 400


def noisy(tone: int, sigma: float) -> Image.Image:
    grain = np.random.default_rng(7).normal(tone, sigma, (1754, 1240, 3))
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("tone", [250, 200, 20])
def test_a_noisy_lid_is_empty_and_whole(tone: int) -> None:
    assert is_empty(noisy(tone, 6))
    assert lost_rows(noisy(tone, 6)) == 0


def test_dust_is_nothing_and_a_stamp_is_something() -> None:
    lid = noisy(248, 4)
    draw = ImageDraw.Draw(lid)
    for x in range(300, 340, 10):
        draw.rectangle((x, 500, x + 2, 502), fill=(90, 90, 90))
    assert is_empty(lid)
    draw.ellipse((600, 600, 760, 760), outline=(235, 190, 195), width=5)
    assert not is_empty(lid)


def test_clean_margins_and_dark_paper_are_no_lost_rows() -> None:
    assert lost_rows(page()) == 0
    assert lost_rows(Image.new("L", (100, 640), 255)) == 0
    black = Image.new("L", (100, 640), 128)
    black.paste(200, (0, 0, 100, 600))
    assert lost_rows(black) == 40
