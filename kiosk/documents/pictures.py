"""Seal and signature pictures and QR codes on their way into a paper, as data: URIs (nothing else is ever fetched)."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno
from PIL import Image, ImageFile

from kiosk.documents.errors import PictureRefused
from kiosk.documents.geometry import Box

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 16_000_000
MAX_SIDE_MM = 120.0


@dataclass(frozen=True)
class Picture:
    """A checked picture, PNG again, with the size in mm in which it is placed."""

    name: str
    png: bytes
    width_mm: float
    height_mm: float

    @property
    def uri(self) -> str:
        return png_uri(self.png)

    def within(self, box: Box) -> Picture:
        """The same picture, made smaller where it would leave the box; never made larger."""
        factor = min(1.0, box.width / self.width_mm, box.height / self.height_mm)
        return Picture(self.name, self.png, self.width_mm * factor, self.height_mm * factor)


def png_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def picture(name: str, data: Mapping[str, Any] | None) -> Picture | None:
    """{"image": bytes | "path": str, "width_mm": float, "height_mm": float (one of the two suffices)} → Picture.

    Only PNG and JPEG, decoded and encoded anew, so that nothing hides beside the pixels. PictureRefused otherwise.
    """
    if not data:
        return None
    raw = data.get("image")
    if raw is None and data.get("path"):
        raw = _read(name, Path(str(data["path"])))
    if not isinstance(raw, bytes) or not 0 < len(raw) <= MAX_BYTES:
        raise PictureRefused(picture=name, reason="size")
    image = _decode(name, raw)
    width, height = _millimetres(name, data, image)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return Picture(name, out.getvalue(), width, height)


def _read(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PictureRefused(picture=name, reason="unreadable") from error


def _decode(name: str, raw: bytes) -> Image.Image:
    try:
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # WeasyPrint allows half pictures for its whole process
        with Image.open(io.BytesIO(raw), formats=("PNG", "JPEG")) as source:
            if source.width * source.height > MAX_PIXELS:
                raise PictureRefused(picture=name, reason="pixels")
            source.load()
            return source.convert("RGBA" if "A" in source.getbands() or "transparency" in source.info else "RGB")
    except PictureRefused:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureRefused(picture=name, reason="format") from error


def _millimetres(name: str, data: Mapping[str, Any], image: Image.Image) -> tuple[float, float]:
    width, height = float(data.get("width_mm") or 0), float(data.get("height_mm") or 0)
    ratio = image.height / image.width
    width = width or (height / ratio)
    height = height or (width * ratio)
    if not (1.0 <= width <= MAX_SIDE_MM and 1.0 <= height <= MAX_SIDE_MM):
        raise PictureRefused(picture=name, reason="millimetres")
    return width, height


def open_png(png: bytes) -> Image.Image:
    """A picture that `picture` has checked, decoded."""
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def qr_png(text: str, scale: int = 8, border: int = 0) -> bytes:
    """A QR code (error correction M) as a 1-bit PNG, `scale` pixels a module."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=scale, border=border)
    return out.getvalue()
