"""The clerk's smart card: seen coming and going over PC/SC, proven by its certificate and PIN over PKCS#11.

Presence alone signs nobody in: serial numbers and UIDs can be copied. ``prove`` has the card sign a fresh nonce; whose
certificate it is and whether it still holds is for the caller to check. PC/SC as in pcsc-lite's winscard: a state
carries the number of insertions and removals in its upper 16 bits, so a card exchanged between two looks is not
missed.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final, Self

from smartcard import scard

from kiosk.hardware.errors import DeviceFailed, DeviceMissing
from kiosk.hardware.health import Health, Level
from kiosk.hardware.ukey import TokenCertificate, UKeyReader, current

_NEW_READERS: Final = "\\\\?PnP?\\Notification"
_PAUSE: Final = 0.05  # seconds between two knocks at a pcscd that does not answer
_LONGEST: Final = 60.0
Snapshot = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class CardWatch:
    """``generation`` changes whenever a card came or went; ``readers``: the names of those that hold one now."""

    generation: int
    readers: tuple[str, ...]

    @property
    def present(self) -> bool:
        return bool(self.readers)


class ClerkCardReader:
    """One or several PC/SC readers. For one thread of one process (``kiosk.hardware.child.Child``)."""

    def __init__(self, module: str, config: str = "", pcsc_socket: str = "", reader: str = "") -> None:
        """``module``, ``config``, ``pcsc_socket``: as of UKeyReader; ``reader``: part of the reader's name, empty for
        all.
        """
        if pcsc_socket:
            os.environ["PCSCLITE_CSOCK_NAME"] = pcsc_socket
        self._tokens = UKeyReader(module, config, pcsc_socket, reader=reader)
        self._reader = reader
        self._context: Any = None
        self._snapshot: Snapshot = ()
        self._states: list[tuple[str, int]] = []
        self._generation = secrets.randbelow(2**40) + 1  # a process that was started again is not taken for this one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()
        self._tokens.__exit__()

    def health(self) -> Health:
        """Failed without pcscd, unknown without a reader."""
        if not self._connected():
            return Health(Level.FAILED, "pcscd_missing")
        names = self._names()
        return Health(Level.FINE, "ready", f"readers x{len(names)}") if names else Health(Level.UNKNOWN, "no_reader")

    def watch(self, generation: int = 0, timeout: float = 20.0) -> CardWatch:
        """Wait until the cards differ from what ``generation`` stands for (0: nothing yet), at most ``timeout``
        seconds.

        While pcscd is away no card is there; once it is back it is found again without being asked.
        """
        until = time.monotonic() + min(timeout, _LONGEST)
        self._look(0.0)
        while self._generation == generation and (left := until - time.monotonic()) > 0:
            self._look(left)
        return CardWatch(self._generation, tuple(name for name, count in self._snapshot if count % 2))

    def certificate(self) -> bytes:
        """The certificate (DER) of the one card in the reader, without a PIN: whose card it claims to be.

        TokenMissing, SeveralTokens, DeviceFailed("card_without_certificate").
        """
        return self._current()[1].der

    def prove(self, pin: str) -> bytes:
        """As :meth:`certificate`, after the card has signed a nonce with its PIN; the PIN's errors as of UKeyReader."""
        serial, found = self._current()
        self._tokens.prove_key(serial, pin, found.key_id, found.der)
        return found.der

    def _current(self) -> tuple[str, TokenCertificate]:
        contents = self._tokens.inspect()
        found = current(contents)
        if found is None:
            raise DeviceFailed("card_without_certificate")
        return contents.info.serial, found

    def _connected(self) -> bool:
        if self._context is None:
            result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
            if result != scard.SCARD_S_SUCCESS:
                return False
            self._context = context
            self._states = []
        return True

    def _release(self) -> None:
        if self._context is not None:
            scard.SCardReleaseContext(self._context)
            self._context = None

    def _names(self) -> list[str]:
        result, names = scard.SCardListReaders(self._context, [])
        if result == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        if result != scard.SCARD_S_SUCCESS:
            self._release()
            raise DeviceMissing("pcscd_missing")
        return [name for name in names if self._reader in name]

    def _look(self, wait: float) -> None:
        """Ask for the states of all readers; blocks up to ``wait`` seconds while nothing changes."""
        try:
            changed = self._connected() and self._status(wait)
        except DeviceMissing:
            changed = False
        if self._context is None:
            self._settle(())
            time.sleep(min(wait, _PAUSE))
        elif changed:
            self._settle(tuple(_counted(name, state) for name, state in self._states if name != _NEW_READERS))

    def _status(self, wait: float) -> bool:
        known = dict(self._states)
        asked = [(name, known.get(name, scard.SCARD_STATE_UNAWARE)) for name in [*self._names(), _NEW_READERS]]
        result, found = scard.SCardGetStatusChange(self._context, int(wait * 1000), asked)
        if result == scard.SCARD_E_TIMEOUT:
            return False
        if result not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_UNKNOWN_READER):
            self._release()
            return False
        self._states = [(name, state) for name, state, _ in found] if result == scard.SCARD_S_SUCCESS else []
        return True

    def _settle(self, snapshot: Snapshot) -> None:
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._generation += 1


def _counted(name: str, state: int) -> tuple[str, int]:
    """The number of insertions and removals, twice, plus one while a card is in."""
    return name, ((state >> 16) & 0xFFFF) * 2 + bool(state & scard.SCARD_STATE_PRESENT)
