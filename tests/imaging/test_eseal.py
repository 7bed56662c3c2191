"""The electronic seal: built, read back, and its signature judged by OpenSSL."""

from __future__ import annotations

import io
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kiosk.imaging import eseal
from kiosk.imaging.eseal import SealRefused, SealRequest
from kiosk.imaging.seal_maker import LocalSealMaker


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
@pytest.mark.parametrize("spoiled", [False, True])
def test_openssl_checks_the_signature(
    maker: LocalSealMaker, request_: SealRequest, tmp_path: Path, spoiled: bool
) -> None:
    seal = eseal.parse(eseal.build(request_, maker))
    (tmp_path / "maker.der").write_bytes(seal.maker)
    run = ["openssl", "x509", "-inform", "DER", "-in", "maker.der", "-noout", "-pubkey"]
    (tmp_path / "maker.pub").write_bytes(subprocess.run(run, cwd=tmp_path, capture_output=True, check=True).stdout)
    (tmp_path / "signature").write_bytes(seal.signature)
    signed = bytearray(seal.signed)
    if spoiled:
        signed[len(signed) // 2] ^= 1
    verify = ["openssl", "dgst", "-sm3", "-sigopt", "distid:1234567812345678", "-verify", "maker.pub"]
    done = subprocess.run([*verify, "-signature", "signature"], cwd=tmp_path, input=bytes(signed), capture_output=True)
    assert (done.returncode == 0) is not spoiled


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
