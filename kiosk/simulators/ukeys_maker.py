"""The UKey factory: fresh SoftHSM tokens. Runs as a child process, because PKCS#11 keeps its state per process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import pkcs11
from pkcs11 import TokenFlag

from kiosk.hardware.errors import DeviceFailed
from kiosk.hardware.ukey.raw import CKR_OK, RawModule

MODULES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def softhsm_module() -> str:
    """Where SoftHSM's module lies (SOFTHSM2_MODULE, then the usual places); FileNotFoundError if nowhere."""
    for path in (os.environ.get("SOFTHSM2_MODULE", ""), *MODULES):
        if path and Path(path).is_file():
            return path
    raise FileNotFoundError("libsofthsm2.so: install the package softhsm2")


def configuration(path: Path, tokens: Path) -> Path:
    """Write a SoftHSM configuration at ``path`` whose tokens live in ``tokens``."""
    tokens.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n",
        encoding="utf-8",
    )
    return path


class TokenMaker:
    """Makes tokens in the folder of one SoftHSM configuration."""

    def __init__(self, module: str, config: str) -> None:
        os.environ["SOFTHSM2_CONF"] = config
        self._lib = pkcs11.lib(module)
        self._raw = RawModule(module)
        self._lib.finalize()

    def make(self, label: str, pin: str, so_pin: str) -> str:
        """Initialise the free slot as a blank token with its PIN; the new serial number."""
        before = self._serials()
        self._lib.initialize()
        try:
            slots = self._lib.get_slots(token_present=True)
            free = next(slot for slot in slots if not slot.get_token().flags & TokenFlag.TOKEN_INITIALIZED)
            if (result := self._raw.init_token(free.slot_id, so_pin, label)) != CKR_OK:
                raise DeviceFailed("init_token_refused", result=result)
        finally:
            self._lib.finalize()
        (serial,) = self._serials(so_pin, pin) - before
        return serial

    def _serials(self, so_pin: str | None = None, pin: str = "") -> set[str]:
        """Serial numbers of the initialised tokens; with ``so_pin``, those without a PIN are given ``pin``."""
        self._lib.initialize()
        try:
            tokens = [slot.get_token() for slot in self._lib.get_slots(token_present=True)]
            ours = [token for token in tokens if token.flags & TokenFlag.TOKEN_INITIALIZED]
            for token in ours:
                if so_pin is not None and not token.flags & TokenFlag.USER_PIN_INITIALIZED:
                    with contextlib.closing(token.open(rw=True, so_pin=so_pin)) as session:
                        session.init_pin(pin)
            return {token.serial.decode("ascii").strip("\0 ") for token in ours}
        finally:
            self._lib.finalize()
