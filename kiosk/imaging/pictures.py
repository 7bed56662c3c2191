"""Bytes from outside become pixels, or a clear refusal. Nothing else in this room opens a picture.

Pillow reads the header, and the size is checked before a single pixel is unpacked, so a decompression bomb costs
nothing. The usual JPEG and PNG are then unpacked by libjpeg-turbo and libpng alone, everything else by Pillow.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from kiosk.imaging.verdict import PictureRefused

Pixels = NDArray[Any]  # uint8

MAX_BYTES = 40_000_000
MAX_SIDE = 10_000
MAX_PIXELS = 45_000_000
MIN_SIDE = 64
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
_ORIENTATION = 0x0112
_EXPOSURE = 0x8769  # the EXIF block that holds how a photo was taken
_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda rgb: cv2.flip(rgb, 1),
    3: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_180),
    4: lambda rgb: cv2.flip(rgb, 0),
    5: lambda rgb: cv2.transpose(rgb),
    6: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE),
    7: lambda rgb: cv2.rotate(cv2.transpose(rgb), cv2.ROTATE_180),
    8: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@dataclass(frozen=True)
class Decoded:
    """An upright picture: H x W x 3 RGB of 8 bits, and the dots per inch its file claims; ``camera``: it was one."""

    rgb: Pixels
    dpi: float | None
    format: str
    camera: bool = False
    _smaller: dict[int, Pixels] = field(default_factory=dict, repr=False, compare=False)

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    def reduced(self, times: int) -> Pixels:
        """Means of ``times`` x ``times`` pixels; rows and columns beyond the last whole block are left out."""
        if times not in self._smaller:
            larger, step = (self.reduced(times // 2), 2) if times in (4, 8) else (self.rgb, times)
            size = (larger.shape[1] // step, larger.shape[0] // step)
            even = larger[: size[1] * step, : size[0] * step]
            self._smaller[times] = cv2.resize(even, size, interpolation=cv2.INTER_AREA)
        return self._smaller[times]

    def part(self, points: NDArray[Any], around: int = 3) -> tuple[Pixels, int, int]:
        """The pixels about ``points`` (N x 2), ``around`` more on each side, as far as there are any; its corner."""
        limit = np.array([self.width, self.height])
        low = np.clip(np.nan_to_num(np.floor(points.min(axis=0)) - around), 0, limit - 2).astype(int)
        high = np.clip(np.nan_to_num(np.ceil(points.max(axis=0)) + around + 1), low + 2, limit).astype(int)
        x, y = int(low[0]), int(low[1])
        return np.ascontiguousarray(self.rgb[y : int(high[1]), x : int(high[0])]), x, y


def decode(data: bytes) -> Decoded:
    """Decode a picture upright.

    Raises PictureRefused: ``empty``, ``too_many_bytes``, ``not_a_picture``, ``unsupported``, ``animated``,
    ``too_large``, ``too_small``, ``truncated``.
    """
    if not data:
        raise PictureRefused("empty")
    if len(data) > MAX_BYTES:
        raise PictureRefused("too_many_bytes", bytes=len(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # a library in this process may have allowed half pictures
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _unpack(image, data)
        except PictureRefused:
            raise
        except (UnidentifiedImageError, Image.DecompressionBombError) as refused:
            code = "too_large" if isinstance(refused, Image.DecompressionBombError) else "not_a_picture"
            raise PictureRefused(code) from None
        except MemoryError:
            raise PictureRefused("too_large") from None
        except Exception:  # a decoder may raise anything over hostile bytes
            raise PictureRefused("truncated") from None


def _unpack(image: Image.Image, data: bytes) -> Decoded:
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise PictureRefused("too_large", width=width, height=height)
    if min(width, height) < MIN_SIDE:
        raise PictureRefused("too_small", width=width, height=height)
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise PictureRefused("animated")
    claimed, camera = _dpi(image), _camera(image)
    turn = _TURNS.get(_orientation(image))
    pixels = _plain_jpeg(image, data) if image.format == "JPEG" else _plain_png(image, data)
    if pixels is None:
        image.load()
        pixels = np.asarray(_rgb(image))
    return Decoded(turn(pixels) if turn else pixels, claimed, str(image.format), camera)


def _plain_jpeg(image: Image.Image, data: bytes) -> Pixels | None:
    """Pixels of a sound JPEG, straight into an array: half of the time. None: Pillow must see to it."""
    if image.mode not in ("RGB", "L"):
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != image.size:
            return None
        pixels: Pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError:  # also what is merely odd
        return None
    return pixels


def _plain_png(image: Image.Image, data: bytes) -> Pixels | None:
    """Pixels of a sound opaque PNG: libpng needs three quarters of the time. None: Pillow must see to it."""
    if image.format != "PNG" or image.mode != "RGB" or "transparency" in image.info:
        return None
    how = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is None or pixels.shape != (image.height, image.width, 3):
        return None
    return pixels


def _exif(image: Image.Image) -> Image.Exif:
    """What stands before the pixels: Pillow would unpack a whole PNG to look behind them."""
    late = image.format == "PNG" and not {"exif", "Raw profile type exif"} & set(image.info)
    return Image.Exif() if late else image.getexif()


def _camera(image: Image.Image) -> bool:
    """True if the file carries an exposure time or an aperture: no scanner writes them."""
    try:
        taken = _exif(image).get_ifd(_EXPOSURE)
        return bool({0x829A, 0x829D} & set(taken)) or image.format == "MPO"
    except Exception:  # broken EXIF tells nothing
        return False


def _orientation(image: Image.Image) -> int:
    try:
        return int(_exif(image).get(_ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse the picture
        return 1


def _dpi(image: Image.Image) -> float | None:
    try:
        claimed = float(image.info.get("dpi", (0, 0))[0])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return claimed if 50 <= claimed <= 2400 else None


def _rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any mode; transparent pixels lie on white; 16-bit grey is scaled, not clipped."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        values: NDArray[Any] = np.asarray(image, dtype=np.float32)
        top = 65535.0 if image.mode.startswith("I") else max(1.0, float(values.max()))
        return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")
