"""A seal maker whose signatures are not those of the certificate it shows."""

from __future__ import annotations

from kiosk.imaging.seal_maker import LocalSealMaker


class Forger(LocalSealMaker):
    def sign(self, data: bytes) -> bytes:
        return super().sign(data + b"!")
