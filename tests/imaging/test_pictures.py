"""Hostile pictures are refused with a code; odd but honest ones are taken."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from kiosk.imaging.inspector import Inspector
from kiosk.imaging.pictures import decode
from kiosk.imaging.verdict import PictureRefused


def encoded(image: Image.Image, kind: str = "PNG", **facts: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **facts)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG header that promises ``side`` x ``side`` pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


GRADIENT = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (300, 1)))
JPEG = encoded(GRADIENT.convert("RGB").resize((900, 900)), "JPEG", quality=90)

REFUSED = {
    "empty": b"",
    "not_a_picture": b"%PDF-1.7 this is no picture",
    "too_large": bomb(20_000),
    "too_small": encoded(Image.new("RGB", (20, 20))),
    "truncated": JPEG[: len(JPEG) // 2],
    "animated": encoded(GRADIENT, "TIFF", save_all=True, append_images=[GRADIENT]),
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code: str) -> None:
    for look in (
        lambda p: Inspector().seal(p, "unit"),
        lambda p: Inspector().document(p, "letter"),
        Inspector().normalise,
    ):
        with pytest.raises(PictureRefused) as refused:
            look(REFUSED[code])
        assert refused.value.code == code


def test_a_bomb_beyond_the_library_limit_is_too_large() -> None:
    with pytest.raises(PictureRefused, match="too_large"):
        decode(bomb(60_000))


def test_too_many_bytes() -> None:
    with pytest.raises(PictureRefused, match="too_many_bytes"):
        decode(b"x" * 40_000_001)


def test_a_refusal_survives_a_pipe() -> None:
    there = pickle.loads(pickle.dumps(PictureRefused("too_large", width=20_000)))
    assert (there.code, there.facts) == ("too_large", {"width": 20_000})


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "1", "LA"])
def test_other_colour_models_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert decode(encoded(GRADIENT.convert(mode), kind)).rgb.shape == (300, 200, 3)


def test_sixteen_bits_are_scaled() -> None:
    deep = Image.fromarray(np.tile(np.linspace(0, 65535, 200).astype(np.uint16), (300, 1)))
    seen = decode(encoded(deep)).rgb
    assert seen[0, -1, 0] == 255
    assert 120 < seen[0, 100, 0] < 135


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(GRADIENT.convert("RGB"), "JPEG", exif=exif)).rgb.shape == (200, 300, 3)


def test_random_bytes_after_an_honest_header_never_crash() -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        spoiled = bytearray(JPEG)
        for at in rng.integers(20, len(spoiled), 30):
            spoiled[at] = int(rng.integers(256))
        with contextlib.suppress(PictureRefused):
            assert decode(bytes(spoiled)).rgb.ndim == 3


def test_normalise_gives_a_plain_jpeg() -> None:
    with Image.open(io.BytesIO(Inspector().normalise(encoded(GRADIENT, dpi=(300, 300))))) as image:
        assert (image.format, image.mode, round(image.info["dpi"][0])) == ("JPEG", "RGB", 300)


@pytest.mark.parametrize("noise", [0, 1])
def test_a_blank_or_noisy_picture_has_no_seal(noise: int) -> None:
    rng = np.random.default_rng(1)
    page = np.full((1754, 1240, 3), 250, np.uint8) if not noise else rng.integers(0, 256, (900, 700, 3), dtype=np.uint8)
    for family in ("unit", "personal"):
        verdict = Inspector().seal(encoded(Image.fromarray(page)), family, 150)
        assert not verdict.accepted


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_rotation_is_the_librarys(turn: int) -> None:
    odd = Image.fromarray(np.random.default_rng(5).integers(0, 256, (90, 70, 3), dtype=np.uint8)).resize((700, 900))
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(odd, "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(data)) as image:
        right = np.asarray(ImageOps.exif_transpose(image))
    assert np.abs(decode(data).rgb.astype(int) - right).max() <= 2


def test_an_odd_but_whole_jpeg_is_taken() -> None:
    assert (decode(JPEG + b"left over").rgb == decode(JPEG).rgb).all()


@pytest.mark.parametrize("facts", [{}, {"transparency": (10, 20, 30)}, {"turn": 6}])
def test_a_png_is_the_librarys(facts: dict[str, object]) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (90, 140, 3), np.uint8)
    pixels[:20] = (10, 20, 30)
    exif = Image.Exif()
    exif[0x0112] = facts.get("turn", 1)
    given = {key: value for key, value in facts.items() if key != "turn"}
    seen = decode(encoded(Image.fromarray(pixels), "PNG", exif=exif, **given))
    true = pixels.copy()
    if "transparency" in facts:
        true[:20] = 255
    assert np.array_equal(seen.rgb, np.rot90(true, -1) if "turn" in facts else true)


def test_half_a_png_is_refused() -> None:
    data = encoded(Image.fromarray(np.random.default_rng(4).integers(0, 256, (300, 300, 3), np.uint8)))
    with pytest.raises(PictureRefused) as refused:
        decode(data[: len(data) // 2])
    assert refused.value.code == "truncated"
