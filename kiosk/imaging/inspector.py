"""The room's door: one class that a child process serves."""

from __future__ import annotations

import io
from typing import Self

import cv2
from PIL import Image

from kiosk.imaging import document, memory, seals, template_seal
from kiosk.imaging.pictures import decode
from kiosk.imaging.verdict import DocumentVerdict, SealVerdict


class Inspector:
    """Judges pictures. Holds no state between calls; every call may raise PictureRefused."""

    def __init__(self, threads: int = 1) -> None:
        cv2.setNumThreads(threads)
        memory.keep_freed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held."""

    def seal(self, picture: bytes, family: str, dpi: float | None = None) -> SealVerdict:
        """Judge the seal ('unit') or the signature or name seal ('personal') in the capture box of a form."""
        return seals.check(picture, family, dpi)

    def document(self, picture: bytes, kind: str, sealed: bool = False) -> DocumentVerdict:
        """Judge a document: one of ``document.KINDS``; ``sealed``: a red seal must be on it (加盖公章)."""
        return document.check(picture, kind, sealed)

    def template_seal(self, family: str, name: str, face: template_seal.Typeface) -> bytes:
        """A seal drawn from a name: see `template_seal.draw`."""
        return template_seal.draw(family, name, face)

    def codes(self, picture: bytes) -> tuple[str, ...]:
        """Texts of the QR codes on a page, at most eight."""
        return document.codes(decode(picture).rgb)

    def normalise(self, picture: bytes) -> bytes:
        """The picture as an upright 8-bit RGB JPEG without any metadata but its resolution."""
        seen = decode(picture)
        out = io.BytesIO()
        facts = {"dpi": (round(seen.dpi), round(seen.dpi))} if seen.dpi else {}
        Image.fromarray(seen.rgb).save(out, "JPEG", quality=90, **facts)
        return out.getvalue()
