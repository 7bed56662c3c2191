"""The electronic seal: built, read back, and its signature judged by OpenSSL."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kiosk.imaging import eseal
from kiosk.imaging.eseal import SealRefused, SealRequest
from kiosk.imaging.seal_maker import LocalSealMaker, verified
from tests.ses_judge import judge


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> LocalSealMaker:
    return LocalSealMaker(str(tmp_path_factory.mktemp("maker")))


@pytest.fixture(scope="module")
def request_() -> SealRequest:
    side = 496
    yy, xx = np.mgrid[0:side, 0:side] - side / 2
    far = np.hypot(xx, yy)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = (200, 22, 30)
    rgba[..., 3] = np.clip(np.minimum(far - 230, 244 - far) * 120, 0, 255)
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "PNG", dpi=(300, 300))
    return SealRequest(
        serial="4300000000001",
        name="湖南明远建设有限公司",
        kind=eseal.TYPE_UNIT,
        owner=(b"\x30\x03\x02\x01\x01",),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_to=datetime(2027, 1, 1, tzinfo=UTC),
        picture=out.getvalue(),
        size_mm=(42.0, 42.0),
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_what_was_built_is_read_back(maker: LocalSealMaker, request_: SealRequest) -> None:
    seal = eseal.parse(eseal.build(request_, maker))
    assert (seal.serial, seal.name, seal.size_mm) == (request_.serial, request_.name, (42, 42))
    assert seal.owner == request_.owner
    assert seal.valid_to == request_.valid_to
    with Image.open(io.BytesIO(seal.picture)) as picture:
        assert picture.mode == "P"
        assert round(picture.info["dpi"][0]) == 300
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
        assert alpha.max() == 255
        assert alpha.min() == 0
    assert len(seal.picture) < 20_000


@pytest.mark.conformance
def test_another_grammar_and_openssl_take_it(maker: LocalSealMaker, request_: SealRequest, tmp_path: Path) -> None:
    found = judge(eseal.build(request_, maker), tmp_path)
    assert (found.serial, found.name, found.kind) == (request_.serial, request_.name, 1)
    assert (found.owner, found.size_mm) == (request_.owner, (42, 42))
    assert found.valid == ("20260101000000Z", "20270101000000Z")


@pytest.mark.conformance
@pytest.mark.parametrize("part", ["picture", "name"])
def test_one_changed_byte_is_told(maker: LocalSealMaker, request_: SealRequest, tmp_path: Path, part: str) -> None:
    der = eseal.build(request_, maker)
    told = eseal.parse(der)
    at = der.index(told.picture) + 900 if part == "picture" else der.index(request_.name.encode()) + 2
    spoiled = der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]
    changed = eseal.parse(spoiled)
    assert not verified(changed.maker, changed.signed, changed.signature)
    with pytest.raises(AssertionError, match="signature"):
        judge(spoiled, tmp_path)


def test_a_picture_lies_on_whole_millimetres(request_: SealRequest) -> None:
    with Image.open(io.BytesIO(request_.picture)) as picture:
        odd = picture.crop((0, 0, 496, 470))
        out = io.BytesIO()
        odd.save(out, "PNG", dpi=(300, 300))
    laid = eseal.whole_millimetres(out.getvalue())
    across, down = eseal.size_mm(laid)
    assert (round(across), round(down)) == (42, 40)
    assert abs(across - 42) < 0.05
    assert abs(down - 40) < 0.05
    assert eseal.whole_millimetres(laid) == laid


@pytest.mark.parametrize("dpi", [(1, 1), (90_000, 90_000)])
def test_a_picture_of_impossible_size_is_refused(dpi: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (400, 400)).save(out, "PNG", dpi=dpi)
    with pytest.raises(SealRefused, match="picture"):
        eseal.whole_millimetres(out.getvalue())


def test_the_key_is_private_and_kept(tmp_path: Path) -> None:
    first = LocalSealMaker(str(tmp_path)).certificate()
    assert LocalSealMaker(str(tmp_path)).certificate() == first
    assert (tmp_path / "seal-maker.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("junk", [b"", b"0", b"\x30\x80", b"\x30\x03\x02\x01\x01", b"x" * 300_000])
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(SealRefused):
        eseal.parse(junk)


def test_a_picture_that_is_none_is_refused(maker: LocalSealMaker, request_: SealRequest) -> None:
    with pytest.raises(SealRefused, match="picture"):
        eseal.palette_png(b"not a picture")
