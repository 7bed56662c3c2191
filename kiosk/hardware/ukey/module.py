"""One PKCS#11 module: loaded once, enumerated anew for each piece of work, its errors told as the kiosk's own.

Each piece of work runs between C_Initialize and C_Finalize: only so does SoftHSM notice tokens that came and went, no
login and no session outlives the work, and a session that a failed login left behind is closed too. One process, one
thread: modules initialised without locking arguments crash under threads.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import TokenFlag
from pkcs11.exceptions import PKCS11Error

from kiosk.hardware.errors import (
    DeviceError,
    DeviceFailed,
    DeviceMissing,
    PinIncorrect,
    PinLocked,
    PinTooWeak,
    SeveralTokens,
    TokenFull,
    TokenMissing,
    TokenRemoved,
)
from kiosk.hardware.ukey.raw import CKR_OK, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, RawModule

_CONFIGURATION: Final = {"softhsm": "SOFTHSM2_CONF", "opensc": "OPENSC_CONF"}


class TokenModule:
    """A vendor's PKCS#11 library."""

    def __init__(self, path: str, config: str = "", pcsc_socket: str = "", reader: str = "") -> None:
        """The options are UKeyReader's."""
        self._reader = reader
        name = Path(path).name
        for part, variable in _CONFIGURATION.items():
            if config and part in name:
                os.environ[variable] = config
        if pcsc_socket:
            os.environ["PCSCLITE_CSOCK_NAME"] = pcsc_socket
        if not Path(path).is_file():
            raise DeviceMissing("module_missing", module=name)
        try:
            self._lib = pkcs11.lib(path)
            self._raw = RawModule(path)
        except (PKCS11Error, OSError) as error:
            raise DeviceFailed("module_unusable", module=name, kind=type(error).__name__) from None
        self._stop()

    def close(self) -> None:
        """Leave the module uninitialised."""
        self._stop()

    def _stop(self) -> None:
        with contextlib.suppress(PKCS11Error):
            self._lib.finalize()

    def _start(self) -> None:
        self._stop()
        self._lib.initialize()

    @contextlib.contextmanager
    def enumerated(self) -> Iterator[dict[str, Any]]:
        """The tokens inserted now, serial → pkcs11.Token, usable inside the context."""
        try:
            self._start()
            yield self._tokens()
        except PKCS11Error as error:
            raise translated(error) from None
        finally:
            self._stop()

    def _tokens(self) -> dict[str, Any]:
        """Initialised tokens by serial. SoftHSM always shows an uninitialised one; a card may fill several slots."""
        found: dict[str, Any] = {}
        places: set[tuple[str, str]] = set()
        for slot in self._lib.get_slots(token_present=True):
            if self._reader not in slot.slot_description:
                continue
            try:
                token: Any = slot.get_token()
            except PKCS11Error:
                continue  # pulled between the list and the look
            if not token.flags & TokenFlag.TOKEN_INITIALIZED:
                continue
            serial = token.serial.rstrip(b"\0 ").decode("ascii", "backslashreplace")
            if (serial, slot.slot_description) in places:
                continue
            places.add((serial, slot.slot_description))
            if serial in found:
                raise DeviceFailed("duplicate_serial")
            found[serial] = token
        return found

    @contextlib.contextmanager
    def session(
        self,
        serial: str | None,
        *,
        pin: str | None = None,
        so_pin: str | None = None,
        write: bool = False,
        alone: bool = True,
    ) -> Iterator[Any]:
        """A session on the token ``serial`` (None: the only one), logged in if a PIN is given.

        ``alone``: refuse when another UKey is inserted too. After any failure the tokens are listed again: gone means
        TokenRemoved, whatever the module said (mostly CKR_GENERAL_ERROR); at the end the token must still be there.
        """
        with self.enumerated() as tokens:
            token = chosen(tokens, serial, alone)
            name = serial_of(tokens, token)
            session = None
            try:
                session = opened(token, write, pin, so_pin)
                yield session
                still_there(token)
            except PKCS11Error as error:
                raise self._diagnosed(error, token, name, so_pin is not None) from None
            except DeviceError:
                self.confirm(name)
                raise
            finally:
                if session is not None:
                    with contextlib.suppress(PKCS11Error):
                        session.close()

    def _diagnosed(self, error: PKCS11Error, token: Any, serial: str, so: bool) -> DeviceError:
        """What ``error`` means, seen in the light of what is inserted after it.

        The tries left are asked for first: OpenSC knows them only until the card is looked at anew.
        """
        if isinstance(error, pkcs11.PinIncorrect):
            with contextlib.suppress(PKCS11Error):
                return wrong_pin(token.slot.get_token().flags, so)
        try:
            self._start()
            tokens = self._tokens()
        except PKCS11Error:
            return translated(error)
        return translated(error) if serial in tokens else TokenRemoved(serial=serial)

    def confirm(self, serial: str) -> None:
        """Before "nothing there" is believed: list the tokens anew, and raise TokenRemoved if ``serial`` is gone.

        OpenSC reports a card pulled a moment ago as an empty one; only a new start makes it talk to the card again.
        """
        with contextlib.suppress(PKCS11Error):
            self._start()
            if serial not in self._tokens():
                raise TokenRemoved(serial=serial) from None

    def free_memory(self, token: Any) -> int | None:
        """Bytes free on ``token``; None where it does not tell."""
        return self._raw.free_memory(token.slot.slot_id)

    def init_token(self, serial: str, so_pin: str, label: str) -> None:
        """C_InitToken: wipes the token ``serial``. PinIncorrect and PinLocked speak of the SO PIN."""
        with self.enumerated() as tokens:
            token = chosen(tokens, serial, alone=True)
            result = self._raw.init_token(token.slot.slot_id, so_pin, label)
            if result == CKR_PIN_INCORRECT:
                raise wrong_pin(token.flags, so=True)
            if result == CKR_PIN_LOCKED:
                raise PinLocked()
            if result != CKR_OK:
                raise DeviceFailed("init_token_refused", result=result)


def opened(token: Any, write: bool, pin: str | None, so_pin: str | None) -> Any:
    """A session, logged in if a PIN is given; one that breaks the rules for PINs is simply not the right one."""
    try:
        return token.open(rw=write or so_pin is not None, user_pin=pin, so_pin=so_pin)
    except (pkcs11.PinLenRange, pkcs11.PinInvalid, pkcs11.ArgumentsBad):
        raise PinIncorrect(attempts_left=None) from None


def still_there(token: Any) -> None:
    """Raise unless ``token`` is in its slot: pulled while it was searched, modules say no more than "nothing found"."""
    if token.slot.get_token().serial != token.serial:
        raise TokenRemoved()


def serial_of(tokens: dict[str, Any], token: Any) -> str:
    """The serial under which ``token`` is listed."""
    return next(serial for serial, item in tokens.items() if item is token)


def chosen(tokens: dict[str, Any], serial: str | None, alone: bool) -> Any:
    """The wanted token; TokenMissing, or SeveralTokens where exactly one is required."""
    if not tokens or (serial is not None and serial not in tokens):
        raise TokenMissing(inserted=len(tokens))
    if len(tokens) > 1 and (alone or serial is None):
        raise SeveralTokens(count=len(tokens))
    return next(iter(tokens.values())) if serial is None else tokens[serial]


def wrong_pin(flags: TokenFlag, so: bool) -> DeviceError:
    """PinLocked or PinIncorrect with the tries left as far as the token's flags tell (PKCS #11 v2.40, 3.2)."""
    locked = TokenFlag.SO_PIN_LOCKED if so else TokenFlag.USER_PIN_LOCKED
    final = TokenFlag.SO_PIN_FINAL_TRY if so else TokenFlag.USER_PIN_FINAL_TRY
    if flags & locked:
        return PinLocked()
    return PinIncorrect(attempts_left=1 if flags & final else None)


def translated(error: PKCS11Error) -> DeviceError:
    """A module's error as the kiosk's own, without any of its text."""
    match error:
        case pkcs11.PinLocked():
            return PinLocked()
        case pkcs11.PinIncorrect():
            return PinIncorrect(attempts_left=None)
        case pkcs11.PinInvalid() | pkcs11.PinLenRange():
            return PinTooWeak("pin_refused_by_token")
        case pkcs11.DeviceMemory():
            return TokenFull()
        case pkcs11.DeviceRemoved() | pkcs11.TokenNotPresent() | pkcs11.SlotIDInvalid():
            return TokenRemoved()
    return DeviceFailed("pkcs11_error", kind=type(error).__name__)
