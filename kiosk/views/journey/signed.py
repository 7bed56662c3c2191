"""A signature from the writing pad: its picture (PNG) and its strokes (SVG), taken apart before anything is kept."""

from __future__ import annotations

import base64
import binascii
import re

MAX_PICTURE = 300_000  # bytes
MAX_STROKES = 400_000  # characters
MAX_SHAPES = 5000
_PREFIX = "data:image/png;base64,"
_NUMBER = r"-?\d{1,5}(?:\.\d{1,6})?"
_VIEW = re.compile(rf'viewBox="0 0 ({_NUMBER}) ({_NUMBER})"')
_PATH = re.compile(rf'<path d="(M[MC0-9 ,.-]{{1,400}})" stroke-width="({_NUMBER})"')
_DOT = re.compile(rf'<circle r="({_NUMBER})" cx="({_NUMBER})" cy="({_NUMBER})"')


def picture(data_url: str) -> bytes | None:
    """The PNG of the writing pad; None when nothing was written or it is not a PNG."""
    if not data_url.startswith(_PREFIX) or len(data_url) > MAX_PICTURE * 2:
        return None
    try:
        png = base64.b64decode(data_url.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return png if png.startswith(b"\x89PNG\r\n\x1a\n") and len(png) <= MAX_PICTURE else None


def strokes(svg: str) -> bytes | None:
    """A clean SVG of the strokes alone, built anew from their numbers; None when there are none."""
    view = _VIEW.search(svg[:2000])
    if len(svg) > MAX_STROKES or view is None:
        return None
    shapes = [
        f'<path d="{path}" stroke-width="{width}" stroke="#000" fill="none" stroke-linecap="round"/>'
        for path, width in _PATH.findall(svg)
    ]
    shapes += [f'<circle r="{r}" cx="{x}" cy="{y}"/>' for r, x, y in _DOT.findall(svg)]
    if not 0 < len(shapes) <= MAX_SHAPES:
        return None
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {view[1]} {view[2]}">'
    return f"{head}{''.join(shapes)}</svg>".encode()
